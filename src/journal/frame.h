#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "journal/format.h"
#include "model/ids.h"
#include "model/record.h"

namespace narrows::journal {

/// Where a frame or gap stands.
struct Location {
    Lane lane = Lane::control;
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;  ///< of the first byte in the segment's file
};

/// One record as it stands on disk. `payload` points into the reader's buffer.
struct Frame {
    model::PartNo part;
    model::Sequence sequence;
    model::RecordKind kind = model::RecordKind::notice;
    std::uint8_t flags = 0;
    KeyClass key = KeyClass::operations;
    WallNs time = 0;
    std::uint64_t op = 0;  ///< the INTENT it belongs to; 0: none
    std::uint32_t epoch = 0;
    crypto::Digest prev_leaf{};
    crypto::Digest commitment{};
    crypto::Digest payload_sha256{};
    ByteView payload;
    Location location;

    bool sealed() const { return (flags & kFlagSealed) != 0; }
};

/// A stretch of sequence numbers, both ends included.
struct Range {
    model::Sequence first;
    model::Sequence last;
    friend bool operator==(const Range&, const Range&) = default;
};

/// A stretch that is missing or unreadable, as a value: shown, never skipped.
struct Gap {
    enum class Kind {
        torn_tail,    ///< bytes after the last whole batch, with nothing durable after them
        corrupt,      ///< unreadable, and something later was durable
        missing,      ///< a segment's file is not there
        quarantined,  ///< a segment was put aside as corrupt
    };
    Kind kind = Kind::corrupt;
    std::string file;  ///< name in the journal's directory
    Location location;
    std::uint64_t bytes = 0;
    std::string why;
};
const char* name_of(Gap::Kind kind);

}  // namespace narrows::journal
