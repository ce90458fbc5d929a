#pragma once

#include <compare>
#include <concepts>
#include <functional>
#include <utility>

namespace narrows {

/// A value with a meaning: `StrongId<struct SequenceTag, std::uint64_t>`. No bare int or string
/// crosses a room; ids of different meaning do not compare or convert.
template <class Tag, class T>
class StrongId {
  public:
    using Value = T;

    StrongId() = default;
    explicit StrongId(T value) : value_(std::move(value)) {}

    const T& value() const { return value_; }
    StrongId next() const
        requires std::integral<T>
    {
        return StrongId(value_ + 1);
    }
    friend auto operator<=>(const StrongId&, const StrongId&) = default;
    friend bool operator==(const StrongId&, const StrongId&) = default;

  private:
    T value_{};
};

}  // namespace narrows

template <class Tag, class T>
struct std::hash<narrows::StrongId<Tag, T>> {
    std::size_t operator()(const narrows::StrongId<Tag, T>& id) const {
        return std::hash<T>{}(id.value());
    }
};
