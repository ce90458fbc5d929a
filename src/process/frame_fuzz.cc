#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "process/frame.h"

namespace {

using namespace narrows;

/// What comes out when the bytes arrive in pieces: the frames again, and whether all held.
std::pair<Bytes, bool> read(ByteView bytes, std::size_t piece) {
    process::FrameReader reader(32);  // small, so that frames outgrow it
    Bytes again;
    while (!bytes.empty()) {
        const std::size_t size = std::min(piece, bytes.size());
        reader.push(bytes.first(size));
        bytes = bytes.subspan(size);
        while (true) {
            const auto frame = reader.next();
            if (!frame.has_value()) return {again, false};
            if (!frame.value()) break;
            process::append_frame(again, *frame.value());
        }
    }
    return {again, true};
}

}  // namespace

/// First byte: size of pieces. Pieces must not change the meaning; what was read is what was there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView bytes(data + 1, size - 1);
    const auto whole = read(bytes, bytes.size() + 1);
    NARROWS_CHECK(whole == read(bytes, 1 + data[0] % 32), "pieces change the meaning");
    NARROWS_CHECK(std::equal(whole.first.begin(), whole.first.end(), bytes.begin()),
                  "frames are not what arrived");
    return 0;
}
