#include "protocols/aws/adapter/upstream_request.h"

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/queue_urls.h"
#include "protocols/aws/adapter/swap.h"
#include "protocols/aws/decode/encode.h"

namespace narrows::aws {
namespace {

constexpr std::string_view kUserAgentSuffix = "narrows";

/// An aws-chunked upload is taken apart, checked and put together again in the same form.
void add_chunked_headers(const sigv4::Payload& payload, http::Headers& headers) {
    const std::string other(http::header(headers, "content-encoding"));
    http::set(headers, "content-encoding", other.empty() ? "aws-chunked" : "aws-chunked," + other);
    http::set(headers, "x-amz-decoded-content-length", std::to_string(*payload.decoded_length));
    if (!payload.trailers.empty()) {
        http::set(headers, "x-amz-trailer", fmt::format("{}", fmt::join(payload.trailers, ",")));
    }
}

/// What x-amz-content-sha256 says upstream.
std::string payload_text(const Understood& asked) {
    const RequestBody& body = asked.body;
    const bool as_sent =
        body.streamed || asked.payload.kind == sigv4::PayloadKind::unsigned_payload;
    return as_sent ? asked.payload.text_for(asked.place.algorithm())
                   : codec::hex(body.other ? crypto::sha256(*body.other) : *body.sha256);
}

/// The body that goes in place of the agent's. A queue's URL that names this gateway is for the
/// agent alone; a role that the agent assumes may be mightier than the connection's, and AWS
/// enforces the connection's policy on it too.
std::optional<Bytes> other_body(const http::RequestHead& head, const Understood& asked) {
    const session::Connection& granted = asked.caller.granted();
    if (adds_session_policy(asked.entry(), granted)) {
        return with_session_policy(asked.body.plain, granted.session_policy);
    }
    const bool plain = http::header(head.headers, "content-encoding").empty();
    if (asked.entry().service().id() != "sqs" || !plain) {
        return std::nullopt;
    }
    const upstream::Target& target = asked.place.target;
    const std::string origin = (target.tls ? "https://" : "http://") + target.authority();
    return with_queue_of_aws(asked.recognition.protocol, asked.body.plain, origin);
}

/// Of AWS's own hosts some begin with what stands in the parameters; the bucket may stand there.
void lead_to(UpstreamRequest& request, const AwsHost& named, upstream::Target& target) {
    if (target.configured) {
        return;
    }
    target.host = request.host_prefix + target.host;
    if (named.bucket_in_host) {
        request.path.erase(0, 1 + codec::percent_encode(named.bucket).size());
        if (request.path.empty()) request.path = "/";
    }
}

void add_head(UpstreamRequest anew, Understood& asked) {
    upstream::UnsignedRequest& request = asked.request;
    http::Headers& headers = request.head.headers;
    request.head = {anew.method, anew.target(), std::move(anew.headers)};
    if (asked.payload.chunked()) {
        add_chunked_headers(asked.payload, headers);
    }
    http::set(headers, "Host", asked.place.target.authority());
    const bool declares = asked.payload.kind != sigv4::PayloadKind::absent && !asked.carried;
    if (asked.entry().service().is_s3() || declares) {
        http::set(headers, "x-amz-content-sha256", request.payload);
    }
}

}  // namespace

std::optional<Rejection> write_request(const Proof& proof, Understood& asked) {
    const http::RequestHead& head = proof.asked();
    const Incoming incoming{asked.recognition.protocol, asked.recognition.candidates.front(), head,
                            asked.body.plain, asked.body.streamed};
    Result<UpstreamRequest> anew =
        encode_request(incoming, asked.decoded.front().parameters, kUserAgentSuffix);
    if (!anew.has_value()) {
        return not_recognised(anew.error());
    }
    lead_to(anew.value(), asked.named, asked.place.target);
    asked.body.other = other_body(head, asked);
    upstream::UnsignedRequest& request = asked.request;
    request.region = asked.place.signed_for();
    request.signing_name = proof.service();
    request.algorithm = asked.place.algorithm();
    request.payload = asked.carried ? std::string() : payload_text(asked);
    request.stays_unsigned = asked.goes_unsigned();
    add_head(std::move(anew.value()), asked);
    const Result<crypto::Digest> digest =
        upstream::intent_digest(asked.caller.lease().connection, request);
    if (!digest.has_value()) {
        return not_recognised(digest.error());
    }
    asked.request_digest = digest.value();
    return std::nullopt;
}

}  // namespace narrows::aws
