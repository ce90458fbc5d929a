#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/carried_url.h"
#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/adapter/queue_urls.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/sigv4/sigv4a.h"

namespace narrows::aws {

using model::Reason;

namespace {

constexpr std::string_view kUserAgentSuffix = "narrows";

}  // namespace

/// Where it goes: from partition, region, service and connection, never from the request.
std::optional<Rejection> Exchange::place() {
    const session::Connection& granted = caller_.granted();
    const std::vector<std::string> regions = proof_.regions();
    const std::string asked = region_to_reach(regions, granted.regions);
    unsigned_.region = asked;
    region_ = asked;
    const bool named =
        std::find(granted.regions.begin(), granted.regions.end(), asked) != granted.regions.end();
    const std::string& region = named || granted.regions.empty() ? asked : granted.regions.front();
    const Result<Endpoint> endpoint = endpoint_for(asked, region);
    if (!endpoint.has_value()) {
        return reject(Reason::not_configured, "AccessDenied", endpoint.error().what);
    }
    const bool elsewhere = !named && !named_.region.empty();
    if (elsewhere || !leads_to_all(regions, granted.regions, usual_endpoint(region))) {
        return reject(Reason::not_configured, "AccessDenied",
                      fmt::format("Connection {} does not lead to the region asked for; its "
                                  "regions are: {}",
                                  granted.name, fmt::join(granted.regions, ", ")));
    }
    const Result<upstream::Target> target = choose_place(endpoint.value());
    if (!target.has_value()) {
        return reject(Reason::not_configured, "AccessDenied", target.error().what);
    }
    target_ = target.value();
    region_ = endpoint.value().signing_region;
    unsigned_.region = region_;
    unsigned_.signing_name = proof_.service();
    const bool ecdsa = proof_.is_ecdsa();
    if (ecdsa || demands_ecdsa(target_.host)) {
        region_set_ = ecdsa ? regions : std::vector<std::string>{"*"};
        unsigned_.region = sigv4::region_set_text(region_set_);
        unsigned_.algorithm = sigv4::Algorithm::ecdsa;
    }
    return std::nullopt;
}

/// The host that was asked for, where it is one of the service's less usual ones; else the usual.
Result<Endpoint> Exchange::endpoint_for(const std::string& asked, const std::string& region) const {
    const std::string_view partition = services_.catalogue.partition_of(asked);
    if (!named_.host.empty() && (partition.empty() || partition == caller_.granted().partition)) {
        return Endpoint{named_.host, asked};
    }
    return services_.catalogue.endpoint(decoded_.front().entry, caller_.granted().partition,
                                        region);
}

/// The endpoint that tells from where AWS serves the granted region: what a host says of itself
/// grants none.
Endpoint Exchange::usual_endpoint(const std::string& region) const {
    const Result<Endpoint> usual =
        services_.catalogue.endpoint(decoded_.front().entry, caller_.granted().partition, region);
    return usual.has_value() ? usual.value() : Endpoint{};
}

Result<upstream::Target> Exchange::choose_place(const Endpoint& endpoint) const {
    const session::Connection& granted = caller_.granted();
    if (!granted.endpoint.empty() && named_.bucket.starts_with("arn:")) {
        return fail(ErrorCode::unsupported,
                    fmt::format("Connection {} has an endpoint of its own, which leads to no "
                                "access point",
                                granted.name));
    }
    return upstream::choose_target(endpoint.host, granted.endpoint);
}

/// An aws-chunked upload is taken apart, checked and put together again in the same form.
void Exchange::add_chunked_headers() {
    http::Headers& headers = unsigned_.head.headers;
    const std::string other(http::header(headers, "content-encoding"));
    http::set(headers, "content-encoding", other.empty() ? "aws-chunked" : "aws-chunked," + other);
    http::set(headers, "x-amz-decoded-content-length", std::to_string(*payload_.decoded_length));
    if (!payload_.trailers.empty()) {
        http::set(headers, "x-amz-trailer", fmt::format("{}", fmt::join(payload_.trailers, ",")));
    }
}

/// What x-amz-content-sha256 says upstream.
std::string Exchange::payload_text() const {
    return streamed_ || payload_.kind == sigv4::PayloadKind::unsigned_payload
               ? payload_.text_for(unsigned_.algorithm)
               : codec::hex(sent_body_ ? crypto::sha256(*sent_body_) : *body_sha256_);
}

/// A queue's URL that names this gateway is for the agent alone.
void Exchange::name_queue_for_aws() {
    const bool plain = http::header(proof_.asked().headers, "content-encoding").empty();
    if (decoded_.front().entry.service().id() == "sqs" && plain) {
        const std::string origin = (target_.tls ? "https://" : "http://") + target_.authority();
        sent_body_ = with_queue_of_aws(recognition_.protocol, plain_body_, origin);
    }
}

/// A presigned URL among the parameters asks for an operation of its own.
std::optional<Rejection> Exchange::read_carried() {
    const Carrier carrier{proof_,         caller_,
                          decoded_,       as_text(plain_body_),
                          unsigned_,      arrival_.proxied_by != nullptr,
                          known_context()};
    Result<CarriedRequest> carried = read_carried_url(services_, carrier);
    if (!carried.has_value()) {
        return carried_rejection(carrier, carried.error());
    }
    carried_.emplace(std::move(carried.value().asked));
    unsigned_.carried.emplace(std::move(carried.value().url));
    return std::nullopt;
}

std::optional<Rejection> Exchange::build_upstream() {
    const Incoming incoming{recognition_.protocol, recognition_.candidates.front(), proof_.asked(),
                            plain_body_, streamed_};
    Result<UpstreamRequest> request =
        encode_request(incoming, decoded_.front().parameters, kUserAgentSuffix);
    if (!request.has_value()) {
        return not_recognised(request.error());
    }
    if (!target_.configured && !request.value().host_prefix.empty()) {
        target_.host = request.value().host_prefix + target_.host;
    }
    if (!target_.configured && named_.bucket_in_host) {
        std::string& path = request.value().path;
        path.erase(0, 1 + codec::percent_encode(named_.bucket).size());
        if (path.empty()) path = "/";
    }
    unsigned_.head = {request.value().method, request.value().target(),
                      std::move(request.value().headers)};
    if (payload_.chunked()) {
        add_chunked_headers();
    }
    name_queue_for_aws();
    add_session_policy();
    unsigned_.payload = carried_ ? std::string() : payload_text();
    unsigned_.stays_unsigned = goes_unsigned();
    http::set(unsigned_.head.headers, "Host", target_.authority());
    const bool declares = payload_.kind != sigv4::PayloadKind::absent && !carried_;
    if (decoded_.front().entry.service().is_s3() || declares) {
        http::set(unsigned_.head.headers, "x-amz-content-sha256", unsigned_.payload);
    }
    const Result<crypto::Digest> digest =
        upstream::intent_digest(caller_.lease().connection, unsigned_);
    if (!digest.has_value()) {
        return not_recognised(digest.error());
    }
    request_digest_ = digest.value();
    return std::nullopt;
}

}  // namespace narrows::aws
