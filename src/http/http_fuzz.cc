#include <algorithm>

#include "base/check.h"
#include "http/message_reader.h"

using namespace narrows;  // NOLINT: a fuzzer's main file

/// The first byte chooses the side and the stretch size; the rest is what a peer sends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const auto side = (data[0] & 1) != 0 ? http::MessageReader::Side::response
                                         : http::MessageReader::Side::request;
    const std::size_t step = 1 + (data[0] >> 1);
    http::MessageReader reader(side, http::Bounds{2048, 256});
    bool in_body = false;
    for (std::size_t at = 1; at < size;) {
        const std::span<std::uint8_t> room = reader.room();
        const std::size_t take = std::min({step, size - at, room.size()});
        if (take == 0) {
            return 0;
        }
        std::copy_n(data + at, take, room.begin());
        reader.fed(take);
        at += take;
        while (true) {
            if (!in_body) {
                const Result<bool> head = reader.parse_head();
                if (!head.has_value()) {
                    return 0;
                }
                in_body = head.value();
            }
            if (!in_body) {
                break;
            }
            const Result<ByteView> part = reader.body_done() ? ByteView() : reader.parse_body();
            if (!part.has_value()) {
                return 0;
            }
            if (reader.body_done()) {
                reader.begin(false);
                in_body = false;
            } else if (part.value().empty()) {
                break;
            }
        }
    }
    return 0;
}
