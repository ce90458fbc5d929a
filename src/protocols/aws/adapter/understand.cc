#include <algorithm>

#include <fmt/format.h>

#include "codec/cbor.h"
#include "codec/text.h"
#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/adapter/queue_urls.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/adapter/request_integrity.h"
#include "protocols/aws/decode/decode.h"
#include "protocols/aws/decode/swap.h"
#include "protocols/aws/decode/withhold.h"
#include "protocols/aws/sigv4/canonical.h"
#include "protocols/aws/sigv4/sigv4a.h"

namespace narrows::aws {

using model::Reason;

namespace {

/// Bodies of refused requests are kept up to this size; beyond it the connection is closed.
constexpr std::size_t kRefusedBodyMax = 256 * 1024;
constexpr net::Millis kRefusedBodyTime{5'000};
constexpr net::Millis kHeldBodyTime{60'000};
/// A blob up to this size is held, not streamed: its INTENT then holds it whole.
constexpr std::uint64_t kStreamFrom = 32 * 1024;

constexpr std::string_view kUserAgentSuffix = "narrows";

bool is_form(const http::RequestHead& head) {
    return codec::lower(http::header(head.headers, "content-type"))
        .starts_with("application/x-www-form-urlencoded");
}

Rejection not_recognised(const Error& error) {
    return reject(
        error.code == ErrorCode::unsupported ? Reason::not_supported : Reason::not_recognised,
        "AccessDenied", error.what);
}

}  // namespace

net::Task<std::optional<Rejection>> Exchange::understand() {
    std::optional<Rejection> rejection = check_origin();
    if (rejection) {
        co_return rejection;
    }
    Result<sigv4::Payload> payload = sigv4::read_payload(head_);
    if (!payload.has_value()) {
        co_return not_recognised(payload.error());
    }
    payload_ = std::move(payload.value());
    if (payload_.chunks_signed() && payload_.ecdsa() != is_sigv4a(caller_.authorization->scheme)) {
        co_return reject(Reason::not_recognised, "AccessDenied",
                         "The chunks of the body are signed with another algorithm than the "
                         "request itself");
    }
    if (payload_.kind != sigv4::PayloadKind::absent) {
        rejection = verify(services_, caller_, received(), named_.bucket, std::nullopt);
        if (rejection) {
            co_return rejection;
        }
    }
    if (!is_form(head_)) {
        rejection = recognise_head();
        if (rejection && payload_.kind != sigv4::PayloadKind::absent) {
            co_return rejection;
        }
        if (!rejection) {
            rejection = check_events();
            if (rejection) {
                co_return rejection;
            }
        }
        const bool vouched = payload_.kind != sigv4::PayloadKind::absent;
        const bool large = agent_.content_length().value_or(kStreamFrom + 1) > kStreamFrom;
        // Whoever waits to be told to send is told after the decision, which needs no blob.
        const bool waits = !http::header(head_.headers, "expect").empty();
        streamed_ = !rejection && !form_ && agent_.has_body() && vouched &&
                    (sends_events() || ((large || waits || payload_.chunked()) && is_blob()));
    }
    if (sends_events() && !streamed_) {
        co_return reject(Reason::not_recognised, "AccessDenied",
                         "the request declares a stream of events and has none");
    }
    if (payload_.chunked() && !payload_.decoded_length) {
        co_return reject(Reason::not_recognised, "MissingContentLength",
                         "An aws-chunked upload must declare x-amz-decoded-content-length");
    }
    rejection = streamed_ ? check_declarations() : std::nullopt;
    if (!streamed_) {
        rejection = co_await take_held_body();
    }
    if (rejection) {
        co_return rejection;
    }
    co_return decode();
}

/// What a streamed upload declares of itself is refused before a byte of it is sent, not at its
/// end.
std::optional<Rejection> Exchange::check_declarations() const {
    const Result<sigv4::BodyCheck> check =
        sigv4::BodyCheck::of(head_, payload_, checksums_cover_body());
    return check.has_value() ? std::nullopt : std::optional(not_recognised(check.error()));
}

/// Proxy mode: the inner signature is of the session that opened the tunnel, and the host that was
/// asked for is the host that is named, one of the service's own.
std::optional<Rejection> Exchange::check_origin() {
    if (!arrival_.proxied_by) {
        return check_label();
    }
    if (arrival_.proxied_by != caller_.session) {
        return reject(Reason::not_authenticated, "AccessDenied",
                      "The request is signed by another session than the one whose credential "
                      "opened the proxy connection");
    }
    std::string host = codec::lower(http::header(head_.headers, "host"));
    if (host.ends_with(":443")) {
        host.resize(host.size() - 4);
    }
    if (host != arrival_.host) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "The Host header names another host than CONNECT did");
    }
    const std::vector<std::string>& granted = caller_.granted().regions;
    const std::string& account = caller_.account();
    const std::string region = region_to_reach(regions_of(*caller_.authorization), granted);
    const HostScope scope{caller_.authorization->scope.service, region, account};
    Result<AwsHost> read = read_aws_host(services_.catalogue, host, scope);
    if (!read.has_value()) {
        return not_recognised(read.error());
    }
    named_ = std::move(read.value());
    if (!named_.account.empty() && named_.account != account) {
        return reject(Reason::not_configured, "AccessDenied",
                      "The host is of another account than the connection's");
    }
    return std::nullopt;
}

/// Endpoint mode: what stands before the gateway's name is a bucket, or what an operation's host
/// prefix put there, which its parameters say again. S3 Control names its account in a header, too.
std::optional<Rejection> Exchange::check_label() {
    if (named_.bucket.empty()) {
        return std::nullopt;
    }
    const std::string& label = named_.bucket;
    const bool control = label == http::header(head_.headers, "x-amz-account-id");
    const auto services =
        services_.catalogue.services_signed_as(caller_.authorization->scope.service);
    const bool prefix = std::any_of(services.begin(), services.end(), [&](Service service) {
        const bool may = service.id() != "s3control" || control;
        return !service.is_s3() && may && is_host_prefix(service, label);
    });
    if (prefix) {
        named_.bucket.clear();
        return std::nullopt;
    }
    return is_bucket_name(label) ? std::nullopt
                                 : std::optional(reject(Reason::not_recognised, "AccessDenied",
                                                        "The host's first labels name no bucket"));
}

std::optional<Rejection> Exchange::recognise_head() {
    if (!recognition_.candidates.empty()) {
        return std::nullopt;
    }
    const std::string_view form = is_form(head_) ? as_text(plain_body_) : std::string_view();
    const std::string region =
        region_to_reach(regions_of(*caller_.authorization), caller_.granted().regions);
    const Question question{head_,  form,          caller_.authorization->scope.service,
                            region, arrival_.host, named_.bucket};
    Result<Recognition> recognition = recognise(services_.catalogue, question);
    if (!recognition.has_value()) {
        return not_recognised(recognition.error());
    }
    if (!fits_host(recognition.value(), region)) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "The host is of another service than the operation");
    }
    recognition_ = std::move(recognition.value());
    return std::nullopt;
}

