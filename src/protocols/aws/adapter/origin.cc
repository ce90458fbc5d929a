#include "protocols/aws/adapter/origin.h"

#include <algorithm>

#include "codec/text.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/decode/operation.h"

namespace narrows::aws {

using model::Reason;

namespace {

auto refused(Reason reason, std::string why) {
    return rejected(reject(reason, "AccessDenied", std::move(why)));
}

Judged<AwsHost> read_tunnelled(const Catalogue& catalogue, const Arrival& arrival,
                               const Caller& caller, const Proof& proof) {
    if (arrival.proxied_by != caller.session) {
        return refused(Reason::not_authenticated,
                       "The request is signed by another session than the one whose credential "
                       "opened the proxy connection");
    }
    std::string host = codec::lower(http::header(proof.asked().headers, "host"));
    if (host.ends_with(":443")) {
        host.resize(host.size() - 4);
    }
    if (host != arrival.host) {
        return refused(Reason::not_recognised,
                       "The Host header names another host than CONNECT did");
    }
    const std::string region = region_asked(caller, proof);
    const HostScope scope{proof.service(), region, caller.account()};
    Result<AwsHost> read = read_aws_host(catalogue, host, scope);
    if (!read.has_value()) {
        return rejected(not_recognised(read.error()));
    }
    if (!read.value().account.empty() && read.value().account != caller.account()) {
        return refused(Reason::not_configured,
                       "The host is of another account than the connection's");
    }
    return std::move(read.value());
}

/// An operation's parameters say its host prefix again. S3 Control names its account in a header,
/// too.
bool is_prefix(const Catalogue& catalogue, const std::string& label, const Proof& proof) {
    const bool control = label == http::header(proof.asked().headers, "x-amz-account-id");
    const auto services = catalogue.services_signed_as(proof.service());
    return std::any_of(services.begin(), services.end(), [&](Service service) {
        const bool may = service.id() != "s3control" || control;
        return !service.is_s3() && may && is_host_prefix(service, label);
    });
}

/// S3 Control signs as S3 does, and its paths are keys there.
bool is_of_host(const Catalogue& catalogue, const Arrival& arrival, const AwsHost& named,
                const Candidate& candidate, std::string_view region) {
    const Service service = candidate.operation.service();
    return service.is_s3() == named.s3 &&
           (named.s3 || is_host_of(catalogue, service, arrival.host, region));
}

}  // namespace

Judged<AwsHost> read_origin(const Catalogue& catalogue, const Arrival& arrival,
                            const Caller& caller, const Proof& proof) {
    if (arrival.proxied_by) {
        return read_tunnelled(catalogue, arrival, caller, proof);
    }
    const std::string& label = arrival.bucket;
    if (label.empty() || is_prefix(catalogue, label, proof)) {
        return AwsHost{};
    }
    if (!is_bucket_name(label)) {
        return refused(Reason::not_recognised, "The host's first labels name no bucket");
    }
    return AwsHost{.bucket = label};
}

std::string region_asked(const Caller& caller, const Proof& proof) {
    return region_to_reach(proof.regions(), caller.granted().regions);
}

Judged<Recognition> recognise_at(const Catalogue& catalogue, const Arrival& arrival,
                                 const AwsHost& named, const Caller& caller, const Proof& proof,
                                 std::string_view form) {
    const std::string region = region_asked(caller, proof);
    const Question question{proof.asked(), form,         proof.service(),
                            region,        arrival.host, named.bucket};
    Result<Recognition> recognition = recognise(catalogue, question);
    if (!recognition.has_value()) {
        return rejected(not_recognised(recognition.error()));
    }
    const std::vector<Candidate>& all = recognition.value().candidates;
    const auto fits = [&](const Candidate& each) {
        return is_of_host(catalogue, arrival, named, each, region);
    };
    if (arrival.proxied_by && !std::all_of(all.begin(), all.end(), fits)) {
        return refused(Reason::not_recognised, "The host is of another service than the operation");
    }
    return std::move(recognition.value());
}

}  // namespace narrows::aws
