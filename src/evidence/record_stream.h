#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "evidence/key_ring.h"
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
        /// `leaf` is computed from the record's bytes, `plain` is its payload, or why there is none
        /// (KeyRing::open); valid during the call.
        std::function<void(const journal::Frame&, const Hash& leaf, const Result<ByteView>& plain)>
            record;
        std::function<void(const journal::Gap&)> gap;
    };

    /// `directory` is the journal's own (DATA_DIR/journal).
    static Result<void> read(io::FileSystem& fs, const std::string& directory, journal::Lanes lanes,
                             KeyRing& keys, const Sink& sink);

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

    RecordStream(KeyRing& keys, const Sink& sink) : keys_(keys), sink_(sink) {}
    void hand_out(const journal::Frame& frame, const Hash& leaf);
    void take(const journal::Frame& frame, const Hash& leaf);
    void deliver(Waiting& waiting, const journal::Frame& frame, const Hash& leaf);
    void release_first(Waiting& waiting);
    void release_older();
    void release_all();

    KeyRing& keys_;
    const Sink& sink_;
    std::string origin_;
    std::uint64_t held_bytes_ = 0;
    std::map<std::uint64_t, Waiting> parts_;
};

/// The name of the file a record stands in, relative to the data directory.
std::string file_of(const journal::Location& location);

}  // namespace narrows::evidence