/// Proxy mode: an operation goes to a host of its own service. S3 Control signs as S3 does, and its
/// paths are keys there.
bool Exchange::fits_host(const Recognition& recognition, std::string_view region) const {
    if (!arrival_.proxied_by) {
        return true;
    }
    return std::all_of(
        recognition.candidates.begin(), recognition.candidates.end(), [&](const Candidate& c) {
            const Service service = c.operation.service();
            return service.is_s3() == named_.s3 &&
                   (named_.s3 || is_host_of(services_.catalogue, service, arrival_.host, region));
        });
}

net::Task<Result<Bytes>> Exchange::read_whole(std::size_t size_max) {
    if (agent_.content_length().value_or(0) > size_max) {
        co_return fail(ErrorCode::exhausted,
                       fmt::format("The request's body is larger than the {} bytes that are held "
                                   "in memory for this kind of operation",
                                   size_max));
    }
    if (agent_.has_body() && !http::header(head_.headers, "expect").empty() && !continue_sent_) {
        continue_sent_ = true;
        const Result<void> written = co_await agent_.write_continue();
        if (!written.has_value()) {
            co_return fail(written.error());
        }
    }
    // One deadline for the whole body: it is small, and nothing holds it to account yet.
    agent_.expires_after(kHeldBodyTime);
    co_return co_await collect(size_max);
}

