#include "protocols/aws/adapter/request_integrity.h"

namespace narrows::aws {

using model::Reason;

namespace {

constexpr std::string_view kContentHash = "x-amz-content-sha256";

const char* covered_by(const sigv4::Payload& payload) {
    if (payload.chunks_signed()) {
        return "chunk-signatures";
    }
    const bool hashed =
        payload.kind == sigv4::PayloadKind::absent || payload.kind == sigv4::PayloadKind::sha256;
    return hashed ? "signed-hash" : "nothing";
}

}  // namespace

codec::Map integrity_value(const sigv4::Payload& payload,
                           const std::optional<sigv4::BodyReport>& report) {
    codec::Map checks;
    if (payload.chunks_signed()) {
        checks.emplace("chunk-signatures", report ? "held" : "failed");
    }
    for (const sigv4::Check& check : report ? report->checks : std::vector<sigv4::Check>{}) {
        checks.emplace(check.name, check.state == sigv4::CheckState::held ? "held" : "failed");
    }
    codec::Map value;
    value.emplace("covered_by", covered_by(payload));
    value.emplace("checks", std::move(checks));
    return value;
}

Rejection body_mismatch(const sigv4::BodyReport& report) {
    std::string failed;
    bool hash_alone = true;
    for (const sigv4::Check& check : report.checks) {
        if (check.state == sigv4::CheckState::failed) {
            failed += (failed.empty() ? "" : ", ") + check.name;
            hash_alone = hash_alone && check.name == kContentHash;
        }
    }
    return reject_as_bad(Reason::not_authenticated,
                         hash_alone ? "XAmzContentSHA256Mismatch" : "BadDigest",
                         "The body is not what its declared hash or checksum says: " + failed);
}

Rejection body_malformed(const Error& error) {
    if (error.code == ErrorCode::unauthenticated) {
        return reject(Reason::not_authenticated, "SignatureDoesNotMatch", error.what);
    }
    return reject_as_bad(Reason::not_recognised, "IncompleteBody", error.what);
}

}  // namespace narrows::aws
