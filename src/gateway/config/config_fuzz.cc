#include "base/check.h"
#include "gateway/config/config.h"

/// Any text: no crash; refusals carry the place; what parses is consistent.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const gateway::ReadFile read = [](const std::string&) -> Result<std::string> {
        return std::string("{}");
    };
    const auto config = gateway::parse_config(as_text({data, size}), "narrows.toml", read);
    if (!config) {
        NARROWS_CHECK(config.error().what.starts_with("narrows.toml:"), "a refusal without place");
        return 0;
    }
    for (const auto& grant : config.value().grants) {
        for (const auto& name : grant.connections) {
            NARROWS_CHECK(config.value().connection(name) != nullptr, "a grant leads nowhere");
        }
    }
    NARROWS_CHECK(gateway::diff(config.value(), config.value()).empty(), "differs from itself");
    return 0;
}
