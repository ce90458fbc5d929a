#include <cstdlib>

#include "codec/json.h"

using namespace narrows;

/// What decodes can be written, and reads back as the same value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto value = codec::json_decode(as_text({data, size}));
    if (!value) return 0;
    const auto again = codec::json_decode(codec::json_encode(value.value()));
    if (!again || again.value() != value.value()) std::abort();
    return 0;
}
