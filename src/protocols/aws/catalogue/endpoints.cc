#include <algorithm>

#include <fmt/format.h>

#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::aws {
namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Every partition's regions are PREFIX + word + "-" + number ("us-" "east" "-1").
bool is_word_and_number(std::string_view rest) {
    const std::size_t dash = rest.find('-');
    if (dash == std::string_view::npos || dash == 0 || dash + 1 == rest.size()) return false;
    const std::string_view word = rest.substr(0, dash);
    const std::string_view number = rest.substr(dash + 1);
    return rest.size() <= 24 && std::all_of(word.begin(), word.end(), is_word) &&
           std::all_of(number.begin(), number.end(), is_digit);
}

std::string fill_region(std::string_view host, std::string_view region) {
    static constexpr std::string_view kHole = "{region}";
    std::string filled(host);
    for (std::size_t at = filled.find(kHole); at != std::string::npos; at = filled.find(kHole)) {
        filled.replace(at, kHole.size(), region);
    }
    return filled;
}

}  // namespace

std::string_view Catalogue::partition_of(std::string_view region) const {
    for (std::uint32_t row = 0; row < tables_.rows(Table::partition); ++row) {
        const std::uint32_t first = tables_.cell(Table::partition, row, 3);
        const std::uint32_t count = tables_.cell(Table::partition, row, 4);
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::string_view prefix = tables_.string(Table::text, first + i, 0);
            if (region.starts_with(prefix) && is_word_and_number(region.substr(prefix.size()))) {
                return tables_.string(Table::partition, row, 0);
            }
        }
    }
    return {};
}

std::vector<std::string_view> Catalogue::dns_suffixes(std::string_view partition) const {
    std::vector<std::string_view> suffixes;
    for (std::uint32_t row = 0; row < tables_.rows(Table::partition); ++row) {
        if (!partition.empty() && tables_.string(Table::partition, row, 0) != partition) continue;
        for (const std::uint32_t column : {1U, 2U}) {
            const std::string_view suffix = tables_.string(Table::partition, row, column);
            if (std::find(suffixes.begin(), suffixes.end(), suffix) == suffixes.end()) {
                suffixes.push_back(suffix);
            }
        }
    }
    return suffixes;
}

Result<Endpoint> Catalogue::endpoint(Operation operation, std::string_view partition,
                                     std::string_view region) const {
    return endpoint(operation.service(), operation.endpoint_variant(), partition, region);
}

Result<Endpoint> Catalogue::endpoint(Service service, std::string_view partition,
                                     std::string_view region) const {
    return endpoint(service, 0, partition, region);
}

Result<Endpoint> Catalogue::endpoint(Service service, std::uint32_t variant,
                                     std::string_view partition, std::string_view region) const {
    if (partition.empty() || partition_of(region) != partition) {
        return fail(ErrorCode::invalid,
                    fmt::format("'{}' is no region of the partition '{}'. Give the connection a "
                                "partition and regions that belong together.",
                                region, partition));
    }
    const std::uint32_t first = tables_.cell(Table::service, service.row(), 13);
    const std::uint32_t count = tables_.cell(Table::service, service.row(), 14);
    std::uint32_t best = kNone;
    for (std::uint32_t row = first; row < first + count; ++row) {
        const std::string_view rows_region = tables_.string(Table::endpoint, row, 2);
        const bool fits = tables_.cell(Table::endpoint, row, 0) == variant &&
                          tables_.string(Table::endpoint, row, 1) == partition &&
                          (rows_region.empty() || rows_region == region);
        if (fits && (best == kNone || !rows_region.empty())) best = row;
    }
    if (best == kNone) {
        return fail(ErrorCode::unsupported,
                    fmt::format("The service '{}' has no endpoint in the partition '{}' that its "
                                "region alone decides.",
                                service.id(), partition));
    }
    const std::string_view signing_region = tables_.string(Table::endpoint, best, 4);
    return Endpoint{fill_region(tables_.string(Table::endpoint, best, 3), region),
                    std::string(signing_region.empty() ? region : signing_region)};
}

}  // namespace narrows::aws