/// The rest of the body, within the deadline that is set.
net::Task<Result<Bytes>> Exchange::collect(std::size_t size_max) {
    Bytes body = form_ ? std::move(form_->begun) : Bytes();
    while (!agent_.body_done()) {
        const Result<ByteView> part = co_await agent_.read_body();
        if (!part.has_value()) {
            co_return fail(part.error());
        }
        if (body.size() + part.value().size() > size_max) {
            co_return fail(ErrorCode::exhausted, "The request's body is larger than allowed");
        }
        if (!form_) {
            append(body, part.value());
            continue;
        }
        const Result<void> read = form_->reader.push(part.value(), body);
        if (!read.has_value()) {
            co_return fail(read.error());
        }
    }
    co_return body;
}

net::Task<std::optional<Rejection>> Exchange::take_held_body() {
    Result<Bytes> raw = co_await read_whole(services_.limits.body_bytes_max);
    if (!raw.has_value()) {
        agent_.must_close();
        co_return reject(Reason::not_recognised, "RequestEntityTooLarge", raw.error().what);
    }
    raw_body_ = std::move(raw.value());
    body_read_ = true;
    bytes_request_ = raw_body_.size();
    if (form_) {
        std::optional<Rejection> rejection = check_form_size();
        if (rejection) {
            co_return rejection;
        }
    }
    co_return check_held_body(raw_body_);
}

/// The fields of a browser's upload, with what came of the file; nobody is known yet, so they are
/// few and have one deadline.
net::Task<std::optional<Rejection>> Exchange::receive_form() {
    const auto malformed = [](const Error& error) {
        Rejection rejection = reject(Reason::not_recognised, "MalformedPOSTRequest", error.what);
        rejection.status = 400;
        return rejection;
    };
    Result<codec::FormUpload> reader =
        codec::FormUpload::of(http::header(head_.headers, "content-type"));
    if (!reader.has_value()) {
        co_return malformed(reader.error());
    }
    PostedForm form{std::move(reader.value()), {}, {}};
    if (!http::header(head_.headers, "expect").empty()) {
        continue_sent_ = true;
        const Result<void> written = co_await agent_.write_continue();
        if (!written.has_value()) {
            co_return malformed(written.error());
        }
    }
    agent_.expires_after(kRefusedBodyTime);
    form_begun_ = true;
    while (!agent_.body_done() && !form.reader.in_file()) {
        const Result<ByteView> part = co_await agent_.read_body();
        if (!part.has_value()) {
            co_return malformed(part.error());
        }
        const Result<void> read = form.reader.push(part.value(), form.begun);
        if (!read.has_value()) {
            co_return malformed(read.error());
        }
    }
    form.fields = fields_of(form.reader);
    form_.emplace(std::move(form));
    co_return std::nullopt;
}

/// Whether the file came whole and is as long as the policy wants it.
std::optional<Rejection> Exchange::check_form_size() const {
    const Result<void> whole = form_->reader.finish();
    if (!whole.has_value()) {
        return not_recognised(whole.error());
    }
    const Result<std::string> bucket = bucket_of_form(received(), named_.bucket);
    const Result<sigv4::FileBounds> bounds = sigv4::check_policy(
        form_->fields, bucket.has_value() ? bucket.value() : "", services_.clock.wall());
    if (!bounds.has_value()) {
        return reject(Reason::not_authenticated, "AccessDenied", bounds.error().what);
    }
    const bool small = raw_body_.size() < bounds.value().bytes_min;
    if (!small && raw_body_.size() <= bounds.value().bytes_max) {
        return std::nullopt;
    }
    Rejection rejection =
        reject(Reason::not_authenticated, small ? "EntityTooSmall" : "EntityTooLarge",
               fmt::format("The file has {} bytes; the form's policy wants {} to {}",
                           raw_body_.size(), bounds.value().bytes_min, bounds.value().bytes_max));
    rejection.status = 400;
    return rejection;
}

/// Hash, signature, framing and checksums of a body that is in memory, then its plain form.
std::optional<Rejection> Exchange::check_held_body(const Bytes& raw) {
    body_sha256_ = crypto::sha256(raw);
    if (payload_.kind == sigv4::PayloadKind::absent) {
        std::optional<Rejection> rejection =
            verify(services_, caller_, received(), named_.bucket, body_sha256_);
        if (rejection) {
            return rejection;
        }
    }
    if (payload_.chunked()) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "aws-chunked bodies are only taken for uploads");
    }
    Result<sigv4::BodyCheck> check = sigv4::BodyCheck::of(head_, payload_, checksums_cover_body());
    if (!check.has_value()) {
        return not_recognised(check.error());
    }
    check.value().update(raw);
    const Result<sigv4::BodyReport> report = check.value().finish();
    if (!report.has_value()) {
        return not_recognised(report.error());
    }
    if (!raw.empty() || !report.value().held()) {
        integrity_ = integrity_value(payload_, report.value());
    }
    if (!report.value().held()) {
        return body_mismatch(report.value());
    }
    if (is_blob()) {
        plain_body_ = raw;  // a content coding belongs to the object then
        return std::nullopt;
    }
    Result<Bytes> plain = plain_body(head_, raw, services_.limits.body_bytes_max);
    if (!plain.has_value()) {
        return not_recognised(plain.error());
    }
    plain_body_ = std::move(plain.value());
    return recognise_head();
}

