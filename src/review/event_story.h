#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/event_stream.h"
#include "codec/value.h"

/// A body that is an event stream, told event by event.
namespace narrows::review {

/// One event, or a run of small ones of one type, each within a second of the one before;
/// Transcribe's stand alone.
struct EventLine {
    WallNs time = 0;  ///< when the first was recorded
    WallNs last = 0;
    std::string type;  ///< "contentBlockDelta", "throttlingException"; "unreadable"
    bool is_failure = false;
    std::uint64_t events = 1;
    std::uint64_t bytes = 0;  ///< of payloads
    std::string text;         ///< what they say, cut at kEventTextMax; empty if it is no text
};

inline constexpr std::size_t kEventTextMax = 400;
/// Lines of one body; what follows is folded into the last one, but for failures.
inline constexpr std::size_t kEventLinesMax = 1'000;

/// Feed it the stretches of a body in order. Holds at most one message, and the lines.
class EventStory {
  public:
    void add(WallNs time, ByteView stretch);
    const std::vector<EventLine>& lines() const { return lines_; }

  private:
    void tell(WallNs time, const codec::EventMessage& message);
    void put(EventLine line);

    codec::EventStreamDecoder decoder_;
    std::vector<EventLine> lines_;
    bool unreadable_ = false;
};

bool is_event_stream(std::string_view content_type);

/// For machines: {"at_ms", "type", "events", "bytes", "text", "failure"}; times from `began`.
codec::Value json_of(const EventLine& line, WallNs began);

}  // namespace narrows::review
