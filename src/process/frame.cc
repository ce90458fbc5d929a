#include "process/frame.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/secret.h"

namespace narrows::process {

void append_frame(Bytes& to, ByteView payload) {
    NARROWS_CHECK(!payload.empty() && payload.size() <= kFrameMax, "a frame's size is in bounds");
    append_le(to, static_cast<std::uint32_t>(payload.size()));
    append(to, payload);
}

FrameReader::~FrameReader() {
    wipe(held_.data(), end_);
}

void FrameReader::wipe_taken() {
    wipe(held_.data() + wiped_, at_ - wiped_);
    wiped_ = at_;
}

void FrameReader::move_to_front(std::size_t capacity) {
    const std::size_t rest = end_ - at_;
    if (capacity > held_.size()) {
        Bytes larger(capacity);
        std::copy_n(held_.data() + at_, rest, larger.data());
        wipe(held_.data(), end_);
        held_ = std::move(larger);
    } else if (at_ > 0) {
        std::memmove(held_.data(), held_.data() + at_, rest);
        wipe(held_.data() + rest, end_ - rest);
    }
    end_ = rest;
    at_ = wiped_ = 0;
}

std::span<std::uint8_t> FrameReader::room() {
    wipe_taken();
    // Half of it is enough to read into, so that not every read moves what is left.
    if (held_.size() - end_ < least_ / 2 || held_.size() - at_ < need_) {
        move_to_front(need_);
    }
    return std::span(held_).subspan(end_);
}

void FrameReader::filled(std::size_t bytes) {
    NARROWS_CHECK(bytes <= held_.size() - end_, "what arrived fits where it was written");
    end_ += bytes;
}

void FrameReader::push(ByteView bytes) {
    if (room().size() < bytes.size()) {
        move_to_front(end_ - at_ + bytes.size());
    }
    std::copy(bytes.begin(), bytes.end(), held_.begin() + static_cast<std::ptrdiff_t>(end_));
    end_ += bytes.size();
}

Result<std::optional<ByteView>> FrameReader::next() {
    need_ = 0;
    if (at_ == end_) {
        wipe_taken();
        wiped_ = at_ = end_ = 0;
        if (held_.size() > least_) {
            held_ = Bytes(least_);
        }
        return std::optional<ByteView>();
    }
    const ByteView rest = ByteView(held_).subspan(at_, end_ - at_);
    if (rest.size() < kFrameHead) {
        return std::optional<ByteView>();
    }
    const auto size = load_le<std::uint32_t>(rest.data());
    if (size == 0 || size > kFrameMax) {
        return fail(ErrorCode::invalid, "a message between processes has a length out of bounds");
    }
    if (rest.size() - kFrameHead < size) {
        need_ = kFrameHead + size;
        return std::optional<ByteView>();
    }
    at_ += kFrameHead + size;
    return std::optional<ByteView>(rest.subspan(kFrameHead, size));
}

}  // namespace narrows::process
