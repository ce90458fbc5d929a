#include "process/frame.h"

#include "base/check.h"
#include "base/secret.h"

namespace narrows::process {

void append_frame(Bytes& to, ByteView payload) {
    NARROWS_CHECK(!payload.empty() && payload.size() <= kFrameMax, "a frame's size is in bounds");
    append_le(to, static_cast<std::uint32_t>(payload.size()));
    append(to, payload);
}

void FrameReader::push(ByteView bytes) {
    Bytes rest(held_.begin() + static_cast<std::ptrdiff_t>(at_), held_.end());
    wipe(held_.data(), held_.size());  // messages may hold keys, and what agents sent
    held_ = std::move(rest);
    at_ = 0;
    append(held_, bytes);
}

Result<std::optional<ByteView>> FrameReader::next() {
    const ByteView rest = ByteView(held_).subspan(at_);
    if (rest.empty()) {
        wipe(held_.data(), held_.size());
        held_.clear();
        at_ = 0;
        return std::optional<ByteView>();
    }
    if (rest.size() < kFrameHead) {
        return std::optional<ByteView>();
    }
    const auto size = load_le<std::uint32_t>(rest.data());
    if (size == 0 || size > kFrameMax) {
        return fail(ErrorCode::invalid, "a message between processes has a length out of bounds");
    }
    if (rest.size() - kFrameHead < size) {
        return std::optional<ByteView>();
    }
    at_ += kFrameHead + size;
    return std::optional<ByteView>(rest.subspan(kFrameHead, size));
}

}  // namespace narrows::process
