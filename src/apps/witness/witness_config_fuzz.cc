#include "apps/witness/config.h"
#include "base/check.h"

/// Any text: no crash; what parses names logs with keys.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const auto config = apps::parse_witness_config(as_text({data, size}), "witness.toml");
    if (config) {
        for (const auto& log : config.value().logs) {
            NARROWS_CHECK(!log.keys.empty(), "a log without a key");
        }
    }
    return 0;
}
