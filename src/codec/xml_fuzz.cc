#include <cstdlib>

#include "codec/xml.h"

using namespace narrows;

/// Nothing crashes, bounds hold, and text survives escaping.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto root = codec::xml_decode(as_text({data, size}));
    if (!root) return 0;
    const std::string again = "<a>" + codec::xml_escape(root.value().text) + "</a>";
    const auto back = codec::xml_decode(again);
    if (!back) std::abort();
    return 0;
}
