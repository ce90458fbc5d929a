#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/sigv4/post_policy.h"

/// The first line is a policy's text, the others are "name=value" fields. Nothing that has no
/// signature of ours is verified, and a policy that has expired allows nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    sigv4::FormFields fields;
    const auto lines = codec::split(as_text({data, size}), '\n');
    fields.push_back({"policy", codec::base64(as_bytes(lines.front()))});
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t equals = lines[i].find('=');
        if (equals == std::string_view::npos) continue;
        fields.push_back(
            {codec::lower(lines[i].substr(0, equals)), std::string(lines[i].substr(equals + 1))});
    }
    const auto read = sigv4::read_form(fields);
    if (read) {
        const Secret secret(std::string_view("a secret that signed nothing"));
        const auto key = sigv4::SigningKey::derive(secret, read.value().scope);
        NARROWS_CHECK(!sigv4::verify_form(fields, read.value(), key) &&
                          !sigv4::verify_form_v2(fields, read.value(), secret),
                      "a signature is verified that nobody made");
    }
    constexpr WallNs kEnd = std::numeric_limits<WallNs>::max();
    NARROWS_CHECK(!sigv4::check_policy(fields, "b", kEnd), "an expired policy allows something");
    (void)sigv4::check_policy(fields, "b", 0);
    (void)sigv4::classify_form(fields, {});
    return 0;
}
