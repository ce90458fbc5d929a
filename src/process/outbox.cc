#include "process/outbox.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/secret.h"
#include "process/frame.h"

namespace narrows::process {
namespace {

constexpr int kPollMs = 100;  // so long a stop may wait
constexpr std::size_t kTidyBytes = 1u << 20;
constexpr std::size_t kWaitingMax = 16u << 10;  // beyond, a copy costs more than a write

/// Bytes that the socket took; -1: the peer is gone.
ssize_t send_now(int socket, std::array<ByteView, 4> pieces) {
    std::array<iovec, 4> parts;
    std::transform(pieces.begin(), pieces.end(), parts.begin(), [](ByteView each) {
        return iovec{const_cast<std::uint8_t*>(each.data()), each.size()};
    });
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    const bool later = sent < 0 && (errno == EAGAIN || errno == EINTR);
    return later ? 0 : sent;
}

/// What agents sent stands in them, and the buffers live on.
void wipe_and_clear(Bytes& sent) {
    wipe(sent.data(), sent.size());
    sent.clear();
}

}  // namespace

Outbox::Outbox(const Descriptor& socket) : socket_(socket), thread_([this] { run(); }) {}

Outbox::~Outbox() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Outbox::put(ByteView begin, ByteView end, When when) {
    const std::size_t size = begin.size() + end.size();
    NARROWS_CHECK(size > 0 && size <= kFrameMax, "a frame's size is in bounds");
    std::array<std::uint8_t, kFrameHead> head{};
    store_le(head.data(), static_cast<std::uint32_t>(size));
    const std::lock_guard lock(mutex_);
    if (gone_) {
        return;
    }
    if (when == When::with_next && waiting_.size() + size <= kWaitingMax) {
        append(waiting_, head);
        append(waiting_, begin);
        append(waiting_, end);
        return;
    }
    write(head, begin, end);
}

void Outbox::release() {
    const std::lock_guard lock(mutex_);
    write_waiting();
}

/// Under the mutex.
void Outbox::write_waiting() {
    if (!waiting_.empty()) {
        write({}, {}, {});
    }
}

/// Behind what waits. Under the mutex.
void Outbox::write(ByteView head, ByteView begin, ByteView end) {
    const std::array<ByteView, 4> pieces{waiting_, head, begin, end};
    std::size_t sent = 0;
    if (rest_.empty() && !gone_) {
        const ssize_t taken = send_now(socket_.number(), pieces);
        gone_ = taken < 0;
        sent = static_cast<std::size_t>(std::max<ssize_t>(0, taken));
    }
    for (const ByteView piece : pieces) {
        const std::size_t of_it = std::min(sent, piece.size());
        sent -= of_it;
        if (!gone_) {
            append(rest_, piece.subspan(of_it));
        }
    }
    wipe_and_clear(waiting_);
    unsent_ = rest_.size() - at_;
    if (!rest_.empty()) {
        wake_.notify_one();
    }
}

void Outbox::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !rest_.empty(); });
        if (stopping_) {
            return;
        }
        lock.unlock();
        pollfd wait{socket_.number(), POLLOUT, 0};
        (void)::poll(&wait, 1, kPollMs);
        lock.lock();
        const ssize_t sent = send_now(socket_.number(), {ByteView(rest_).subspan(at_)});
        gone_ = sent < 0;
        at_ += static_cast<std::size_t>(std::max<ssize_t>(0, sent));
        if (gone_ || at_ == rest_.size()) {
            wipe_and_clear(rest_);
            at_ = 0;
            empty_.notify_all();
        }
        if (at_ > kTidyBytes) {
            Bytes unsent(rest_.begin() + static_cast<std::ptrdiff_t>(at_), rest_.end());
            wipe_and_clear(rest_);
            rest_ = std::move(unsent);
            at_ = 0;
        }
        unsent_ = rest_.size() - at_;
    }
}

void Outbox::flush(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    write_waiting();
    empty_.wait_for(lock, at_most, [this] { return rest_.empty(); });
}

}  // namespace narrows::process
