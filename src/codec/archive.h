#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/strong_id.h"

/// Messages between processes of one program as bytes: fields in order, integers little-endian,
/// texts and lists behind a 32-bit count. One function per message, `fields`, names them for both
/// ways; it stands in the namespace of the message or in that of `Peers`, a type that tells
/// conversations apart. Each value has one encoding; what is read and written again is the same
/// bytes.
namespace narrows::codec {

/// The highest number of an enumeration; they begin at 0.
template <class E>
constexpr E kLast = E{};
template <>
inline constexpr ErrorCode kLast<ErrorCode> = ErrorCode::unsupported;

template <class Peers>
class Writer {
  public:
    template <class T>
    using As = const T;

    template <class... T>
    void operator()(const T&... each) {
        (put(each), ...);
    }
    Bytes take() { return std::move(out_); }

  private:
    template <std::unsigned_integral T>
    void put(T value) {
        append_le(out_, value);
    }
    void put(bool value) { out_.push_back(value ? 1 : 0); }
    void put(std::int64_t value) { append_le(out_, static_cast<std::uint64_t>(value)); }
    void put(ByteView bytes) {
        append_le(out_, static_cast<std::uint32_t>(bytes.size()));
        append(out_, bytes);
    }
    void put(const Bytes& bytes) { put(ByteView(bytes)); }
    void put(const std::string& text) { put(as_bytes(text)); }
    void put(const Secret& secret) { put(secret.view()); }
    template <std::size_t N>
    void put(const std::array<std::uint8_t, N>& bytes) {
        append(out_, bytes);
    }
    template <std::size_t N>
    void put(const std::array<std::uint64_t, N>& numbers) {
        for (const std::uint64_t each : numbers) put(each);
    }
    template <class Tag, class T>
    void put(const StrongId<Tag, T>& id) {
        put(id.value());
    }
    template <class T>
    void put(const std::optional<T>& value) {
        put(value.has_value());
        if (value) put(*value);
    }
    void put(const std::map<std::string, std::string>& map) {
        append_le(out_, static_cast<std::uint32_t>(map.size()));
        for (const auto& [name, value] : map) (put(name), put(value));
    }
    void put(const std::set<std::uint64_t>& numbers) {
        append_le(out_, static_cast<std::uint32_t>(numbers.size()));
        for (const std::uint64_t each : numbers) put(each);
    }
    template <class T>
    void put(const std::vector<T>& list) {
        append_le(out_, static_cast<std::uint32_t>(list.size()));
        for (const T& each : list) put(each);
    }
    template <class E>
        requires std::is_enum_v<E>
    void put(E value) {
        out_.push_back(static_cast<std::uint8_t>(value));
    }
    template <class M>
        requires std::is_class_v<M>
    void put(const M& message) {
        fields(*this, message);
    }
    Bytes out_;
};

/// Views that it gives are valid as long as what it reads.
template <class Peers>
class Reader {
  public:
    template <class T>
    using As = T;

    explicit Reader(ByteView bytes) : in_(bytes) {}
    template <class... T>
    void operator()(T&... each) {
        (get(each), ...);
    }
    /// Every byte was read and every value is one that its type has.
    bool held() const { return good_ && !in_.overrun() && in_.remaining() == 0; }

  private:
    template <std::unsigned_integral T>
    void get(T& value) {
        value = in_.le<T>();
    }
    void get(bool& value) {
        const auto byte = in_.le<std::uint8_t>();
        good_ = good_ && byte <= 1;
        value = byte == 1;
    }
    void get(std::int64_t& value) { value = static_cast<std::int64_t>(in_.le<std::uint64_t>()); }
    ByteView bytes() { return in_.take(in_.le<std::uint32_t>()); }
    void get(ByteView& value) { value = bytes(); }
    void get(Bytes& value) { value = to_bytes(bytes()); }
    void get(std::string& text) { text = narrows::to_string(bytes()); }
    void get(Secret& secret) { secret = Secret(to_bytes(bytes())); }
    template <std::size_t N>
    void get(std::array<std::uint8_t, N>& value) {
        const ByteView taken = in_.take(N);
        std::copy(taken.begin(), taken.end(), value.begin());
    }
    template <std::size_t N>
    void get(std::array<std::uint64_t, N>& numbers) {
        for (std::uint64_t& each : numbers) get(each);
    }
    template <class T>
    void get(std::optional<T>& value) {
        bool there = false;
        get(there);
        if (there) get(value.emplace());
    }
    template <class Tag, class T>
    void get(StrongId<Tag, T>& id) {
        T value{};
        get(value);
        id = StrongId<Tag, T>(std::move(value));
    }
    void get(std::map<std::string, std::string>& map) {
        const auto count = in_.le<std::uint32_t>();
        for (std::uint32_t i = 0; i < count && good_ && !in_.overrun(); ++i) {
            std::string name;
            get(name);
            good_ = good_ && (map.empty() || map.rbegin()->first < name);
            get(map[name]);
        }
    }
    void get(std::set<std::uint64_t>& numbers) {
        const auto count = in_.le<std::uint32_t>();
        for (std::uint32_t i = 0; i < count && good_ && !in_.overrun(); ++i) {
            const auto number = in_.le<std::uint64_t>();
            good_ = good_ && (numbers.empty() || *numbers.rbegin() < number);
            numbers.insert(number);
        }
    }
    /// A count that the rest cannot hold makes no room.
    template <class T>
    void get(std::vector<T>& list) {
        const auto count = in_.le<std::uint32_t>();
        good_ = good_ && count <= in_.remaining();
        for (std::uint32_t i = 0; i < count && good_ && !in_.overrun(); ++i)
            get(list.emplace_back());
    }
    template <class E>
        requires std::is_enum_v<E>
    void get(E& value) {
        const auto number = in_.le<std::uint8_t>();
        good_ = good_ && number <= static_cast<std::uint8_t>(kLast<E>);
        value = static_cast<E>(number);
    }
    template <class M>
        requires std::is_class_v<M>
    void get(M& message) {
        fields(*this, message);
    }
    ByteReader in_;
    bool good_ = true;
};

}  // namespace narrows::codec
