#include "base/check.h"
#include "identity/jwks.h"

/// Any text: no crash, bounded keys, and no key verifies a signature of nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const auto keys = identity::parse_jwks(as_text({data, size}));
    if (!keys) return 0;
    NARROWS_CHECK(!keys.value().empty() && keys.value().size() <= identity::kJwksKeysMax,
                  "a set without keys or with too many");
    for (const auto& key : keys.value()) {
        NARROWS_CHECK(!key.key.verify(as_bytes("message"), {}), "an empty signature held");
    }
    return 0;
}
