#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "model/record.h"

/// The bytes on disk, and nothing else: docs/format.md in code. Writer, reader and verifier share
/// only this file. All integers are least significant byte first. Pure functions; the decoders
/// take hostile bytes.
namespace narrows::journal {

enum class Lane : std::uint8_t { control = 0, bulk = 1 };
inline constexpr std::array<Lane, 2> kLanes = {Lane::control, Lane::bulk};
const char* name_of(Lane lane);  ///< "control", "bulk": as in file names

inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::size_t kBlock = 4096;  ///< batches begin at multiples of it
inline constexpr std::size_t kSegmentHeaderSize = kBlock;
inline constexpr std::size_t kBatchHeaderSize = 136;
inline constexpr std::size_t kFrameHeaderSize = 144;
inline constexpr std::size_t kPayloadMax = 256 * 1024;  ///< before sealing
inline constexpr std::size_t kSealMax = 16;             ///< what sealing adds
inline constexpr std::size_t kBatchMax = 1024 * 1024;   ///< header, frames and padding
inline constexpr std::size_t kOriginMax = 255;

/// Frame flags. Unknown bits are refused.
inline constexpr std::uint8_t kFlagSealed = 0x01;     ///< the payload is ciphertext
inline constexpr std::uint8_t kFlagAllowed = 0x02;    ///< INTENT: its verdict is allow
inline constexpr std::uint8_t kFlagContinues = 0x04;  ///< CLOSE: a later part may go on
inline constexpr std::uint8_t kFlagResponse = 0x08;   ///< BODY: its direction

/// Which of a part's keys seals a payload (docs/format.md section 4.1).
enum class KeyClass : std::uint8_t { operations = 0, bodies = 1, secrets = 2 };
inline constexpr std::array<KeyClass, 3> kKeyClasses = {KeyClass::operations, KeyClass::bodies,
                                                        KeyClass::secrets};
const char* name_of(KeyClass key);  ///< "operations" …: as in file names
KeyClass key_class_of(model::RecordKind kind);

using Nonce = std::array<std::uint8_t, 16>;

struct SegmentHeader {
    Lane lane = Lane::control;
    std::uint64_t number = 0;  ///< dense per lane, from 1
    Nonce nonce{};             ///< random; every batch of the segment repeats it
    Nonce boot{};              ///< random per opening of the journal
    std::int64_t created = 0;  ///< wall clock, ns
    /// How many batches of segment `number - 1` the writer knew to be durable, and the chain value
    /// after them. Later batches there, if any, were written again here.
    std::uint64_t prev_batches = 0;
    crypto::Digest prev_chain{};
    std::string origin;
};

struct BatchHeader {
    Nonce nonce{};
    std::uint64_t number = 0;  ///< dense per segment, from 0
    std::uint32_t frames = 0;
    std::uint32_t length = 0;  ///< header and frames, without padding
    std::int64_t wall = 0;
    std::int64_t mono = 0;
    std::uint64_t durable = 0;    ///< bytes of the segment that were durable when it was written
    crypto::Digest prev_chain{};  ///< of the batch before; of the segment header for batch 0
    std::uint32_t frames_crc = 0;
    crypto::Digest chain{};  ///< SHA-256(header bytes 0..99 and every frame's leaf)
};

struct FrameHeader {
    std::uint32_t length = 0;  ///< header and payload
    std::uint8_t kind = 0;
    std::uint8_t flags = 0;
    KeyClass key = KeyClass::operations;
    std::uint64_t part = 0;
    std::uint64_t sequence = 0;
    std::int64_t time = 0;
    std::uint64_t op = 0;     ///< the INTENT it belongs to; 0: none
    std::uint32_t epoch = 0;  ///< of the key; 0 if not sealed
    crypto::Digest prev_leaf{};
    crypto::Digest commitment{};  ///< zeros if not sealed
    crypto::Digest payload_sha256{};
};

/// Exactly kSegmentHeaderSize bytes. `origin` must be 1 to kOriginMax bytes.
Bytes encode(const SegmentHeader& header);
/// Refuses wrong magic, checksum, version, lane, origin, and reserved bytes that are not zero.
Result<SegmentHeader> decode_segment_header(ByteView bytes);
/// What the first batch of a segment chains to: SHA-256 of its header's bytes.
crypto::Digest chain_of(ByteView segment_header);

/// Fills in `chain`, which covers the header's other fields and the leaves.
void encode_batch_header(BatchHeader& header, ByteView leaves, std::uint8_t* to);
/// The header alone: magic, its checksum, bounds. `bytes` may be longer.
Result<BatchHeader> decode_batch_header(ByteView bytes);
/// Bytes the batch takes on disk, padding included.
std::size_t size_on_disk(const BatchHeader& header);
/// Checks frames' checksum and padding of a whole batch (`size_on_disk` bytes).
Result<void> check_batch(const BatchHeader& header, ByteView batch);
crypto::Digest chain_of(const BatchHeader& header, ByteView leaves);

void encode(const FrameHeader& header, std::uint8_t* to);
/// The frame at the beginning of `bytes`; checks bounds, kind, flags and reserved bytes.
Result<FrameHeader> decode_frame_header(ByteView bytes);

/// The leaf of a frame: SHA-256(0x00 ‖ context ‖ bytes 4 to 143 of the header), where context is
/// "narrows-rec-v2" ‖ u16 origin length ‖ origin.
crypto::Digest leaf_of(std::string_view origin, const FrameHeader& header);
/// What is authenticated beside a sealed payload: context ‖ bytes 4 to 111 of the header.
Bytes sealing_context(std::string_view origin, const FrameHeader& header);

/// "control-00000001.nj"
std::string segment_name(Lane lane, std::uint64_t number);
struct SegmentName {
    Lane lane = Lane::control;
    std::uint64_t number = 0;
};
/// ErrorCode::invalid if `name` is not exactly what segment_name makes.
Result<SegmentName> parse_segment_name(std::string_view name);

inline constexpr std::size_t round_up(std::size_t size, std::size_t to) {
    return (size + to - 1) / to * to;
}

}  // namespace narrows::journal
