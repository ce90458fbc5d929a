#include "codec/cbor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "codec/text.h"

namespace narrows::codec {
namespace {

/// Major types of RFC 8949 section 3.1.
enum Major : std::uint8_t {
    kUnsigned = 0,
    kNegative = 1,
    kBytes = 2,
    kText = 3,
    kArray = 4,
    kMap = 5,
    kTag = 6,
    kSimple = 7,
};
constexpr std::uint8_t kOneByte = 24;
constexpr std::uint8_t kEightBytes = 27;
constexpr std::uint8_t kIndefinite = 31;
constexpr std::uint8_t kBreak = 0xFF;
constexpr std::uint64_t kTagEpoch = 1;

// ---- writing

void put_be(Bytes& out, std::uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void put_head(Bytes& out, Major major, std::uint64_t argument) {
    const auto lead = static_cast<std::uint8_t>(major << 5);
    if (argument < kOneByte) {
        out.push_back(static_cast<std::uint8_t>(lead | argument));
        return;
    }
    const unsigned power = argument <= 0xFF         ? 0
                           : argument <= 0xFFFF     ? 1
                           : argument <= 0xFFFFFFFF ? 2
                                                    : 3;
    out.push_back(static_cast<std::uint8_t>(lead | (kOneByte + power)));
    put_be(out, argument, 1U << power);
}

double half_to_double(std::uint16_t half) {
    const int exponent = (half >> 10) & 0x1F;
    const int mantissa = half & 0x3FF;
    double value = 0;
    if (exponent == 0) {
        value = std::ldexp(mantissa, -24);
    } else if (exponent != 31) {
        value = std::ldexp(mantissa + 1024, exponent - 25);
    } else {
        value = mantissa == 0 ? std::numeric_limits<double>::infinity()
                              : std::numeric_limits<double>::quiet_NaN();
    }
    return (half & 0x8000) != 0 ? -value : value;
}

/// The half-precision bits of a float that half precision holds exactly.
std::optional<std::uint16_t> to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000);
    const int exponent = static_cast<int>((bits >> 23) & 0xFF) - 127;
    const std::uint32_t mantissa = bits & 0x7FFFFF;
    std::uint32_t half = 0;
    if (value == 0) {
        half = 0;
    } else if (std::isinf(value)) {
        half = 0x7C00;
    } else if (exponent >= -14 && exponent <= 15) {
        half = static_cast<std::uint32_t>((exponent + 15) << 10) | (mantissa >> 13);
    } else if (exponent >= -24 && exponent < -14) {
        half = (mantissa | 0x800000) >> (-exponent - 1);
    } else {
        return std::nullopt;
    }
    const auto candidate = static_cast<std::uint16_t>(sign | half);
    if (half_to_double(candidate) != static_cast<double>(value)) return std::nullopt;
    return candidate;
}

void put_double(Bytes& out, double value) {
    constexpr auto kLead = static_cast<std::uint8_t>(kSimple << 5);
    if (std::isnan(value)) {
        append(out, Bytes{kLead | 25, 0x7E, 0x00});
        return;
    }
    const bool fits = std::isinf(value) ||
                      std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max());
    const float single = fits ? static_cast<float>(value) : 0.0F;
    if (!fits || static_cast<double>(single) != value) {
        out.push_back(kLead | 27);
        put_be(out, std::bit_cast<std::uint64_t>(value), 8);
    } else if (const auto half = to_half(single)) {
        out.push_back(kLead | 25);
        put_be(out, *half, 2);
    } else {
        out.push_back(kLead | 26);
        put_be(out, std::bit_cast<std::uint32_t>(single), 4);
    }
}

void put(Bytes& out, const Value& value);

void put_text(Bytes& out, std::string_view text) {
    put_head(out, kText, text.size());
    append(out, text);
}

/// Bytewise order of encoded text keys is: shorter first, then bytewise (the head grows with size).
bool key_before(std::string_view a, std::string_view b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
}

std::vector<const Map::value_type*> in_order(const Map& map) {
    std::vector<const Map::value_type*> entries;
    entries.reserve(map.size());
    for (const auto& entry : map) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(),
              [](const auto* a, const auto* b) { return key_before(a->first, b->first); });
    return entries;
}

void put_map(Bytes& out, const Map& map) {
    put_head(out, kMap, map.size());
    for (const auto* entry : in_order(map)) {
        put_text(out, entry->first);
        put(out, entry->second);
    }
}

