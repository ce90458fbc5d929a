#include "protocols/aws/catalogue/aws_host.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "crypto/ca.h"

namespace narrows::aws {
namespace {

/// Kinds of an endpoint row, above its variant's number (endpoints.py): 0 is the usual host.
constexpr std::uint32_t kHostKinds = ~0xffU;
constexpr std::size_t kAccountDigits = 12;

bool is_decimal(char c) {
    return c >= '0' && c <= '9';
}
bool is_account(std::string_view text) {
    return text.size() == kAccountDigits && std::all_of(text.begin(), text.end(), is_decimal);
}

/// RFC 1123, lower case: one label, or several where `dots`.
bool is_host_text(std::string_view text, bool dots) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || is_decimal(c) || c == '-' || (dots && c == '.');
    });
}

std::string filled(std::string_view text, std::string_view hole, std::string_view with) {
    std::string out(text);
    if (const std::size_t at = out.find(hole); at != std::string::npos) {
        out.replace(at, hole.size(), with);
    }
    return out;
}

/// The scope's region and every label of the host that has the form of one.
std::vector<std::string_view> regions_in(const Catalogue& catalogue, std::string_view host,
                                         std::string_view scope_region) {
    std::vector<std::string_view> regions{scope_region};
    for (const std::string_view label : codec::split(host, '.')) {
        if (label != scope_region && !catalogue.partition_of(label).empty()) {
            regions.push_back(label);
        }
    }
    return regions;
}

/// Takes an endpoint with one hole left, {account} or {label}, against the end of a host. What
/// stands in the hole is the first label, whole or the end of it.
std::optional<FoundHost> match_end(std::string_view host, std::string_view endpoint) {
    const std::size_t open = endpoint.find('{');
    if (open == std::string_view::npos) {
        const bool whole = host == endpoint;
        const bool below = host.size() > endpoint.size() + 1 && host.ends_with(endpoint);
        if (!whole && !below) return std::nullopt;
        return FoundHost{.host = std::string(endpoint),
                         .before = host.substr(0, host.size() - endpoint.size())};
    }
    const std::string_view head = endpoint.substr(0, open);
    const std::string_view hole = endpoint.substr(open, endpoint.find('}') - open + 1);
    const std::string_view tail = endpoint.substr(open + hole.size());
    if (host.size() <= head.size() + tail.size() || !host.starts_with(head) ||
        !host.ends_with(tail)) {
        return std::nullopt;
    }
    const auto held = host.substr(head.size(), host.size() - head.size() - tail.size());
    const bool account = hole == "{account}";
    if (account ? !is_account(held) : !is_host_text(held, false)) return std::nullopt;
    FoundHost found{.host = std::string(host)};
    if (account) found.account = held;
    return found;
}

/// What stands before an endpoint ends in "." or, for prefixes such as "data-", in "-".
bool ends_label(std::string_view before) {
    return before.empty() || before.back() == '.' || before.back() == '-';
}

/// One row of the endpoint table against a host, for one region.
std::optional<FoundHost> match_row(const Catalogue& catalogue, std::uint32_t row,
                                   std::string_view host, std::string_view region) {
    const Tables& tables = catalogue.tables();
    const std::string_view partition = tables.string(Table::endpoint, row, 1);
    const std::string_view rows_region = tables.string(Table::endpoint, row, 2);
    const std::string_view text = tables.string(Table::endpoint, row, 3);
    if (catalogue.partition_of(region) != partition) return std::nullopt;
    if (!rows_region.empty() && rows_region != region) return std::nullopt;
    auto found = match_end(host, filled(text, "{region}", region));
    if (!found || !ends_label(found->before)) return std::nullopt;
    const std::string_view signing = tables.string(Table::endpoint, row, 4);
    if (found->host.find(region) != std::string::npos) found->region = region;
    found->signing_region = signing.empty() ? region : signing;
    found->usual = (tables.cell(Table::endpoint, row, 0) & kHostKinds) == 0;
    return found;
}

/// Whether `before` ("123456789012.", "data-") is what a host prefix ("{AccountId}.") can give.
bool fits_prefix(std::string_view prefix, std::string_view before) {
    const std::size_t open = prefix.find('{');
    if (open == std::string_view::npos) return before == prefix;
    const std::string_view head = prefix.substr(0, open);
    const std::string_view tail = prefix.substr(prefix.find('}') + 1);
    if (before.size() <= head.size() + tail.size() || !before.starts_with(head)) return false;
    const auto held = before.substr(head.size(), before.size() - head.size() - tail.size());
    return before.ends_with(tail) && is_host_text(held, false);
}

bool is_prefix_of(Service service, std::string_view before) {
    if (before.empty()) return true;
    const Range<Operation> operations = service.operations();
    return std::any_of(operations.begin(), operations.end(), [&](Operation operation) {
        return !operation.host_prefix().empty() && fits_prefix(operation.host_prefix(), before);
    });
}

