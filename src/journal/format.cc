#include "journal/format.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/check.h"
#include "journal/frame.h"

namespace narrows::journal {
namespace {

constexpr std::string_view kSegmentMagic = "NARROWSJ";
constexpr std::uint32_t kBatchMagic = 0x3142'4a4e;  // "NJB1"
constexpr std::string_view kLeafDomain = "narrows-rec-v2";

constexpr std::size_t kSegmentCrcAt = kSegmentHeaderSize - 4;
constexpr std::size_t kReservedSize = 32;
constexpr std::size_t kFrameMax = kFrameHeaderSize + kPayloadMax + kSealMax;
constexpr std::size_t kBatchChainedSize = 100;  // what `chain` covers of the header
constexpr std::size_t kBatchCrcAt = 132;

bool all_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

template <std::size_t N>
std::array<std::uint8_t, N> take_array(ByteReader& reader) {
    std::array<std::uint8_t, N> out{};
    const ByteView from = reader.take(N);
    std::copy(from.begin(), from.end(), out.begin());
    return out;
}

std::int64_t take_time(ByteReader& reader) {
    return static_cast<std::int64_t>(reader.le<std::uint64_t>());
}

/// Writes fields one after another.
class Put {
  public:
    explicit Put(std::uint8_t* to) : to_(to) {}
    template <std::unsigned_integral T>
    Put& le(T value) {
        store_le(to_, value);
        to_ += sizeof(T);
        return *this;
    }
    Put& bytes(ByteView bytes) {
        to_ = std::copy(bytes.begin(), bytes.end(), to_);
        return *this;
    }
    Put& zeros(std::size_t count) {
        std::fill_n(to_, count, std::uint8_t{0});
        to_ += count;
        return *this;
    }
    Put& time(std::int64_t value) { return le(static_cast<std::uint64_t>(value)); }

  private:
    std::uint8_t* to_;
};

auto refuse(std::string why) {
    return fail(ErrorCode::corrupt, std::move(why));
}

void put_batch_fields(const BatchHeader& header, std::uint8_t* to) {
    Put(to)
        .le(kBatchMagic)
        .le(std::uint32_t{0})
        .bytes(header.nonce)
        .le(header.number)
        .le(header.frames)
        .le(header.length)
        .time(header.wall)
        .time(header.mono)
        .le(header.durable)
        .bytes(header.prev_chain)
        .le(header.frames_crc);
}

crypto::Digest chain_over(ByteView fields, ByteView leaves) {
    return crypto::sha256({fields, leaves});
}

/// Each flag with the kind that may carry it; what is not sealed names no key.
bool keeps_rules(const FrameHeader& header) {
    const auto kind = model::record_kind(header.kind);
    const auto only = [&](std::uint8_t flag, model::RecordKind of) {
        return (header.flags & flag) == 0 || kind == of;
    };
    const std::uint8_t known = kFlagSealed | kFlagAllowed | kFlagContinues | kFlagResponse;
    const bool sealed = (header.flags & kFlagSealed) != 0;
    constexpr std::uint32_t kEpochMax = 1u << 24;  // crypto/ratchet.h
    const bool keyless =
        header.key == KeyClass::operations && header.epoch == 0 && all_zero(header.commitment);
    return kind && (header.flags & ~known) == 0 && only(kFlagAllowed, model::RecordKind::intent) &&
           only(kFlagContinues, model::RecordKind::close) &&
           only(kFlagResponse, model::RecordKind::body) && (sealed || keyless) &&
           header.epoch <= kEpochMax;
}

/// 0x00 ‖ context ‖ the header without its length, on the stack.
class HeaderInput {
  public:
    HeaderInput(std::string_view origin, const FrameHeader& header) {
        NARROWS_CHECK(origin.size() <= kOriginMax, "an origin is at most 255 bytes");
        std::array<std::uint8_t, kFrameHeaderSize> whole{};
        encode(header, whole.data());
        Put(bytes_.data())
            .zeros(1)
            .bytes(as_bytes(kLeafDomain))
            .le(static_cast<std::uint16_t>(origin.size()))
            .bytes(as_bytes(origin))
            .bytes(ByteView(whole).subspan(kLengthSize));
        size_ = bytes_.size() - kOriginMax + origin.size();
    }
    ByteView all() const { return ByteView(bytes_).first(size_); }
    ByteView sealed() const { return all().subspan(1, size_ - 1 - crypto::Digest{}.size()); }

