#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/catalogue/aws_host.h"

namespace narrows::aws {
namespace {

/// "BEFORE.MARKER[.dualstack][.REGION].SUFFIX" taken apart at its last label that is S3's.
struct S3Name {
    std::string_view before;  ///< "bucket", "point-123456789012"; may be empty
    std::string_view marker;  ///< "s3-accesspoint", "s3-accelerate"
    std::string_view region;  ///< may be empty
};

Error no_name() {
    return {ErrorCode::invalid, "the host is none of S3's names"};
}

/// The host without a DNS suffix of the region's partition, and without the dot before it.
std::string_view without_suffix(const Catalogue& catalogue, std::string_view host,
                                std::string_view region) {
    std::string_view rest;
    for (const std::string_view suffix : catalogue.dns_suffixes(catalogue.partition_of(region))) {
        const bool fits = host.size() > suffix.size() + 1 && host.ends_with(suffix) &&
                          host[host.size() - suffix.size() - 1] == '.';
        if (fits) rest = host.substr(0, host.size() - suffix.size() - 1);
    }
    return rest;
}

Result<S3Name> take_apart(const Catalogue& catalogue, std::string_view host,
                          std::string_view scope_region) {
    const std::string_view name = without_suffix(catalogue, host, scope_region);
    const std::vector<std::string_view> labels = codec::split(name, '.');
    const auto marker = std::find_if(labels.rbegin(), labels.rend(), [](std::string_view label) {
        return label.starts_with("s3-") || label.starts_with("s3express-");
    });
    if (name.empty() || marker == labels.rend()) return fail(no_name());
    S3Name read{.marker = *marker};
    const auto before = static_cast<std::size_t>(marker->data() - name.data());
    if (before > 0) read.before = name.substr(0, before - 1);
    auto next = marker.base();
    if (next != labels.end() && *next == "dualstack") ++next;
    if (next != labels.end()) read.region = *next++;
    if (next != labels.end()) return fail(no_name());
    return read;
}

Result<void> same_region(std::string_view of_host, std::string_view scope_region) {
    if (of_host == scope_region) return ok();
    return fail(ErrorCode::invalid,
                fmt::format("the host is of the region {}, and the request is signed for {}; sign "
                            "it for the region of the host that it is sent to",
                            of_host, codec::printable(scope_region)));
}

/// "point-123456789012" in a region; `service` is that of its ARN, `above` what stands before
/// "accesspoint/" there.
Result<std::string> access_point(const Catalogue& catalogue, std::string_view label,
                                 std::string_view region, std::string_view service,
                                 std::string_view above = {}) {
    const std::size_t dash = label.rfind('-');
    const bool named =
        dash != std::string_view::npos && dash > 0 && label.find('.') == std::string_view::npos;
    const std::string_view account = named ? label.substr(dash + 1) : std::string_view();
    if (account.size() != 12 || account.find_first_not_of("0123456789") != account.npos) {
        return fail(ErrorCode::invalid,
                    "an access point's host begins with its name and its account, as in "
                    "my-point-123456789012");
    }
    return fmt::format("arn:{}:{}:{}:{}:{}accesspoint/{}", catalogue.partition_of(region), service,
                       region, account, above, label.substr(0, dash));
}

/// "point-123456789012.op-0a1b2c" on Outposts.
Result<std::string> outposts_point(const Catalogue& catalogue, const S3Name& name) {
    const std::size_t dot = name.before.find('.');
    const std::string_view outpost =
        dot == std::string_view::npos ? std::string_view() : name.before.substr(dot + 1);
    if (!outpost.starts_with("op-") || outpost.find('.') != std::string_view::npos) {
        return fail(no_name());
    }
    return access_point(catalogue, name.before.substr(0, dot), name.region, "s3-outposts",
                        fmt::format("outpost/{}/", outpost));
}

/// "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com" is of no region, and of the account
/// whose scope names it: an alias is unique.
Result<AwsHost> multi_region_point(const Catalogue& catalogue, std::string_view host,
                                   std::string_view before, const HostScope& scope) {
    constexpr std::string_view kPoint = ".accesspoint";
    if (!before.ends_with(".mrap.accesspoint")) return fail(no_name());
    const std::string_view partition = catalogue.partition_of(scope.region);
    return AwsHost{
        .host = std::string(host),
        .bucket = fmt::format("arn:{}:s3::{}:accesspoint/{}", partition.empty() ? "aws" : partition,
                              scope.account, before.substr(0, before.size() - kPoint.size())),
        .bucket_in_host = true};
}

/// A name whose first labels are the bucket or access point, which the path lacks.
Result<AwsHost> in_host(std::string_view host, std::string_view region, std::string bucket) {
    return AwsHost{.host = std::string(host),
                   .region = std::string(region),
                   .bucket = std::move(bucket),
                   .bucket_in_host = true};
}

/// Names that no endpoint rule gives without a bucket.
Result<AwsHost> read_named(const Catalogue& catalogue, std::string_view host, const S3Name& name,
                           const HostScope& scope) {
    const std::string_view marker = name.marker;
    if (marker == "s3-global") return multi_region_point(catalogue, host, name.before, scope);
    if (marker == "s3-accelerate" && name.region.empty() && !name.before.empty()) {
        return in_host(host, scope.region, std::string(name.before));
    }
    const bool old_form =
        name.region.empty() && (marker.substr(3) == scope.region || (marker == "s3-external-1"));
    if (old_form) return AwsHost{.bucket = std::string(name.before)};
    NARROWS_TRY(same_region(name.region, scope.region));
    if (marker == "s3-accesspoint" || marker == "s3-accesspoint-fips") {
        NARROWS_TRY(std::string arn, access_point(catalogue, name.before, name.region, "s3"));
        return in_host(host, name.region, std::move(arn));
    }
    if (marker == "s3-object-lambda" || marker == "s3-object-lambda-fips") {
        NARROWS_TRY(std::string arn,
                    access_point(catalogue, name.before, name.region, "s3-object-lambda"));
        return in_host(host, name.region, std::move(arn));
    }
    if (marker == "s3-outposts" || marker == "s3-outposts-fips") {
        NARROWS_TRY(std::string arn, outposts_point(catalogue, name));
        return in_host(host, name.region, std::move(arn));
    }
    if (marker.starts_with("s3express-") && name.before.ends_with("--x-s3")) {
        return in_host(host, name.region, std::string(name.before));
    }
    return fail(no_name());
}

/// "bucket.vpce-0a1b.s3.eu-west-1.vpce.amazonaws.com" with a bucket before it;
/// "point-123456789012.accesspoint.vpce-…".
Result<AwsHost> read_s3_vpc(const Catalogue& catalogue, std::string_view host, const VpcHost& vpc,
                            Service service, const HostScope& scope) {
    const auto found = find_host(catalogue, service, vpc.plain, scope.region);
    if (!found || !found->usual || !found->before.empty()) return fail(no_name());
    NARROWS_TRY(same_region(found->signing_region, scope.region));
    constexpr std::string_view kBucket = "bucket";
    constexpr std::string_view kPoint = ".accesspoint";
    if (vpc.before == kBucket) return AwsHost{.host = std::string(host), .region = found->region};
    if (vpc.before.ends_with(".bucket")) {
        const std::size_t size = vpc.before.size() - kBucket.size() - 1;
        return AwsHost{.host = std::string(host.substr(size + 1)),
                       .region = found->region,
                       .bucket = std::string(vpc.before.substr(0, size))};
    }
    if (!vpc.before.ends_with(kPoint)) return fail(no_name());
    const auto label = vpc.before.substr(0, vpc.before.size() - kPoint.size());
    NARROWS_TRY(std::string arn, access_point(catalogue, label, found->region, "s3"));
    return in_host(host, found->region, std::move(arn));
}

/// A bucket, or nothing, before one of the endpoints that the rules give.
Result<AwsHost> read_bucket(const FoundHost& found, const HostScope& scope) {
    std::string_view bucket = found.before;
    if (!bucket.empty() && bucket.back() != '.') return fail(no_name());
    if (!bucket.empty()) bucket.remove_suffix(1);
    NARROWS_TRY(same_region(found.signing_region, scope.region));
    AwsHost read{.region = found.region, .bucket = std::string(bucket)};
    if (!found.usual || !found.host.starts_with("s3.")) read.host = found.host;
    return read;
}

}  // namespace

Result<AwsHost> read_s3_host(const Catalogue& catalogue, std::string_view host,
                             const HostScope& scope) {
    // Of all regions: requests to buckets anywhere are signed for the bucket's region.
    constexpr std::string_view kGlobal = "s3.amazonaws.com";
    if (host == kGlobal) return AwsHost{};
    if (host.ends_with(kGlobal) && host[host.size() - kGlobal.size() - 1] == '.') {
        return AwsHost{.bucket = std::string(host.substr(0, host.size() - kGlobal.size() - 1))};
    }
    const Service service = *catalogue.service("s3");
    if (const auto vpc = read_vpc_host(host)) {
        return read_s3_vpc(catalogue, host, *vpc, service, scope);
    }
    const auto found = find_host(catalogue, service, host, scope.region);
    const bool point = found && found->host.starts_with("s3-object-lambda");
    const bool control = found && found->host.starts_with("s3express-control");
    if (found && !point && (!control || found->before.empty())) return read_bucket(*found, scope);
    NARROWS_TRY(const S3Name name, take_apart(catalogue, host, scope.region));
    // WriteGetObjectResponse goes to a route of its own, which is its host prefix.
    if (point && found->before.find('-') == std::string_view::npos) {
        NARROWS_TRY(same_region(found->signing_region, scope.region));
        return AwsHost{.host = found->host, .region = found->region};
    }
    return read_named(catalogue, host, name, scope);
}

}  // namespace narrows::aws
