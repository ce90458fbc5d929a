#include "evidence/record_stream.h"

#include <algorithm>

namespace narrows::evidence {
namespace {

constexpr std::uint64_t kHeldBytesMax = 64 << 20;

}  // namespace

std::string file_of(const journal::Location& location) {
    return "journal/" + journal::segment_name(location.lane, location.segment);
}

Result<void> RecordStream::read(io::FileSystem& fs, const std::string& directory,
                                journal::Lanes lanes, KeyRing& keys, const Sink& sink) {
    NARROWS_TRY(journal::Reader reader, journal::Reader::open(fs, directory, lanes));
    RecordStream stream(keys, sink);
    while (true) {
        NARROWS_TRY(const std::optional<journal::Item> item, reader.next());
        if (!item) {
            break;
        }
        if (const auto* gap = std::get_if<journal::Gap>(&*item)) {
            sink.gap(*gap);
            continue;
        }
        const auto& frame = std::get<journal::Frame>(*item);
        stream.origin_ = reader.origin();
        const Hash leaf = journal::leaf_of(stream.origin_, frame);
        if (lanes == journal::Lanes::both) {
            stream.take(frame, leaf);
        } else {
            stream.hand_out(frame, leaf);
        }
    }
    stream.release_all();
    return ok();
}

void RecordStream::hand_out(const journal::Frame& frame, const Hash& leaf) {
    sink_.record(frame, leaf, keys_.open(origin_, frame));
}

void RecordStream::take(const journal::Frame& frame, const Hash& leaf) {
    Waiting& waiting = parts_[frame.part.value()];
    const std::uint64_t sequence = frame.sequence.value();
    if (sequence == waiting.next) {
        deliver(waiting, frame, leaf);
    } else if (sequence > waiting.next) {  // else it came a second time, after a disk fault
        Held held{frame, to_bytes(frame.payload), leaf};
        held_bytes_ += held.payload.size() + sizeof(Held);
        waiting.held.emplace(sequence, std::move(held));
    }
    if (held_bytes_ > kHeldBytesMax) {
        release_older();
    }
}

void RecordStream::deliver(Waiting& waiting, const journal::Frame& frame, const Hash& leaf) {
    hand_out(frame, leaf);
    waiting.next = frame.sequence.value() + 1;
    while (!waiting.held.empty() && waiting.held.begin()->first == waiting.next) {
        release_first(waiting);
    }
}

/// Hands out the earliest record that waits, whatever is missing before it.
void RecordStream::release_first(Waiting& waiting) {
    auto first = waiting.held.extract(waiting.held.begin());
    Held& held = first.mapped();
    held.frame.payload = held.payload;
    held_bytes_ -= held.payload.size() + sizeof(Held);
    hand_out(held.frame, held.leaf);
    waiting.next = first.key() + 1;
}

/// What has waited longest has waited for records that are not there (any more, if a lane's oldest
/// segments were archived away); what came last may only be ahead of the other lane.
void RecordStream::release_older() {
    for (auto& [part, waiting] : parts_) {
        for (std::size_t count = (waiting.held.size() + 1) / 2; count > 0 && !waiting.held.empty();
             --count) {
            release_first(waiting);
        }
        while (!waiting.held.empty() && waiting.held.begin()->first == waiting.next) {
            release_first(waiting);
        }
    }
}

void RecordStream::release_all() {
    for (auto& [part, waiting] : parts_) {
        while (!waiting.held.empty()) {
            release_first(waiting);
        }
    }
}

}  // namespace narrows::evidence
