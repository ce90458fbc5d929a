#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace narrows {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}
inline Bytes to_bytes(std::string_view text) {
    return to_bytes(as_bytes(text));
}
inline std::string to_string(ByteView bytes) {
    return std::string(as_text(bytes));
}

inline void append(Bytes& to, ByteView bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void append(Bytes& to, std::string_view text) {
    append(to, as_bytes(text));
}

/// Fixed-width integers, least significant byte first (the journal's order).
template <std::unsigned_integral T>
void append_le(Bytes& to, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}
template <std::unsigned_integral T>
void store_le(std::uint8_t* to, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        to[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}
template <std::unsigned_integral T>
T load_le(const std::uint8_t* from) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = static_cast<T>(value | (static_cast<T>(from[i]) << (8 * i)));
    }
    return value;
}

/// Reads fixed-width fields from untrusted bytes. Reading past the end yields zeros and sets
/// `overrun()`, so a decoder checks once at its end instead of before every field.
class ByteReader {
  public:
    explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

    template <std::unsigned_integral T>
    T le() {
        const ByteView field = take(sizeof(T));
        return field.empty() ? T{0} : load_le<T>(field.data());
    }
    /// The next `size` bytes, or an empty view and `overrun()`.
    ByteView take(std::size_t size) {
        if (size > bytes_.size() - position_) {
            overrun_ = true;
            position_ = bytes_.size();
            return {};
        }
        const ByteView field = bytes_.subspan(position_, size);
        position_ += size;
        return field;
    }
    std::size_t position() const { return position_; }
    std::size_t remaining() const { return bytes_.size() - position_; }
    bool overrun() const { return overrun_; }

  private:
    ByteView bytes_;
    std::size_t position_ = 0;
    bool overrun_ = false;
};

}  // namespace narrows