  private:
    static constexpr std::size_t kLengthSize = 4;
    std::array<std::uint8_t,
               1 + kLeafDomain.size() + 2 + kOriginMax + kFrameHeaderSize - kLengthSize>
        bytes_{};
    std::size_t size_ = 0;
};

}  // namespace

const char* name_of(KeyClass key) {
    switch (key) {
        case KeyClass::operations:
            return "operations";
        case KeyClass::bodies:
            return "bodies";
        case KeyClass::secrets:
            return "secrets";
    }
    return "operations";
}

KeyClass key_class_of(model::RecordKind kind) {
    if (kind == model::RecordKind::body) {
        return KeyClass::bodies;
    }
    return kind == model::RecordKind::secrets ? KeyClass::secrets : KeyClass::operations;
}

const char* name_of(Lane lane) {
    return lane == Lane::control ? "control" : "bulk";
}

const char* name_of(Gap::Kind kind) {
    switch (kind) {
        case Gap::Kind::torn_tail:
            return "torn-tail";
        case Gap::Kind::corrupt:
            return "corrupt";
        case Gap::Kind::missing:
            return "missing";
        case Gap::Kind::quarantined:
            return "quarantined";
    }
    return "corrupt";
}

Bytes encode(const SegmentHeader& header) {
    NARROWS_CHECK(!header.origin.empty() && header.origin.size() <= kOriginMax,
                  "a segment's origin is 1 to 255 bytes");
    Bytes bytes(kSegmentHeaderSize, 0);
    Put(bytes.data())
        .bytes(as_bytes(kSegmentMagic))
        .le(kVersion)
        .le(static_cast<std::uint32_t>(header.lane))
        .le(header.number)
        .bytes(header.nonce)
        .bytes(header.boot)
        .time(header.created)
        .le(header.prev_batches)
        .bytes(header.prev_chain)
        .zeros(kReservedSize)
        .le(static_cast<std::uint16_t>(header.origin.size()))
        .bytes(as_bytes(header.origin));
    store_le(bytes.data() + kSegmentCrcAt, crypto::crc32c(ByteView(bytes).first(kSegmentCrcAt)));
    return bytes;
}

Result<SegmentHeader> decode_segment_header(ByteView bytes) {
    if (bytes.size() < kSegmentHeaderSize) {
        return refuse("the segment is shorter than its header");
    }
    bytes = bytes.first(kSegmentHeaderSize);
    if (as_text(bytes.first(kSegmentMagic.size())) != kSegmentMagic) {
        return refuse("the file does not begin with the mark of a segment");
    }
    if (load_le<std::uint32_t>(&bytes[kSegmentCrcAt]) !=
        crypto::crc32c(bytes.first(kSegmentCrcAt))) {
        return refuse("the segment header's checksum is wrong");
    }
    ByteReader reader(bytes.subspan(kSegmentMagic.size()));
    const auto version = reader.le<std::uint32_t>();
    if (version != kVersion) {
        return fail(ErrorCode::unsupported,
                    fmt::format("the segment has format {}; this program reads format {}", version,
                                kVersion));
    }
    const auto lane = reader.le<std::uint32_t>();
    SegmentHeader header;
    header.lane = lane == 0 ? Lane::control : Lane::bulk;
    header.number = reader.le<std::uint64_t>();
    header.nonce = take_array<16>(reader);
    header.boot = take_array<16>(reader);
    header.created = take_time(reader);
    header.prev_batches = reader.le<std::uint64_t>();
    header.prev_chain = take_array<32>(reader);
    const bool reserved_zero = all_zero(reader.take(kReservedSize));
    const std::size_t origin_size = reader.le<std::uint16_t>();
    header.origin = to_string(reader.take(std::min(origin_size, kOriginMax)));
    const bool zero_rest = all_zero(reader.take(reader.remaining() - 4));
    if (lane > 1 || header.number == 0 || origin_size == 0 || origin_size > kOriginMax ||
        !reserved_zero || !zero_rest) {
        return refuse("the segment header breaks a rule of the format");
    }
    return header;
}

crypto::Digest chain_of(ByteView segment_header) {
    return crypto::sha256(segment_header);
}

void encode_batch_header(BatchHeader& header, ByteView leaves, std::uint8_t* to) {
    put_batch_fields(header, to);
    header.chain = chain_over({to, kBatchChainedSize}, leaves);
    Put(to + kBatchChainedSize).bytes(header.chain).le(crypto::crc32c({to, kBatchCrcAt}));
}

Result<BatchHeader> decode_batch_header(ByteView bytes) {
    if (bytes.size() < kBatchHeaderSize) {
        return refuse("the file ends inside a batch header");
    }
    ByteReader reader(bytes.first(kBatchHeaderSize));
    if (reader.le<std::uint32_t>() != kBatchMagic) {
        return refuse("there is no batch here");
    }
    if (load_le<std::uint32_t>(&bytes[kBatchCrcAt]) != crypto::crc32c(bytes.first(kBatchCrcAt))) {
        return refuse("the batch header's checksum is wrong");
    }
    const bool reserved_zero = reader.le<std::uint32_t>() == 0;
    BatchHeader header;
    header.nonce = take_array<16>(reader);
    header.number = reader.le<std::uint64_t>();
    header.frames = reader.le<std::uint32_t>();
    header.length = reader.le<std::uint32_t>();
    header.wall = take_time(reader);
    header.mono = take_time(reader);
    header.durable = reader.le<std::uint64_t>();
    header.prev_chain = take_array<32>(reader);
    header.frames_crc = reader.le<std::uint32_t>();
    header.chain = take_array<32>(reader);
    const bool bounded = header.length <= kBatchMax && header.frames > 0 &&
                         header.length >= kBatchHeaderSize &&
                         (header.length - kBatchHeaderSize) / kFrameHeaderSize >= header.frames;
    if (!reserved_zero || !bounded) {
        return refuse("the batch header breaks a rule of the format");
    }
    return header;
}

std::size_t size_on_disk(const BatchHeader& header) {
    return round_up(header.length, kBlock);
}

Result<void> check_batch(const BatchHeader& header, ByteView batch) {
    NARROWS_CHECK(batch.size() == size_on_disk(header), "check_batch takes a whole batch");
    const ByteView frames = batch.first(header.length).subspan(kBatchHeaderSize);
    if (crypto::crc32c(frames) != header.frames_crc) {
        return refuse(fmt::format("the checksum of batch {} is wrong", header.number));
    }
    if (!all_zero(batch.subspan(header.length))) {
        return refuse(fmt::format("the padding of batch {} is not zero", header.number));
    }
    return ok();
}

crypto::Digest chain_of(const BatchHeader& header, ByteView leaves) {
    std::array<std::uint8_t, kBatchChainedSize> fields{};
    put_batch_fields(header, fields.data());
    return chain_over(fields, leaves);
}

void encode(const FrameHeader& header, std::uint8_t* to) {
    Put(to)
        .le(header.length)
        .le(header.kind)
        .le(header.flags)
        .le(static_cast<std::uint8_t>(header.key))
        .zeros(1)
        .le(header.part)
        .le(header.sequence)
        .time(header.time)
        .le(header.op)
        .le(header.epoch)
        .zeros(4)
        .bytes(header.prev_leaf)
        .bytes(header.commitment)
        .bytes(header.payload_sha256);
}

Result<FrameHeader> decode_frame_header(ByteView bytes) {
    if (bytes.size() < kFrameHeaderSize) {
        return refuse("the batch ends inside a frame header");
    }
    ByteReader reader(bytes);
    FrameHeader header;
    header.length = reader.le<std::uint32_t>();
    header.kind = reader.le<std::uint8_t>();
    header.flags = reader.le<std::uint8_t>();
    const auto key = reader.le<std::uint8_t>();
    header.key = static_cast<KeyClass>(std::min<std::uint8_t>(key, kKeyClasses.size() - 1));
    const bool reserved_zero = reader.le<std::uint8_t>() == 0;
    header.part = reader.le<std::uint64_t>();
    header.sequence = reader.le<std::uint64_t>();
    header.time = take_time(reader);
    header.op = reader.le<std::uint64_t>();
    header.epoch = reader.le<std::uint32_t>();
    const bool still_zero = reader.le<std::uint32_t>() == 0;
    header.prev_leaf = take_array<32>(reader);
    header.commitment = take_array<32>(reader);
    header.payload_sha256 = take_array<32>(reader);
    if (header.length < kFrameHeaderSize || header.length > kFrameMax ||
        header.length > bytes.size()) {
        return refuse(fmt::format("a frame says it has {} bytes", header.length));
    }
    if (!reserved_zero || !still_zero || key >= kKeyClasses.size() || !keeps_rules(header)) {
        return refuse("a frame header breaks a rule of the format");
    }
    return header;
}

crypto::Digest leaf_of(std::string_view origin, const FrameHeader& header) {
    HeaderInput input(origin, header);
    return crypto::sha256(input.all());
}

Bytes sealing_context(std::string_view origin, const FrameHeader& header) {
    HeaderInput input(origin, header);
    return to_bytes(input.sealed());
}

std::string segment_name(Lane lane, std::uint64_t number) {
    return fmt::format("{}-{:08}.nj", name_of(lane), number);
}

Result<SegmentName> parse_segment_name(std::string_view name) {
    for (const Lane lane : kLanes) {
        const std::string_view prefix = name_of(lane);
        if (!name.starts_with(prefix)) {
            continue;
        }
        SegmentName found{.lane = lane, .number = 0};
        const std::string_view rest = name.substr(std::min(name.size(), prefix.size() + 1));
        std::from_chars(rest.data(), rest.data() + rest.size(), found.number);
        if (found.number != 0 && segment_name(lane, found.number) == name) {
            return found;
        }
    }
    return fail(ErrorCode::invalid, "not the name of a segment");
}

}  // namespace narrows::journal
