#include <cstdlib>

#include "codec/json.h"

using namespace narrows;

/// What decodes can be written, and reads back as the same value; every place is in the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    for (const auto& [path, at] : codec::json_places(as_text({data, size}))) {
        if (at >= size) std::abort();
    }
    const auto value = codec::json_decode(as_text({data, size}));
    if (!value) return 0;
    const auto again = codec::json_decode(codec::json_encode(value.value()));
    if (!again || again.value() != value.value()) std::abort();
    return 0;
}
