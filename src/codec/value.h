#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace narrows::codec {

class Value;
using List = std::vector<Value>;
/// Ordered by key and free of duplicates by construction; decoders refuse duplicates before.
using Map = std::map<std::string, Value, std::less<>>;

/// One tree for everything decoded and everything recorded: parameters, records, JSON output.
class Value {
  public:
    using Variant =
        std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, List, Map>;

    Value() = default;
    Value(std::nullptr_t) {}                                                    // NOLINT
    Value(bool value) : variant_(value) {}                                      // NOLINT
    Value(int value) : variant_(std::int64_t{value}) {}                         // NOLINT
    Value(std::int64_t value) : variant_(value) {}                              // NOLINT
    Value(std::uint32_t value) : variant_(std::int64_t{value}) {}               // NOLINT
    Value(std::uint64_t value) : variant_(static_cast<std::int64_t>(value)) {}  // NOLINT
    Value(double value) : variant_(value) {}                                    // NOLINT
    Value(const char* value) : variant_(std::string(value)) {}                  // NOLINT
    Value(std::string_view value) : variant_(std::string(value)) {}             // NOLINT
    Value(std::string value) : variant_(std::move(value)) {}                    // NOLINT
    Value(Bytes value) : variant_(std::move(value)) {}                          // NOLINT
    Value(List value) : variant_(std::move(value)) {}                           // NOLINT
    Value(Map value) : variant_(std::move(value)) {}                            // NOLINT

    const Variant& variant() const { return variant_; }
    bool is_null() const { return std::holds_alternative<std::monostate>(variant_); }

    /// The value as T, or nullptr if it is something else.
    template <class T>
    const T* as() const {
        return std::get_if<T>(&variant_);
    }
    template <class T>
    T* as() {
        return std::get_if<T>(&variant_);
    }
    /// The member of a map, or nullptr (also if this is no map).
    const Value* find(std::string_view key) const;
    /// Conveniences for records: the member as text / number / bool, or the default.
    std::string text(std::string_view key, std::string_view otherwise = {}) const;
    std::int64_t number(std::string_view key, std::int64_t otherwise = 0) const;
    bool truth(std::string_view key, bool otherwise = false) const;

    friend bool operator==(const Value&, const Value&) = default;

  private:
    Variant variant_;
};

/// The members of a map that are text; none if it is no map or nullptr.
std::map<std::string, std::string, std::less<>> text_members(const Value* map);

}  // namespace narrows::codec
