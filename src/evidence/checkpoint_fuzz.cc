#include <cstdlib>

#include "evidence/checkpoint.h"

/// What parses is written back as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows::evidence;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto checkpoint = parse_checkpoint(text);
    if (checkpoint && checkpoint_text(checkpoint.value()) != text) {
        std::abort();
    }
    return 0;
}
