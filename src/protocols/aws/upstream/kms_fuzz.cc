#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/upstream/kms.h"

/// The readers of answers: what they take is about the key that was asked for, and about no other.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    constexpr std::string_view kArn = "arn:aws:kms:us-east-1:123456789012:key/k";
    constexpr std::string_view kOther = "arn:aws:kms:us-east-1:123456789012:key/o";
    const std::string_view text = as_text({data, size});
    NARROWS_CHECK(!upstream::parse_kms_public_key(text, kArn) ||
                      !upstream::parse_kms_public_key(text, kOther),
                  "one answer is about two keys");
    NARROWS_CHECK(
        !upstream::parse_kms_signature(text, kArn) || !upstream::parse_kms_signature(text, kOther),
        "one signature is by two keys");
    const std::string code = upstream::parse_kms_error(text);
    NARROWS_CHECK(code.size() <= 64 && code.find_first_of("#:. \n") == code.npos,
                  "an error code of more than letters and digits");
    return 0;
}
