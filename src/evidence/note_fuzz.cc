#include <cstdlib>

#include "evidence/checkpoint.h"
#include "evidence/note.h"

/// A note that parses is written back as it was; nothing it says verifies under a key that did not
/// sign it; its text may be taken for a checkpoint.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows::evidence;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto note = parse_note(bytes);
    if (note && note_bytes(note.value()) != bytes) {
        std::abort();
    }
    const auto key = parse_vkey(bytes);
    if (key && !parse_vkey(vkey_text(key.value()))) {
        std::abort();
    }
    if (note) {
        (void)verify_note(note.value(), {make_verifier_key("a", KeyType::ed25519, {}).value()});
    }
    return 0;
}
