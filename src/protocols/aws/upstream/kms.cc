#include "protocols/aws/upstream/kms.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"

namespace narrows::upstream {
namespace {

constexpr std::string_view kAlgorithm = "ED25519_SHA_512";
constexpr std::size_t kAnswerMax = 16 * 1024;
/// A SubjectPublicKeyInfo up to the key itself (RFC 8410 section 4).
constexpr std::array<std::uint8_t, 12> kEd25519Info = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

auto malformed(std::string_view what) {
    return fail(ErrorCode::unavailable, fmt::format("AWS KMS gave an answer {}", what));
}

Result<codec::Value> answer_about(std::string_view json, std::string_view key_arn) {
    Result<codec::Value> answer = codec::json_decode(json);
    if (!answer || answer.value().as<codec::Map>() == nullptr) {
        return malformed("that is no JSON object");
    }
    if (answer.value().text("KeyId") != key_arn) {
        return malformed("about another key than was asked for");
    }
    return answer;
}

Result<Bytes> bytes_of(const codec::Value& answer, std::string_view member) {
    Result<Bytes> bytes = codec::unbase64(answer.text(member));
    if (!bytes) {
        return malformed("with base64 that is none");
    }
    return bytes;
}

template <std::size_t kSize>
Result<std::array<std::uint8_t, kSize>> take(ByteView bytes) {
    std::array<std::uint8_t, kSize> out;
    if (bytes.size() != kSize) {
        return malformed(fmt::format("with {} bytes where {} belong", bytes.size(), kSize));
    }
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

bool lists(const codec::Value* algorithms, std::string_view wanted) {
    const auto* list = algorithms == nullptr ? nullptr : algorithms->as<codec::List>();
    return list != nullptr && std::any_of(list->begin(), list->end(), [&](const auto& each) {
               return each == codec::Value(wanted);
           });
}

/// Throttling and expired credentials are 4xx and yet pass.
bool may_pass(int status, std::string_view code) {
    return status >= 500 || status == 429 || code.starts_with("Throttl") ||
           code.starts_with("Expired");
}

}  // namespace

KmsAsk kms_get_public_key(std::string_view key_arn) {
    return {"GetPublicKey", codec::json_encode(codec::Map{{"KeyId", key_arn}})};
}

Result<KmsAsk> kms_sign(std::string_view key_arn, ByteView message) {
    if (message.empty() || message.size() > kKmsMessageMax) {
        return fail(ErrorCode::invalid,
                    fmt::format("AWS KMS signs messages of 1 to {} bytes, not of {}",
                                kKmsMessageMax, message.size()));
    }
    const codec::Map body = {{"KeyId", key_arn},
                             {"Message", codec::base64(message)},
                             {"MessageType", "RAW"},
                             {"SigningAlgorithm", kAlgorithm}};
    return KmsAsk{"Sign", codec::json_encode(body)};
}

Result<crypto::PublicKey> parse_kms_public_key(std::string_view json, std::string_view key_arn) {
    NARROWS_TRY(const codec::Value answer, answer_about(json, key_arn));
    const std::string spec = answer.text("KeySpec");
    const std::string usage = answer.text("KeyUsage");
    if (spec != "ECC_NIST_EDWARDS25519" || usage != "SIGN_VERIFY" ||
        !lists(answer.find("SigningAlgorithms"), kAlgorithm)) {
        return fail(
            ErrorCode::denied,
            fmt::format("the key {} has spec {} and usage {}, and cannot sign the log; make "
                        "one of spec ECC_NIST_EDWARDS25519 and usage SIGN_VERIFY",
                        key_arn, codec::printable(spec), codec::printable(usage)));
    }
    NARROWS_TRY(const Bytes info, bytes_of(answer, "PublicKey"));
    if (info.size() < kEd25519Info.size() ||
        !std::equal(kEd25519Info.begin(), kEd25519Info.end(), info.begin())) {
        return malformed("with a public key that is not Ed25519's");
    }
    return take<crypto::PublicKey().size()>(ByteView(info).subspan(kEd25519Info.size()));
}

Result<crypto::Signature> parse_kms_signature(std::string_view json, std::string_view key_arn) {
    NARROWS_TRY(const codec::Value answer, answer_about(json, key_arn));
    if (answer.text("SigningAlgorithm") != kAlgorithm) {
        return malformed("by another algorithm than was asked for");
    }
    NARROWS_TRY(const Bytes signature, bytes_of(answer, "Signature"));
    return take<crypto::Signature().size()>(signature);
}

std::string parse_kms_error(std::string_view json) {
    constexpr std::size_t kCodeMax = 64;
    const Result<codec::Value> answer = codec::json_decode(json);
    const std::string type = answer ? answer.value().text("__type") : std::string();
    const std::string code = type.substr(type.rfind('#') + 1);  // "com.amazonaws.kms#Code" too
    const bool plain = std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    });
    return plain && code.size() <= kCodeMax ? code : std::string();
}

Result<std::string> ask_kms(HttpFetch& fetch, const Target& kms, std::string_view region,
                            const sigv4::Credentials& credentials, const KmsAsk& ask, WallNs now,
                            sigv4::KeyCache& keys) {
    FetchRequest request;
    request.target = kms;
    request.response_bytes_max = kAnswerMax;
    request.head = {"POST",
                    "/",
                    {{"Host", kms.authority()},
                     {"Content-Type", "application/x-amz-json-1.1"},
                     {"X-Amz-Target", "TrentService." + ask.operation}}};
    request.body = Secret(ask.body);
    NARROWS_TRY(sigv4::Signed made, sigv4::sign(request.head, codec::hex(crypto::sha256(ask.body)),
                                                credentials, region, "kms", now, keys));
    std::move(made.headers.begin(), made.headers.end(), std::back_inserter(request.head.headers));
    const Result<FetchResponse> response = fetch.fetch(request);
    if (!response) {
        return fail(ErrorCode::unavailable,
                    fmt::format("AWS KMS at {} could not be asked to {}: {}", kms.authority(),
                                ask.operation, response.error().what));
    }
    const int status = response.value().head.status;
    if (status == 200) {
        return std::string(response.value().body.text());
    }
    const std::string code = parse_kms_error(response.value().body.text());
    const bool passes = may_pass(status, code);
    return fail(passes ? ErrorCode::unavailable : ErrorCode::denied,
                fmt::format("AWS KMS at {} answered {} {} to {}{}", kms.authority(), status,
                            code.empty() ? "(no error code)" : code, ask.operation,
                            passes ? ""
                                   : ": see that the key is there and enabled, that its policy "
                                     "lets the recorder's role use it (docs/keys.md), and that "
                                     "credentials and clock are right"));
}

}  // namespace narrows::upstream
