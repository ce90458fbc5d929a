#include <cstdlib>

#include "evidence/note.h"
#include "evidence/witness_message.h"

/// A request that parses is written back as it was; a witness's answers never crash who reads them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows::evidence;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto request = parse_add_checkpoint(text);
    if (request && add_checkpoint_text(request.value()) != text) {
        std::abort();
    }
    const auto signatures = parse_signatures(text);
    if (signatures && signature_lines(signatures.value()) != text) {
        std::abort();
    }
    (void)parse_known_size(text);
    return 0;
}