Error other_region(std::string_view of, std::string_view scope_region) {
    return {ErrorCode::invalid,
            fmt::format("the host is of the region {}, and the request is signed for {}; sign it "
                        "for the region of the host that it is sent to",
                        of, codec::printable(scope_region))};
}

/// A host that is no S3 bucket's or access point's.
Result<AwsHost> read_plain(const Catalogue& catalogue, std::string_view host,
                           const HostScope& scope) {
    std::optional<std::string> elsewhere;
    for (const Service service : catalogue.services_signed_as(scope.signing_name)) {
        if (service.is_s3()) continue;  // whatever stands before its hosts is a bucket
        const auto found = find_host(catalogue, service, host, scope.region);
        if (!found || !is_prefix_of(service, found->before)) continue;
        if (found->signing_region == scope.region) {
            return AwsHost{.host = found->host, .region = found->region, .account = found->account};
        }
        elsewhere = found->signing_region;
    }
    if (elsewhere) return fail(other_region(*elsewhere, scope.region));
    return fail(ErrorCode::invalid,
                fmt::format("the host is none that AWS serves '{}' at, which the request is signed "
                            "for",
                            codec::printable(scope.signing_name)));
}

/// "vpce-0a1b.sqs.eu-west-1.vpce.amazonaws.com": the service's host with the endpoint before it.
Result<AwsHost> read_vpc(const Catalogue& catalogue, std::string_view host, const VpcHost& vpc,
                         const HostScope& scope) {
    NARROWS_TRY(AwsHost read, read_plain(catalogue, vpc.plain, scope));
    if (!vpc.before.empty()) {
        return fail(ErrorCode::invalid, "no VPC endpoint of this service has such a name");
    }
    read.host = host;
    return read;
}

}  // namespace

std::optional<FoundHost> find_host(const Catalogue& catalogue, Service service,
                                   std::string_view host, std::string_view region) {
    const std::uint32_t first = catalogue.tables().cell(Table::service, service.row(), 13);
    const std::uint32_t count = catalogue.tables().cell(Table::service, service.row(), 14);
    std::optional<FoundHost> best;
    for (const std::string_view each : regions_in(catalogue, host, region)) {
        for (std::uint32_t row = first; row < first + count; ++row) {
            auto found = match_row(catalogue, row, host, each);
            if (!found) continue;
            if (found->signing_region == region && found->before.empty()) return found;
            const bool better =
                !best ||
                (found->signing_region == region &&
                 (best->signing_region != region || found->before.size() < best->before.size()));
            if (better) best = std::move(found);
        }
    }
    return best;
}

std::optional<VpcHost> read_vpc_host(std::string_view host) {
    constexpr std::string_view kBegin = "vpce-";
    constexpr std::string_view kMark = ".vpce.";
    if (!crypto::is_aws_host(host)) return std::nullopt;
    const std::size_t begin =
        host.starts_with(kBegin) ? 0 : std::min(host.find(".vpce-"), host.size());
    const std::size_t at = begin == 0 ? 0 : begin + 1;
    const std::size_t mark = host.rfind(kMark);
    if (at >= host.size() || mark == std::string_view::npos || mark < at) return std::nullopt;
    const std::size_t dot = host.find('.', at);
    if (dot >= mark) return std::nullopt;
    const std::string_view endpoint = host.substr(at, dot - at);
    if (!is_host_text(endpoint, false)) return std::nullopt;
    return VpcHost{std::string(endpoint), begin == 0 ? "" : host.substr(0, begin),
                   std::string(host.substr(dot + 1, mark - dot - 1)) + "." +
                       std::string(host.substr(mark + kMark.size()))};
}

bool is_host_of(const Catalogue& catalogue, Service service, std::string_view host,
                std::string_view region) {
    const auto vpc = read_vpc_host(host);
    return find_host(catalogue, service, vpc ? std::string_view(vpc->plain) : host, region)
        .has_value();
}

bool is_host_prefix(Service service, std::string_view label) {
    return is_prefix_of(service, std::string(label) + ".");
}

Result<AwsHost> read_aws_host(const Catalogue& catalogue, std::string_view host,
                              const HostScope& scope) {
    if (!is_host_text(host, true)) {
        return fail(ErrorCode::invalid, "the host is no name of AWS's");
    }
    if (auto plain = read_plain(catalogue, host, scope)) return plain;
    for (const Service service : catalogue.services_signed_as(scope.signing_name)) {
        if (!service.is_s3()) continue;
        NARROWS_TRY(AwsHost read, read_s3_host(catalogue, host, scope));
        read.s3 = true;
        return read;
    }
    if (const auto vpc = read_vpc_host(host)) return read_vpc(catalogue, host, *vpc, scope);
    return read_plain(catalogue, host, scope);
}

}  // namespace narrows::aws
