#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

/// What AWS4-ECDSA-P256-SHA256 (SigV4A) has of its own: a set of regions in place of one, and
/// signatures that are DER and of changing length.
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
/// https://github.com/awslabs/aws-c-auth/blob/main/source/aws_signing.c
namespace narrows::sigv4 {

inline constexpr std::size_t kRegionsMax = 32;
/// Of the hex form. Chunk and trailer signatures are padded to it with `*`, so that the length of
/// an upload does not depend on them.
inline constexpr std::size_t kEcdsaSignatureMax = 144;

/// X-Amz-Region-Set, which stands once: names separated by commas, in which `*` stands for any
/// characters; never empty. ErrorCode::invalid otherwise.
Result<std::vector<std::string>> read_region_set(const http::Headers& headers);
Result<std::vector<std::string>> parse_region_set(std::string_view text);
std::string region_set_text(const std::vector<std::string>& set);

/// Lower-case hex of something as long as such signatures are. ErrorCode::invalid otherwise.
Result<void> read_ecdsa_signature(std::string_view text);

/// The same from a chunk or trailer, with its padding if it has any. The view is of `text`.
Result<std::string_view> read_padded_signature(std::string_view text);

}  // namespace narrows::sigv4
