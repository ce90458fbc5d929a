#include "protocols/aws/catalogue/tables.h"

#include <span>

#include <fmt/format.h>

#include "codec/text.h"
#include "crypto/hash.h"

namespace narrows::aws {
namespace {

constexpr std::string_view kMagic = "NRWSCAT1";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kHeadSize = 16;
constexpr std::size_t kDigestSize = 32;

/// What a column holds, so that one loop can check them all.
enum class Column : std::uint8_t {
    number,  ///< any value
    string,
    run,    ///< first row of a run in `target`; the next column is the count
    count,  ///< the second half of a run
    row,    ///< one row of `target`
    row_or_none,
    extra,  ///< none, or the first of three text rows
};

struct Rule {
    Column column;
    Table target = Table::text;
    std::uint32_t most = 0xffffffff;  ///< numbers: the largest allowed in the low byte
};

constexpr Rule kString{Column::string};
constexpr Rule kNumber{Column::number};
constexpr Rule kCount{Column::count};
constexpr Rule run(Table target) {
    return {Column::run, target};
}
constexpr Rule small(std::uint32_t most) {
    return {Column::number, Table::text, most};
}

constexpr Rule kOffsetRow[] = {kNumber};
constexpr Rule kTextRow[] = {kString};
constexpr Rule kServiceRow[] = {kString, kString,
                                kString, kString,
                                kString, kString,
                                kString, kString,
                                kString, run(Table::operation),
                                kCount,  run(Table::text),
                                kCount,  run(Table::endpoint),
                                kCount,  kNumber};
constexpr Rule kOperationRow[] = {kString,
                                  {Column::row, Table::service},
                                  kString,
                                  kString,
                                  kString,
                                  kString,
                                  {Column::row_or_none, Table::shape},
                                  run(Table::literal),
                                  kCount,
                                  run(Table::access),
                                  kCount,
                                  run(Table::text),
                                  kCount,
                                  run(Table::text),
                                  kCount,
                                  kNumber};
constexpr Rule kShapeRow[] = {kString, small(11), run(Table::member), kCount, kNumber,
                              kString, kString};
constexpr Rule kMemberRow[] = {
    kString, kString, {Column::row, Table::shape}, kNumber, {Column::extra, Table::text}};
constexpr Rule kLiteralRow[] = {kString, kString, small(3)};
constexpr Rule kAccessRow[] = {
    kString, small(2), kString, run(Table::resource), kCount, run(Table::condition), kCount};
constexpr Rule kResourceRow[] = {kString, kString, small(1), run(Table::hole), kCount};
constexpr Rule kHoleRow[] = {kString, kString, small(12), kString};
constexpr Rule kConditionRow[] = {kString, small(9), kString, kString, kString};
constexpr Rule kActionRow[] = {kString, small(5)};
constexpr Rule kPartitionRow[] = {kString, kString, kString, run(Table::text), kCount};
constexpr Rule kEndpointRow[] = {kNumber, kString, kString, kString, kString};

constexpr std::array<std::span<const Rule>, kTables> kLayout = {
    kOffsetRow, kTextRow,      kTextRow,    kServiceRow,   kOperationRow,
    kShapeRow,  kMemberRow,    kLiteralRow, kAccessRow,    kResourceRow,
    kHoleRow,   kConditionRow, kActionRow,  kPartitionRow, kEndpointRow};

auto broken(std::string what) {
    return fail(ErrorCode::corrupt,
                "The AWS catalogue cannot be used: " + std::move(what) + ". Build it again.");
}

bool run_fits(std::uint32_t first, std::uint32_t count, std::uint32_t rows) {
    return count == 0 || (first < rows && count <= rows - first);
}

}  // namespace

Result<Tables> Tables::load(ByteView binary) {
    Tables tables;
    ByteReader reader(binary);
    if (as_text(reader.take(kMagic.size())) != kMagic) return broken("it does not begin as one");
    const auto format = reader.le<std::uint32_t>();
    const auto count = reader.le<std::uint32_t>();
    tables.digest_ = reader.take(kDigestSize);
    if (reader.overrun()) return broken("it is cut short");
    if (format != kFormat || count != kTables) {
        return broken(fmt::format("it has format {} with {} tables", format, count));
    }
    const ByteView rest = binary.subspan(kHeadSize + kDigestSize);
    if (!crypto::equal_constant_time(crypto::sha256(rest), tables.digest_)) {
        return broken("its digest does not fit its content");
    }
    NARROWS_TRY(tables.read_directory(rest));
    NARROWS_TRY(tables.check_strings());
    NARROWS_TRY(tables.check_columns());
    return tables;
}

Result<void> Tables::read_directory(ByteView rest) {
    ByteReader reader(rest);
    const auto body_size = reader.le<std::uint32_t>();
    const auto pool_size = reader.le<std::uint32_t>();
    const ByteView directory = reader.take(kTables * 12);
    const ByteView body = reader.take(body_size);
    pool_ = reader.take(pool_size);
    if (reader.overrun() || reader.remaining() != 0) return broken("its parts do not add up");
    ByteReader entries(directory);
    for (std::size_t i = 0; i < kTables; ++i) {
        const auto offset = entries.le<std::uint32_t>();
        const auto rows = entries.le<std::uint32_t>();
        const auto columns = entries.le<std::uint32_t>();
        const std::uint64_t size = std::uint64_t{rows} * columns * 4;
        if (columns != kLayout[i].size() || offset > body.size() || size > body.size() - offset) {
            return broken(fmt::format("table {} is not within it", i));
        }
        entries_[i] = {body.data() + offset, rows, columns};
    }
    return ok();
}

Result<void> Tables::check_strings() const {
    const std::uint32_t offsets = rows(Table::string_offsets);
    if (offsets < 2 || cell(Table::string_offsets, 0, 0) != 0) return broken("it has no strings");
    std::uint32_t before = 0;
    for (std::uint32_t i = 0; i < offsets; ++i) {
        const std::uint32_t offset = cell(Table::string_offsets, i, 0);
        if (offset < before || offset > pool_.size()) {
            return broken(fmt::format("string {} is not within it", i));
        }
        before = offset;
    }
    if (!string(0).empty()) return broken("its first string is not the empty one");
    return ok();
}

Result<void> Tables::check_columns() const {
    const std::uint32_t strings = rows(Table::string_offsets) - 1;
    for (std::size_t t = 1; t < kTables; ++t) {
        const Table table = static_cast<Table>(t);
        for (std::uint32_t row = 0; row < rows(table); ++row) {
            for (std::uint32_t c = 0; c < kLayout[t].size(); ++c) {
                const Rule& rule = kLayout[t][c];
                const std::uint32_t value = cell(table, row, c);
                const std::uint32_t target = rows(rule.target);
                bool good = true;
                switch (rule.column) {
                    case Column::number:
                        good = rule.most > 255 || (value & 255) <= rule.most;
                        break;
                    case Column::string:
                        good = value < strings;
                        break;
                    case Column::run:
                        good = run_fits(value, cell(table, row, c + 1), target);
                        break;
                    case Column::count:
                        break;
                    case Column::row:
                        good = value < target;
                        break;
                    case Column::row_or_none:
                        good = value == 0xffffffff || value < target;
                        break;
                    case Column::extra:
                        good = value == 0xffffffff || run_fits(value, 3, target);
                        break;
                }
                if (!good) return broken(fmt::format("table {} row {} column {}", t, row, c));
            }
        }
    }
    return ok();
}

std::string_view Tables::string(std::uint32_t number) const {
    const std::uint32_t first = cell(Table::string_offsets, number, 0);
    const std::uint32_t last = cell(Table::string_offsets, number + 1, 0);
    return as_text(pool_.subspan(first, last - first));
}

std::string Tables::digest() const {
    return codec::hex(digest_);
}

}  // namespace narrows::aws
