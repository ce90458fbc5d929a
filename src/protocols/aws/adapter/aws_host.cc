#include "protocols/aws/adapter/aws_host.h"

#include <algorithm>

#include "codec/text.h"

namespace narrows::aws {
namespace {

/// The host without the partition's DNS suffix; empty if it has none of them.
std::string_view without_suffix(const Catalogue& catalogue, std::string_view host) {
    std::string_view rest;
    for (const std::string_view suffix : catalogue.dns_suffixes()) {
        const bool fits = host.size() > suffix.size() + 1 && host.ends_with(suffix) &&
                          host[host.size() - suffix.size() - 1] == '.';
        if (fits) {
            rest = host.substr(0, host.size() - suffix.size() - 1);
        }
    }
    return rest;
}

bool is_s3_label(std::string_view label) {
    return label == "s3" || label.starts_with("s3-");
}

/// S3 names: [BUCKET.]s3[-fips|-accelerate|-REGION][.dualstack][.REGION].
Result<AwsHost> read_s3(std::string_view name) {
    const std::vector<std::string_view> labels = codec::split(name, '.');
    const auto last = std::find_if(labels.rbegin(), labels.rend(), is_s3_label);
    if (last == labels.rend()) {
        return fail(ErrorCode::invalid, "the host is none of S3's names");
    }
    for (const std::string_view kind : {"s3-accesspoint", "s3-outposts", "s3-object-lambda"}) {
        if (last->starts_with(kind)) {
            return fail(ErrorCode::unsupported,
                        "S3 access points, outposts and object lambdas are not served yet");
        }
    }
    if (last->starts_with("s3-control")) {
        return AwsHost{};
    }
    const std::size_t before = static_cast<std::size_t>(last->data() - name.data());
    return AwsHost{std::string(before == 0 ? name.substr(0, 0) : name.substr(0, before - 1))};
}

/// "monitoring" in "monitoring.eu-west-1", "api.ecr" in "api.ecr.eu-west-1", "data-x" prefixes.
bool names_service(std::string_view name, std::string_view prefix) {
    for (std::size_t at = name.find(prefix); at != name.npos; at = name.find(prefix, at + 1)) {
        const bool begins = at == 0 || name[at - 1] == '.' || name[at - 1] == '-';
        const std::size_t end = at + prefix.size();
        const bool ends = end == name.size() || name[end] == '.' || name[end] == '-';
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

}  // namespace

Result<AwsHost> read_aws_host(const Catalogue& catalogue, std::string_view host,
                              std::string_view signing_name) {
    const std::string_view name = without_suffix(catalogue, host);
    if (name.empty()) {
        return fail(ErrorCode::invalid, "the host is no name of AWS's");
    }
    for (const Service service : catalogue.services_signed_as(signing_name)) {
        if (service.is_s3()) {
            return read_s3(name);
        }
        if (names_service(name, service.endpoint_prefix()) || names_service(name, service.id()) ||
            names_service(name, service.signing_name())) {
            return AwsHost{};
        }
    }
    return fail(ErrorCode::invalid,
                "the host is not of the service that the request is signed for");
}

}  // namespace narrows::aws