bool Exchange::is_blob() const {
    return !recognition_.candidates.empty() &&
           std::all_of(recognition_.candidates.begin(), recognition_.candidates.end(),
                       [](const Candidate& c) { return takes_stream(c.operation); });
}

/// CompleteMultipartUpload's checksums are those of the whole object, not of its document.
bool Exchange::checksums_cover_body() const {
    return std::none_of(
        recognition_.candidates.begin(), recognition_.candidates.end(),
        [](const Candidate& c) { return c.operation.name() == "CompleteMultipartUpload"; });
}

model::Context Exchange::known_context() const {
    model::Context known;
    // Of several regions the session asks each for itself; of a pattern nothing is known.
    if (region_set_.empty()) {
        known["aws:requestedregion"] = {unsigned_.region};
    } else if (region_set_.size() == 1 && is_one_region(region_set_.front())) {
        known["aws:requestedregion"] = region_set_;
    }
    known["aws:securetransport"] = {arrival_.secure ? "true" : "false"};
    known["aws:sourceip"] = {arrival_.peer_address};
    const std::string_view agent = http::header(head_.headers, "user-agent");
    known["aws:useragent"] =
        agent.empty() ? std::vector<std::string>{} : std::vector<std::string>{std::string(agent)};
    return known;
}

/// Parameters of every candidate, then the operation. A candidate that the request does not fit is
/// none; the last misfit is the reason if nothing fits.
std::optional<Rejection> Exchange::decode() {
    Error misfit;
    std::vector<Candidate> fitting;
    for (const Candidate& candidate : recognition_.candidates) {
        const Incoming incoming{recognition_.protocol, candidate, head_, plain_body_, streamed_};
        Result<codec::Value> parameters = decode_parameters(incoming);
        if (parameters.has_value()) {
            decoded_.push_back({candidate.operation, std::move(parameters.value())});
            fitting.push_back(candidate);
        } else {
            misfit = parameters.error();
        }
    }
    if (decoded_.empty()) {
        return not_recognised(misfit);
    }
    recognition_.candidates = std::move(fitting);
    body_secret_ = std::any_of(decoded_.begin(), decoded_.end(),
                               [](const Decoded& d) { return !d.entry.secret_inputs().empty(); });
    // The region that is decided on is the one the request will be signed for.
    const std::optional<Rejection> misplaced = place();
    const session::Connection& granted = caller_.granted();
    const ConnectionFacts facts{caller_.account(), granted.partition, region_};
    Result<model::Operation> operation =
        build_operation(decoded_, facts, known_context(), services_.commitment_key);
    if (!operation.has_value()) {
        return not_recognised(operation.error());
    }
    operation_ = std::move(operation.value());
    spread_over(region_set_, region_, *operation_);
    keep_parameters();
    identity_question_ =
        operation_->service == "sts" && decoded_.front().entry.name() == "GetCallerIdentity";
    std::optional<Rejection> rejection = never_allowed();
    if (rejection || identity_question_) {
        return rejection;
    }
    return misplaced ? misplaced : build_upstream();
}

/// Where the body holds secrets, its parameters (secrets withheld) are what can be recorded; if
/// they are too large for the INTENT they take the body's place in BODY records.
void Exchange::keep_parameters() {
    Bytes parameters = codec::cbor_encode(operation_->parameters);
    if (body_secret_ && parameters.size() > session::kInlineParametersMax) {
        bytes_request_ = parameters.size();
        kept_body_ = std::move(parameters);
    }
}

