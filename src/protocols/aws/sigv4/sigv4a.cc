#include "protocols/aws/sigv4/sigv4a.h"

#include <algorithm>

#include "codec/text.h"

namespace narrows::sigv4 {
namespace {

constexpr std::size_t kRegionMax = 64;
constexpr std::size_t kEcdsaSignatureMin = 16;  // two numbers of one byte

bool is_region_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '*';
}

bool is_lower_hex_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

Result<std::vector<std::string>> parse_region_set(std::string_view text) {
    std::vector<std::string> set;
    for (const std::string_view piece : codec::split(text, ',')) {
        const std::string_view region = codec::trim(piece);
        if (region.empty() || region.size() > kRegionMax || set.size() == kRegionsMax ||
            !std::ranges::all_of(region, is_region_byte)) {
            return fail(ErrorCode::invalid,
                        "the region set is no list of at most 32 names of regions");
        }
        set.emplace_back(region);
    }
    return set;
}

Result<std::vector<std::string>> read_region_set(const http::Headers& headers) {
    if (http::count(headers, "x-amz-region-set") != 1) {
        return fail(
            ErrorCode::invalid,
            "a request signed with AWS4-ECDSA-P256-SHA256 has exactly one X-Amz-Region-Set");
    }
    return parse_region_set(http::header(headers, "x-amz-region-set"));
}

std::string region_set_text(const std::vector<std::string>& set) {
    std::string out;
    for (const std::string& region : set) out.append(out.empty() ? "" : ",").append(region);
    return out;
}

Result<void> read_ecdsa_signature(std::string_view text) {
    if (text.size() < kEcdsaSignatureMin || text.size() > kEcdsaSignatureMax ||
        text.size() % 2 != 0 || !std::ranges::all_of(text, is_lower_hex_byte)) {
        return fail(ErrorCode::invalid,
                    "the request has an ECDSA signature that is no lower-case hex of DER");
    }
    return ok();
}

Result<std::string_view> read_padded_signature(std::string_view text) {
    const std::size_t size = text.find_last_not_of('*') + 1;
    if (size != text.size() && text.size() != kEcdsaSignatureMax) {
        return fail(ErrorCode::invalid,
                    "a signature of the body is padded to another length than 144");
    }
    const std::string_view signature = text.substr(0, size);
    NARROWS_TRY(read_ecdsa_signature(signature));
    return signature;
}

}  // namespace narrows::sigv4
