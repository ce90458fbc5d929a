#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "io/faulty.h"
#include "journal/journal.h"
#include "journal/reader.h"

/// What the tests of this room share.
namespace narrows::journal::testing {

inline const std::string kDirectory = "/data/journal";
inline constexpr const char* kOrigin = "narrows/gw-1";

inline Options small_options() {
    return {.directory = kDirectory,
            .origin = kOrigin,
            .segment_bytes = 1 << 20,
            .reserve_bytes = 2 << 20,
            .retry_ns = 5 * kNsPerMs};
}

/// Collects one outcome.
class Outcome : public Waiter {
  public:
    void done(const Result<void>& outcome) noexcept override {
        const std::lock_guard guard(mutex_);
        ++told_;
        good_ = outcome.has_value();
        wake_.notify_all();
    }
    bool wait() {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return told_ > 0; });
        return good_;
    }
    int told() {
        const std::lock_guard guard(mutex_);
        return told_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable wake_;
    int told_ = 0;
    bool good_ = false;
};

inline Result<Journal::Opened> open(io::FileSystem& fs, Options options = small_options()) {
    return Journal::open(fs, system_clock(), std::move(options));
}

/// Appends and waits until it is durable.
inline bool put(Journal& journal, Part& part, Lane lane, model::RecordKind kind,
                std::string_view payload, Await await = Await::durable, Use use = Use::normal) {
    Outcome outcome;
    const auto appended = journal.append(part, lane, kind, to_bytes(payload), await,
                                         await == Await::none ? nullptr : &outcome, use);
    return appended.has_value() && (await == Await::none || outcome.wait());
}

struct Stored {
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> payloads;  ///< by part, sequence
    std::vector<Gap> gaps;
};

inline Stored read_store(io::FileSystem& fs) {
    Stored stored;
    auto reader = Reader::open(fs, kDirectory);
    while (reader) {
        auto item = reader.value().next();
        if (!item || !item.value()) {
            break;
        }
        if (Gap* gap = std::get_if<Gap>(&*item.value())) {
            stored.gaps.push_back(*gap);
            continue;
        }
        const Frame& frame = std::get<Frame>(*item.value());
        stored.payloads[{frame.part.value(), frame.sequence.value()}] = to_string(frame.payload);
    }
    return stored;
}

}  // namespace narrows::journal::testing
