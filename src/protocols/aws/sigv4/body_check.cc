#include <algorithm>

#include "codec/text.h"
#include "protocols/aws/sigv4/body.h"
#include "protocols/aws/sigv4/checksum.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kPrefix = "x-amz-checksum-";

/// Names that begin like a checksum and are none.
bool is_about_checksums(std::string_view name) {
    return name == "x-amz-checksum-algorithm" || name == "x-amz-checksum-mode" ||
           name == "x-amz-checksum-type";
}

Result<Bytes> decode_value(std::string_view name, std::string_view value, std::size_t size) {
    auto bytes = codec::unbase64(value);
    if (!bytes || bytes.value().size() != size) {
        return fail(ErrorCode::invalid, "the value of " + std::string(name) +
                                            " is not the base64 form of a value of its algorithm");
    }
    return bytes;
}

/// A value to compare with, and what computes ours.
struct Expectation {
    std::string name;
    bool in_trailer = false;
    std::unique_ptr<Checksum> checksum;
    std::size_t size = 0;
    Bytes declared;  ///< of a trailer: empty until finish
};

Result<Expectation> expect(std::string name, bool in_trailer) {
    const auto kind =
        name == "content-md5" ? std::optional(ChecksumKind::md5) : checksum_kind(name);
    if (!kind) {
        return fail(ErrorCode::unsupported,
                    "the checksum " + codec::printable(name) +
                        " cannot be checked here; send one of CRC32, CRC32C, CRC64NVME, MD5, "
                        "SHA1, SHA256, SHA512, XXHASH3, XXHASH64 and XXHASH128");
    }
    return Expectation{std::move(name), in_trailer, make_checksum(*kind), checksum_size(*kind), {}};
}

}  // namespace

bool BodyReport::held() const {
    return std::ranges::none_of(
        checks, [](const Check& check) { return check.state == CheckState::failed; });
}

struct BodyCheck::State {
    std::uint64_t size = 0;
    crypto::Hasher hash;
    std::optional<crypto::Digest> declared_sha256;
    std::vector<Expectation> expectations;

    Result<void> add_header(std::string name, std::string_view value) {
        for (const Expectation& other : expectations) {
            if (other.name == name) {
                return fail(ErrorCode::invalid, "the checksum " + name + " is declared twice");
            }
        }
        NARROWS_TRY(Expectation expectation, expect(std::move(name), false));
        NARROWS_TRY(expectation.declared, decode_value(expectation.name, value, expectation.size));
        expectations.push_back(std::move(expectation));
        return ok();
    }
};

BodyCheck::BodyCheck(std::unique_ptr<State> state) : state_(std::move(state)) {}
BodyCheck::~BodyCheck() = default;
BodyCheck::BodyCheck(BodyCheck&&) noexcept = default;

Result<BodyCheck> BodyCheck::of(const http::RequestHead& head, const Payload& payload,
                                bool checksums_cover_body) {
    auto state = std::make_unique<State>();
    if (payload.kind == PayloadKind::sha256) state->declared_sha256 = payload.sha256;
    for (const auto& field : head.headers) {
        std::string name = codec::lower(field.name);
        const bool checksum =
            checksums_cover_body && name.starts_with(kPrefix) && !is_about_checksums(name);
        if (checksum || name == "content-md5") {
            NARROWS_TRY(state->add_header(std::move(name), field.value));
        }
    }
    for (const std::string& name : payload.trailers) {
        NARROWS_TRY(Expectation expectation, expect(name, true));
        state->expectations.push_back(std::move(expectation));
    }
    return BodyCheck(std::move(state));
}

void BodyCheck::update(ByteView object_bytes) {
    state_->size += object_bytes.size();
    state_->hash.update(object_bytes);
    for (const Expectation& expectation : state_->expectations) {
        expectation.checksum->update(object_bytes);
    }
}

Result<BodyReport> BodyCheck::finish(const http::Headers& trailers) {
    BodyReport report;
    report.size = state_->size;
    report.sha256 = state_->hash.finish256();
    if (state_->declared_sha256) {
        const bool same = *state_->declared_sha256 == report.sha256;
        report.checks.push_back(
            {"x-amz-content-sha256", false, same ? CheckState::held : CheckState::failed});
    }
    for (Expectation& expectation : state_->expectations) {
        if (expectation.in_trailer) {
            NARROWS_TRY(expectation.declared,
                        decode_value(expectation.name, http::header(trailers, expectation.name),
                                     expectation.size));
        }
        const bool same = expectation.checksum->finish() == expectation.declared;
        report.checks.push_back({expectation.name, expectation.in_trailer,
                                 same ? CheckState::held : CheckState::failed});
    }
    return report;
}

void HoldBack::push(ByteView bytes, Bytes& out) {
    if (bytes.size() >= size_) {
        append(out, held_);
        append(out, bytes.first(bytes.size() - size_));
        held_.assign(bytes.end() - static_cast<std::ptrdiff_t>(size_), bytes.end());
        return;
    }
    const std::size_t total = held_.size() + bytes.size();
    const std::size_t leaving = total > size_ ? total - size_ : 0;
    append(out, ByteView(held_).first(leaving));
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(leaving));
    append(held_, bytes);
}

void HoldBack::release(Bytes& out) {
    append(out, held_);
    held_.clear();
}

}  // namespace narrows::sigv4
