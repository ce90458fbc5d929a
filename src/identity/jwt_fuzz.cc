#include "base/check.h"
#include "identity/jwt.h"

/// Any text: no crash, and what parses is what was sent.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const std::string_view text = as_text({data, size});
    const auto jws = identity::parse_jws(text);
    if (!jws) return 0;
    NARROWS_CHECK(text.starts_with(jws.value().signing_input + "."), "the input is not kept");
    if (const auto claims = identity::claims_of(jws.value())) {
        identity::TokenRules rules;
        rules.issuer = "joe";
        rules.audience = "narrows";
        rules.now = 1'300'819'000 * kNsPerSecond;
        rules.claims = {{"sub", "a*b"}};
        (void)identity::check_claims(claims.value(), rules);
    }
    return 0;
}
