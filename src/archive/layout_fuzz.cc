#include <cstddef>
#include <cstdint>

#include "archive/layout.h"
#include "base/check.h"

// Keys from a store's listing: what is taken for one of ours is exactly what we would write.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view key(reinterpret_cast<const char*>(data), size);
    using namespace narrows;
    if (const auto piece = archive::parse_live_key(key)) {
        NARROWS_CHECK(archive::live_key(*piece) == key, "a live key has another form");
        NARROWS_CHECK(piece->from < piece->to, "a live piece is empty");
    }
    if (const auto checkpoint = archive::parse_checkpoint_key(key)) {
        NARROWS_CHECK(archive::checkpoint_key(*checkpoint) == key,
                      "a checkpoint's key has another form");
    }
    (void)archive::live_segment(key);
    return 0;
}
