#include <algorithm>

#include <fmt/format.h>

#include "codec/cbor.h"
#include "codec/text.h"
#include "protocols/aws/adapter/carried_url.h"
#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/decode/decode.h"
#include "protocols/aws/decode/swap.h"

namespace narrows::aws {

using model::Reason;

namespace {

/// A blob up to this size is held, not streamed: its INTENT then holds it whole.
constexpr std::uint64_t kStreamFrom = 32 * 1024;

bool is_form(const http::RequestHead& head) {
    return codec::lower(http::header(head.headers, "content-type"))
        .starts_with("application/x-www-form-urlencoded");
}

}  // namespace

net::Task<std::optional<Rejection>> Exchange::understand() {
    std::optional<Rejection> rejection = check_origin();
    if (rejection) {
        co_return rejection;
    }
    Result<sigv4::Payload> payload = sigv4::read_payload(proof_.asked());
    if (!payload.has_value()) {
        co_return not_recognised(payload.error());
    }
    payload_ = std::move(payload.value());
    rejection = proof_.check_payload(payload_);
    if (rejection) {
        co_return rejection;
    }
    if (payload_.kind != sigv4::PayloadKind::absent) {
        rejection = proof_.verify(services_, named_.bucket, std::nullopt);
        if (rejection) {
            co_return rejection;
        }
    }
    if (!is_form(proof_.asked())) {
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
        const bool waits = !http::header(proof_.asked().headers, "expect").empty();
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
        sigv4::BodyCheck::of(proof_.asked(), payload_, checksums_cover_body());
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
    std::string host = codec::lower(http::header(proof_.asked().headers, "host"));
    if (host.ends_with(":443")) {
        host.resize(host.size() - 4);
    }
    if (host != arrival_.host) {
        return reject(Reason::not_recognised, "AccessDenied",
                      "The Host header names another host than CONNECT did");
    }
    const std::vector<std::string>& granted = caller_.granted().regions;
    const std::string& account = caller_.account();
    const std::string region = region_to_reach(proof_.regions(), granted);
    const HostScope scope{proof_.service(), region, account};
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
    const bool control = label == http::header(proof_.asked().headers, "x-amz-account-id");
    const auto services = services_.catalogue.services_signed_as(proof_.service());
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
    const std::string_view form =
        is_form(proof_.asked()) ? as_text(plain_body_) : std::string_view();
    const std::string region = region_to_reach(proof_.regions(), caller_.granted().regions);
    const Question question{proof_.asked(), form,          proof_.service(),
                            region,         arrival_.host, named_.bucket};
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
    const std::string_view agent = http::header(proof_.asked().headers, "user-agent");
    known["aws:useragent"] =
        agent.empty() ? std::vector<std::string>{} : std::vector<std::string>{std::string(agent)};
    known.merge(proof_.condition_keys(services_.clock.wall(), payload_.text));
    return known;
}

/// Parameters of every candidate, then the operation. A candidate that the request does not fit is
/// none; the last misfit is the reason if nothing fits.
std::optional<Rejection> Exchange::decode() {
    std::optional<Rejection> unproven = choose_connection();
    if (unproven) {
        return unproven;
    }
    Error misfit;
    std::vector<Candidate> fitting;
    for (const Candidate& candidate : recognition_.candidates) {
        const Incoming incoming{recognition_.protocol, candidate, proof_.asked(), plain_body_,
                                streamed_};
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
    body_secret_ = std::any_of(decoded_.begin(), decoded_.end(), [](const Decoded& d) {
        return !d.entry.secret_inputs().empty() || !carried_url(d).empty() ||
               d.entry.auth() == Auth::none;
    });
    // The region that is decided on is the one the request will be signed for.
    std::optional<Rejection> misplaced = place();
    const session::Connection& granted = caller_.granted();
    const ConnectionFacts facts{caller_.account(), granted.partition, region_,
                                granted.partition_keys};
    Result<model::Operation> operation =
        build_operation(decoded_, facts, known_context(), services_.commitment_key);
    if (!operation.has_value()) {
        return not_recognised(operation.error());
    }
    operation_ = std::move(operation.value());
    withhold_carried(decoded_.front(), services_.commitment_key, *operation_);
    spread_over(region_set_, region_, *operation_);
    keep_parameters();
    identity_question_ =
        operation_->service == "sts" && decoded_.front().entry.name() == "GetCallerIdentity";
    std::optional<Rejection> rejection = never_allowed();
    if (rejection || identity_question_) {
        return rejection;
    }
    if (misplaced) {
        return misplaced;
    }
    if (!carried_url(decoded_.front()).empty()) {
        rejection = read_carried();
    }
    return rejection ? rejection : build_upstream();
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
        std::string why(proof_.why_not_for(entry.service()));
        if (why.empty()) {
            why = why_never(entry);
        }
        if (why.empty()) {
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
    return check_named();
}

/// Whether a refused request may carry values that no record may hold. One that nobody signed is
/// withheld whole: unsigned operations bring passwords and tokens by nature. A signed one is as
/// secret as the operation that it looks like.
bool Exchange::may_hold_secrets() const {
    const std::optional<Proof::Claim> claim = proof_.claim();
    if (!claim) {
        return true;
    }
    const Result<Bytes> plain =
        plain_body(proof_.asked(), raw_body_, services_.limits.body_bytes_max);
    const std::string_view form =
        is_form(proof_.asked()) && plain.has_value() ? as_text(plain.value()) : std::string_view();
    const Question question{proof_.asked(), form,          claim->service,
                            claim->region,  arrival_.host, named_.bucket};
    const Result<Recognition> looks_like = recognise(services_.catalogue, question);
    return looks_like.has_value() &&
           std::any_of(looks_like.value().candidates.begin(), looks_like.value().candidates.end(),
                       [](const Candidate& c) {
                           return !c.operation.secret_inputs().empty() ||
                                  !carried_url_member(c.operation).empty() ||
                                  c.operation.auth() != Auth::sigv4;
                       });
}

}  // namespace narrows::aws
