#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

/// The binary catalogue's layout (docs/catalogue.md, "The binary"): a directory of tables whose
/// rows are little-endian u32 columns, and a string pool. tools/catalogue writes it.
namespace narrows::aws {

enum class Table : std::uint8_t {
    string_offsets,
    info,
    text,
    service,
    operation,
    shape,
    member,
    literal,
    access,
    resource,
    hole,
    condition,
    action,
    partition,
    endpoint,
};
inline constexpr std::size_t kTables = 15;

/// The tables of one binary. Does not own the bytes. After `load` every row number, run of rows and
/// string in it is within bounds, so that reading never fails.
class Tables {
  public:
    static Result<Tables> load(ByteView binary);

    std::uint32_t rows(Table table) const { return at(table).rows; }
    /// `row` below rows(table), `column` below the table's columns.
    std::uint32_t cell(Table table, std::uint32_t row, std::uint32_t column) const {
        const Entry& entry = at(table);
        return load_le<std::uint32_t>(entry.data + 4 * (std::size_t{row} * entry.columns + column));
    }
    std::string_view string(std::uint32_t number) const;
    /// The string whose number stands in a cell.
    std::string_view string(Table table, std::uint32_t row, std::uint32_t column) const {
        return string(cell(table, row, column));
    }
    std::string digest() const;  ///< hex

  private:
    struct Entry {
        const std::uint8_t* data = nullptr;
        std::uint32_t rows = 0;
        std::uint32_t columns = 0;
    };
    const Entry& at(Table table) const { return entries_[static_cast<std::size_t>(table)]; }
    Result<void> read_directory(ByteView rest);
    Result<void> check_strings() const;
    Result<void> check_columns() const;

    std::array<Entry, kTables> entries_;
    ByteView pool_;
    ByteView digest_;
};

}  // namespace narrows::aws
