#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/bytes.h"
#include "process/descriptor.h"

namespace narrows::process {

/// Frames (frame.h) out of many threads into one stream socket, in the order of `put`. Written
/// at once by who puts them while the socket takes them; what it does not take, a thread of its own
/// writes later. What need not leave at once goes along with the next that does, in one write.
/// Unbounded: callers look at `unsent`. When the peer is gone, what is put is dropped. Thread-safe.
class Outbox {
  public:
    /// `socket` must outlive it.
    explicit Outbox(const Descriptor& socket);
    /// Drops what is unsent.
    ~Outbox();

    enum class When {
        now,
        with_next  ///< at the latest when `release` is called; at once if it is large
    };
    /// `message` holds 1 byte to kFrameMax. Never blocks.
    void put(ByteView message, When when = When::now) { put(message, {}, when); }
    /// One message of two pieces.
    void put(ByteView begin, ByteView end, When when = When::now);
    /// Writes what waits for a next one.
    void release();
    std::size_t unsent() const { return unsent_; }
    /// Waits until all is written or the peer is gone, at most so long.
    void flush(std::chrono::milliseconds at_most);

  private:
    void run();
    void write(ByteView head, ByteView begin, ByteView end);
    void write_waiting();

    const Descriptor& socket_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable empty_;
    Bytes waiting_;  ///< frames that go along with the next
    Bytes rest_;     ///< what the socket did not take, from at_ on
    std::size_t at_ = 0;
    std::atomic<std::size_t> unsent_ = 0;
    bool gone_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace narrows::process
