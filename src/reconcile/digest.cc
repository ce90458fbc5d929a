#include "reconcile/digest.h"

#include <algorithm>

#include "base/rfc3339.h"
#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "reconcile/names.h"

namespace narrows::reconcile {
namespace {

constexpr std::size_t kPublicKeysBytesMax = std::size_t{4} << 20;

Error not_a_digest(const char* why) {
    return {ErrorCode::invalid, std::string("the file is no digest of CloudTrail: ") + why};
}

Result<std::vector<ProvenFile>> files_of(const codec::Value& digest) {
    const codec::Value* files = digest.find("logFiles");
    const codec::List* list = files == nullptr ? nullptr : files->as<codec::List>();
    if (list == nullptr) {
        return fail(not_a_digest("it lists no log files"));
    }
    std::vector<ProvenFile> out;
    for (const codec::Value& each : *list) {
        ProvenFile file{std::string(trail_key(each.text("s3Object"))),
                        codec::lower(each.text("hashValue"))};
        if (file.key.empty() || each.text("hashAlgorithm") != "SHA-256" ||
            file.sha256.size() != 64) {
            return fail(not_a_digest("a log file in it has no name or no SHA-256"));
        }
        out.push_back(std::move(file));
    }
    return out;
}

}  // namespace

Result<Digest> parse_digest(std::string_view json) {
    if (json.size() > kDigestBytesMax) {
        return fail(ErrorCode::exhausted, "a digest is larger than 64 MiB");
    }
    NARROWS_TRY(const codec::Value value, codec::json_decode(json));
    const auto start = parse_rfc3339(value.text("digestStartTime"));
    const auto end = parse_rfc3339(value.text("digestEndTime"));
    if (!start || !end || value.text("digestSignatureAlgorithm") != "SHA256withRSA") {
        return fail(not_a_digest("it has no times, or is signed in an unknown way"));
    }
    Digest digest;
    digest.start = *start;
    digest.end = *end;
    digest.bucket = value.text("digestS3Bucket");
    digest.object = value.text("digestS3Object");
    digest.fingerprint = value.text("digestPublicKeyFingerprint");
    digest.previous_object = value.text("previousDigestS3Object");
    digest.previous_hash = codec::lower(value.text("previousDigestHashValue"));
    digest.previous_signature = value.text("previousDigestSignature");
    NARROWS_TRY(digest.files, files_of(value));
    digest.signed_text = value.text("digestEndTime") + "\n" + digest.bucket + "/" + digest.object +
                         "\n" + codec::hex(crypto::sha256(json)) + "\n" +
                         (digest.previous_signature.empty() ? "null" : digest.previous_signature);
    return digest;
}

Result<PublicKeys> PublicKeys::parse(std::string_view text) {
    if (text.size() > kPublicKeysBytesMax) {
        return fail(ErrorCode::exhausted, "the list of public keys is larger than 4 MiB");
    }
    NARROWS_TRY(const codec::Value value, codec::json_decode(text));
    const codec::Value* list = value.find("PublicKeyList");
    const codec::List* keys = list == nullptr ? nullptr : list->as<codec::List>();
    if (keys == nullptr) {
        return fail(ErrorCode::invalid,
                    "the public keys are not what `aws cloudtrail list-public-keys` prints");
    }
    PublicKeys out;
    for (const codec::Value& each : *keys) {
        NARROWS_TRY(const Bytes der, codec::unbase64(each.text("Value")));
        NARROWS_TRY(crypto::JwsKey key, crypto::JwsKey::rsa_pkcs1(der));
        out.keys_.insert_or_assign(each.text("Fingerprint"), std::move(key));
    }
    return out;
}

bool PublicKeys::verify(const std::string& fingerprint, std::string_view text,
                        const std::vector<std::string>& signatures) const {
    const auto key = keys_.find(fingerprint);
    return key != keys_.end() &&
           std::any_of(signatures.begin(), signatures.end(), [&](const std::string& hex) {
               const Result<Bytes> signature = codec::unhex(hex);
               return signature.has_value() &&
                      key->second.verify(as_bytes(text), signature.value());
           });
}

}  // namespace narrows::reconcile