std::optional<Rejection> Exchange::never_allowed() const {
    for (const Decoded& candidate : decoded_) {
        const Operation& entry = candidate.entry;
        std::string why(why_never(entry));
        if (caller_.authorization->scheme == sigv4::Scheme::bearer &&
            !takes_bearer(entry.service().id())) {
            why = "its service takes no bearer tokens; sign with the session's keys";
        } else if (why.empty()) {
            why = why_not_swapped(candidate).value_or("");
        }
        if (!why.empty()) {
            Rejection rejection = reject(Reason::not_supported, "AccessDenied",
                                         fmt::format("{}:{} is denied whatever the scope says: {}",
                                                     operation_->service, entry.name(), why));
            rejection.decision.action = operation_->accesses.front().action;
            rejection.decision.resource = operation_->accesses.front().resources.front().arn;
            return rejection;
        }
    }
    return std::nullopt;
}

/// Where it goes: from partition, region, service and connection, never from the request.
std::optional<Rejection> Exchange::place() {
    const session::Connection& granted = caller_.granted();
    const std::vector<std::string> regions = regions_of(*caller_.authorization);
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
    unsigned_.signing_name = caller_.authorization->scope.service;
    const bool ecdsa = is_sigv4a(caller_.authorization->scheme);
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
    const bool plain = http::header(head_.headers, "content-encoding").empty();
    if (decoded_.front().entry.service().id() == "sqs" && plain) {
        const std::string origin = (target_.tls ? "https://" : "http://") + target_.authority();
        sent_body_ = with_queue_of_aws(recognition_.protocol, plain_body_, origin);
    }
}

std::optional<Rejection> Exchange::build_upstream() {
    const Incoming incoming{recognition_.protocol, recognition_.candidates.front(), head_,
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
    unsigned_.payload = payload_text();
    http::set(unsigned_.head.headers, "Host", target_.authority());
    if (decoded_.front().entry.service().is_s3() || payload_.kind != sigv4::PayloadKind::absent) {
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

/// The bytes of a refused request belong to its record, as far as they are few; they have one
/// deadline for all of them.
net::Task<void> Exchange::keep_refused_body() {
    const bool expects = !http::header(head_.headers, "expect").empty() && !continue_sent_;
    // Whoever sends events may wait for an answer before the first or between them.
    const bool waits = expects || http::header(head_.headers, "x-amz-content-sha256") ==
                                      "STREAMING-AWS4-HMAC-SHA256-EVENTS";
    const bool halved = form_begun_ && !form_;  // what is left of a form would pass for all of it
    if (!body_read_ && !agent_.body_done() && !waits && !halved &&
        agent_.content_length().value_or(0) <= kRefusedBodyMax) {
        agent_.expires_after(kRefusedBodyTime);
        Result<Bytes> raw = co_await collect(kRefusedBodyMax);
        if (raw.has_value()) {
            raw_body_ = std::move(raw.value());
            body_read_ = true;
            streamed_ = false;
        }
    }
    body_secret_ = body_secret_ || may_hold_secrets();
}

/// Whether a refused request may carry values that no record may hold. One that nobody signed is
/// withheld whole: unsigned operations bring passwords and tokens by nature. A signed one is as
/// secret as the operation that it looks like.
bool Exchange::may_hold_secrets() const {
    const sigv4::Scheme scheme = caller_.presented.scheme;
    const bool ecdsa = sigv4::is_sigv4a(scheme);
    if (scheme != sigv4::Scheme::sigv4_header && scheme != sigv4::Scheme::sigv4_query && !ecdsa) {
        return true;
    }
    const std::vector<std::string_view> scope = codec::split(caller_.presented.scope, '/');
    if (scope.size() < 3) {
        return true;
    }
    const std::string_view service = ecdsa ? scope[1] : scope[2];
    const std::string_view region = ecdsa ? std::string_view() : scope[1];
    const Result<Bytes> plain = plain_body(head_, raw_body_, services_.limits.body_bytes_max);
    const std::string_view form =
        is_form(head_) && plain.has_value() ? as_text(plain.value()) : std::string_view();
    const Question question{head_, form, service, region, arrival_.host, named_.bucket};
    const Result<Recognition> looks_like = recognise(services_.catalogue, question);
    return looks_like.has_value() &&
           std::any_of(looks_like.value().candidates.begin(), looks_like.value().candidates.end(),
                       [](const Candidate& c) {
                           return !c.operation.secret_inputs().empty() ||
                                  c.operation.auth() != Auth::sigv4;
                       });
}

}  // namespace narrows::aws