struct Writer {
    Bytes& out;
    void operator()(std::monostate) const { out.push_back(0xF6); }
    void operator()(bool value) const { out.push_back(value ? 0xF5 : 0xF4); }
    void operator()(std::int64_t value) const {
        const bool negative = value < 0;
        put_head(out, negative ? kNegative : kUnsigned,
                 static_cast<std::uint64_t>(negative ? ~value : value));
    }
    void operator()(double value) const { put_double(out, value); }
    /// Bytes that a peer sent where a text was due may be anything; CBOR's texts are UTF-8.
    void operator()(const std::string& value) const {
        put_head(out, is_utf8(value) ? kText : kBytes, value.size());
        append(out, value);
    }
    void operator()(const Bytes& value) const {
        put_head(out, kBytes, value.size());
        append(out, value);
    }
    void operator()(const List& value) const {
        put_head(out, kArray, value.size());
        for (const Value& item : value) put(out, item);
    }
    void operator()(const Map& value) const { put_map(out, value); }
};

void put(Bytes& out, const Value& value) {
    std::visit(Writer{out}, value.variant());
}

// ---- reading

struct Head {
    Major major;
    std::uint8_t info;
    std::uint64_t argument;
    bool indefinite() const { return info == kIndefinite; }
};

class Reader {
    auto refuse(std::string_view why) const {
        return fail(ErrorCode::invalid, "the CBOR item is refused at byte " + std::to_string(at_) +
                                            ": " + std::string(why));
    }

  public:
    Reader(ByteView bytes, Form form) : bytes_(bytes), strict_(form == Form::deterministic) {}

    Result<Value> document() {
        NARROWS_TRY(Value value, item(0));
        if (at_ != bytes_.size()) return refuse("bytes follow the document");
        return value;
    }

  private:
    std::size_t left() const { return bytes_.size() - at_; }
    bool at_break() const { return left() > 0 && bytes_[at_] == kBreak; }

    Result<Head> head() {
        if (left() == 0) return refuse("it ends too early");
        const std::uint8_t lead = bytes_[at_++];
        Head read{static_cast<Major>(lead >> 5), static_cast<std::uint8_t>(lead & 31), 0};
        if (read.info < kOneByte) {
            read.argument = read.info;
        } else if (read.info <= kEightBytes) {
            NARROWS_TRY(read.argument, long_argument(read));
        } else if (!read.indefinite() || strict_ || read.major < kBytes || read.major > kMap) {
            return refuse("this head is not allowed here");
        }
        return read;
    }

    Result<std::uint64_t> long_argument(const Head& read) {
        const unsigned size = 1U << (read.info - kOneByte);
        if (left() < size) return refuse("it ends too early");
        std::uint64_t value = 0;
        for (unsigned i = 0; i < size; ++i) value = (value << 8) | bytes_[at_++];
        const std::uint64_t least = size == 1 ? kOneByte : std::uint64_t{1} << (4 * size);
        if (strict_ && read.major != kSimple && value < least) {
            return refuse("a number is not in its shortest form");
        }
        return value;
    }

    Result<Value> item(std::size_t depth) {
        if (depth > kCborDepthMax) return refuse("it is nested too deeply");
        NARROWS_TRY(const Head read, head());
        switch (read.major) {
            case kUnsigned:
            case kNegative:
                return integer(read);
            case kBytes: {
                NARROWS_TRY(const std::string raw, string(read));
                return Value(to_bytes(raw));
            }
            case kText: {
                NARROWS_TRY(std::string text, utf8(read));
                return Value(std::move(text));
            }
            case kArray:
                return array(read, depth);
            case kMap:
                return map(read, depth);
            case kTag:
                return epoch(read, depth);
            case kSimple:
                return simple(read);
        }
        return refuse("the type is unknown");
    }

    Result<Value> integer(const Head& read) {
        if (read.argument > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            return refuse("an integer does not fit in 64 bits with sign");
        }
        const auto value = static_cast<std::int64_t>(read.argument);
        return Value(read.major == kNegative ? ~value : value);
    }

    Result<std::string> stretch(std::uint64_t size) {
        if (size > left()) return refuse("a string is longer than what is left");
        std::string raw(as_text(bytes_.subspan(at_, size)));
        at_ += size;
        return raw;
    }

