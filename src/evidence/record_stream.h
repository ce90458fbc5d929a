#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "evidence/merkle.h"
#include "io/file.h"
#include "journal/reader.h"

namespace narrows::evidence {

/// Hands out every record of a journal's directory once, those of each part in the order of their
/// sequence. Holds at most about 64 MiB of records that wait for an earlier one; what has not come
/// by then, or does not come at all, shows as a hole in the sequence.
class RecordStream {
  public:
    struct Sink {
        /// The payload is valid during the call. `leaf` is computed from the record's bytes.
        std::function<void(const journal::Frame&, const Hash& leaf)> record;
        std::function<void(const journal::Gap&)> gap;
    };

    /// `directory` is the journal's own (DATA_DIR/journal).
    static Result<void> read(io::FileSystem& fs, const std::string& directory, journal::Lanes lanes,
                             const Sink& sink);

  private:
    struct Held {
        journal::Frame frame;
        Bytes payload;
        Hash leaf{};
    };
    struct Waiting {
        std::uint64_t next = 0;
        std::map<std::uint64_t, Held> held;
    };

    explicit RecordStream(const Sink& sink) : sink_(sink) {}
    void take(const journal::Frame& frame, const Hash& leaf);
    void deliver(Waiting& waiting, const journal::Frame& frame, const Hash& leaf);
    void release_first(Waiting& waiting);
    void release_all();

    const Sink& sink_;
    std::uint64_t held_bytes_ = 0;
    std::map<std::uint64_t, Waiting> parts_;
};

/// The name of the file a record stands in, relative to the data directory.
std::string file_of(const journal::Location& location);

}  // namespace narrows::evidence
