#pragma once

#include <map>
#include <string>

#include "codec/event_stream.h"
#include "codec/value.h"
#include "http/message.h"

namespace narrows::aws {

/// Whether a message's body is one: application/vnd.amazon.eventstream.
bool is_event_stream(const http::Headers& headers);

/// What event streams tell of themselves in RESULT: how many messages of which types, and the first
/// exception. Holds at most kTypesMax names.
class EventCount {
  public:
    static constexpr std::size_t kTypesMax = 64;

    void add(const codec::EventMessage& message);
    codec::Value events() const;
    const std::string& exception() const { return exception_; }

  private:
    std::uint64_t messages_ = 0;
    std::map<std::string, std::uint64_t, std::less<>> types_;
    std::string exception_;
};

/// Follows an answer that is an event stream and lets only whole messages on whose checksums hold.
/// Holds one message at most. Not thread-safe.
class EventFlow {
  public:
    /// `why` is set if the stream is broken: then `bytes` are what came and may not pass.
    struct Stretch {
        ByteView bytes;  ///< until the next call
        std::string why;
    };
    Stretch follow(ByteView bytes, bool is_end);
    const EventCount& count() const { return count_; }

  private:
    codec::EventStreamDecoder decoder_;
    EventCount count_;
};

}  // namespace narrows::aws