    Result<std::string> string(const Head& read) {
        if (!read.indefinite()) return stretch(read.argument);
        std::string whole;
        while (!at_break()) {
            NARROWS_TRY(const Head chunk, head());
            if (chunk.major != read.major || chunk.indefinite()) {
                return refuse("a chunk of a string has another type than the string");
            }
            NARROWS_TRY(const std::string raw, stretch(chunk.argument));
            if (read.major == kText && !is_utf8(raw)) return refuse("a text is not UTF-8");
            whole += raw;
        }
        ++at_;
        return whole;
    }

    Result<std::string> utf8(const Head& read) {
        NARROWS_TRY(std::string text, string(read));
        if (!is_utf8(text)) return refuse("a text is not UTF-8");
        return text;
    }

    /// True while a container has more items; steps over the break that ends an indefinite one.
    bool more(const Head& read, std::uint64_t done) {
        if (!read.indefinite()) return done < read.argument;
        if (!at_break()) return true;
        ++at_;
        return false;
    }

    Result<Value> array(const Head& read, std::size_t depth) {
        List list;
        for (std::uint64_t done = 0; more(read, done); ++done) {
            NARROWS_TRY(Value value, item(depth + 1));
            list.push_back(std::move(value));
        }
        return Value(std::move(list));
    }

    Result<Value> map(const Head& read, std::size_t depth) {
        Map map;
        std::optional<std::string> previous;
        for (std::uint64_t done = 0; more(read, done); ++done) {
            NARROWS_TRY(const Head key_head, head());
            if (key_head.major != kText) return refuse("a key is not a text");
            NARROWS_TRY(std::string key, utf8(key_head));
            if (map.contains(key)) return refuse("a key stands twice in one map");
            if (strict_ && previous && !key_before(*previous, key)) {
                return refuse("keys are not in order");
            }
            NARROWS_TRY(Value value, item(depth + 1));
            previous = key;
            map.emplace(std::move(key), std::move(value));
        }
        return Value(std::move(map));
    }

    Result<Value> epoch(const Head& read, std::size_t depth) {
        if (strict_ || read.argument != kTagEpoch) return refuse("the tag is not allowed");
        NARROWS_TRY(Value value, item(depth + 1));
        if (value.as<std::int64_t>() == nullptr && value.as<double>() == nullptr) {
            return refuse("an epoch time is not a number");
        }
        return value;
    }

    Result<Value> simple(const Head& read) {
        switch (read.info) {
            case 20:
                return Value(false);
            case 21:
                return Value(true);
            case 22:
                return Value(nullptr);
            case 25:
                return number(half_to_double(static_cast<std::uint16_t>(read.argument)), read);
            case 26:
                return number(std::bit_cast<float>(static_cast<std::uint32_t>(read.argument)),
                              read);
            case 27:
                return number(std::bit_cast<double>(read.argument), read);
            default:
                return refuse("the simple value is not allowed");
        }
    }

    /// In deterministic form a float must be what cbor_encode writes for it, NaN's bits included.
    Result<Value> number(double value, const Head& read) {
        if (strict_) {
            Bytes shortest;
            put_double(shortest, value);
            const std::size_t size = std::size_t{1} + (std::size_t{1} << (read.info - kOneByte));
            const ByteView written = bytes_.subspan(at_ - size, size);
            if (!std::equal(shortest.begin(), shortest.end(), written.begin(), written.end())) {
                return refuse("a float is not in its shortest form");
            }
        }
        return Value(value);
    }

    ByteView bytes_;
    std::size_t at_ = 0;
    bool strict_;
};

}  // namespace

Bytes cbor_encode(const Value& value) {
    Bytes out;
    put(out, value);
    return out;
}

Bytes cbor_encode(const Map& fields, std::string_view name, ByteView bytes) {
    Bytes out;
    out.reserve(bytes.size() + 64 * (fields.size() + 1));
    const auto put_bytes = [&] {
        put_text(out, name);
        put_head(out, kBytes, bytes.size());
        append(out, bytes);
    };
    put_head(out, kMap, fields.size() + 1);
    bool is_put = false;
    for (const auto* entry : in_order(fields)) {
        if (!is_put && key_before(name, entry->first)) {
            put_bytes();
            is_put = true;
        }
        put_text(out, entry->first);
        put(out, entry->second);
    }
    if (!is_put) put_bytes();
    return out;
}

Result<Value> cbor_decode(ByteView bytes, Form form) {
    return Reader(bytes, form).document();
}

}  // namespace narrows::codec
