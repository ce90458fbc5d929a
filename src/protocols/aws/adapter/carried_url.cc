#include "protocols/aws/adapter/carried_url.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/adapter/withheld_headers.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/catalogue/recognise.h"
#include "protocols/aws/decode/encode.h"
#include "protocols/aws/decode/wire.h"
#include "protocols/aws/decode/withhold.h"
#include "protocols/aws/sigv4/presigned.h"

namespace narrows::aws {
namespace {

/// A URL whose signature held.
struct Opened {
    sigv4::Authorization by;
    http::RequestHead asks;  ///< without the proof
    std::string host;        ///< that it names, in lower case

    const std::string& region() const { return by.scope.region; }
};

std::string without_port(std::string_view host) {
    const std::size_t colon = host.rfind(':');
    const bool in_brackets = colon < host.size() && host.find(']', colon) < host.size();
    return codec::lower(in_brackets ? host : host.substr(0, colon));
}

void drop_port(http::RequestHead& head) {
    http::set(head.headers, "Host", without_port(http::header(head.headers, "host")));
}

void drop_bare_keys(http::RequestHead& head) {
    const std::string query(query_of(head.target));
    head.target.resize(head.target.size() - query.size());
    for (const std::string_view pair : codec::split(query, '&')) {
        if (pair.find('=') == std::string_view::npos) continue;
        head.target.append(head.target.ends_with('?') ? "" : "&").append(pair);
    }
}

/// What was signed: what stands in the URL, or less. The SDK for JavaScript signs neither the port
/// nor a key that it writes without a value, which is a parameter that nobody gave.
Result<http::RequestHead> verify_url(const Services& services, const Proof& proof,
                                     http::RequestHead head, const sigv4::Authorization& by) {
    const sigv4::Key key = proof.key_for(by, services.keys);
    const auto held = [&]() {
        return sigv4::verify_presigned(head, by, key, crypto::sha256(""), services.clock.wall(),
                                       services.limits.clock_skew_s);
    };
    Result<void> verified = held();
    for (void (*const drop)(http::RequestHead&) : {drop_port, drop_bare_keys}) {
        if (verified || verified.error().code != ErrorCode::unauthenticated) break;
        drop(head);
        verified = held();
    }
    NARROWS_TRY(verified);
    return head;
}

Result<Opened> open_url(const Services& services, const Proof& proof, std::string_view url) {
    NARROWS_TRY(const http::RequestHead head, sigv4::head_of_url(url));
    NARROWS_TRY(const sigv4::Presigned read, sigv4::read_presigned(head));
    const sigv4::Authorization& by = read.authorization;
    if (!proof.is_of(by)) {
        return fail(ErrorCode::unauthenticated,
                    fmt::format("it is signed with the key {}, not with the session's own as the "
                                "request is: AWS would act with rights that no scope here covers. "
                                "Leave it out, and the SDK makes it",
                                codec::printable(by.key_id)));
    }
    if (sigv4::is_sigv4a(by.scheme) || by.scope.service != proof.service()) {
        return fail(ErrorCode::unsupported,
                    "it is signed for a set of regions or for another service than the request");
    }
    NARROWS_TRY(const http::RequestHead held, verify_url(services, proof, head, by));
    NARROWS_TRY(sigv4::Presigned meant, sigv4::read_presigned(held));
    std::string host = without_port(http::header(held.headers, "host"));
    return Opened{std::move(meant.authorization), std::move(meant.request), std::move(host)};
}

/// Endpoint mode: SDKs put the other region into the gateway's own name, if one stands there.
bool is_gateways(const Carrier& carrier, const Opened& url) {
    std::string own = without_port(http::header(carrier.proof.received().headers, "host"));
    if (carrier.proxied || own == url.host) {
        return !carrier.proxied;
    }
    const std::size_t at = own.find(carrier.place.region);
    return at != std::string::npos &&
           own.replace(at, carrier.place.region.size(), url.region()) == url.host;
}

/// Where the URL that goes to AWS leads: the host that was named, if it is one of the service's
/// less usual ones there, else the usual.
Result<std::string> host_of(const Services& services, const Carrier& carrier, const Opened& url,
                            Operation entry) {
    const session::Connection& granted = carrier.caller.granted();
    if (!leads_to_all({url.region()}, granted.regions, Endpoint{})) {
        return fail(ErrorCode::not_found,
                    fmt::format("connection {} does not lead to its region {}; its regions are: {}",
                                granted.name, url.region(), fmt::join(granted.regions, ", ")));
    }
    if (!is_gateways(carrier, url)) {
        const HostScope scope{url.by.scope.service, url.region(), carrier.caller.account()};
        NARROWS_TRY(AwsHost named, read_aws_host(services.catalogue, url.host, scope));
        if (!is_host_of(services.catalogue, entry.service(), url.host, url.region())) {
            return fail(ErrorCode::invalid, "its host is of another service than the operation");
        }
        if (!named.host.empty()) {
            return named.host;
        }
    }
    NARROWS_TRY(Endpoint usual,
                services.catalogue.endpoint(entry, granted.partition, url.region()));
    return usual.host;
}

struct Meant {
    std::vector<Decoded> decoded;
    std::string target;  ///< written anew
};

/// What the URL asks, which must be what the request asks. A candidate that it does not fit is
/// none.
Result<Meant> read_meaning(const Services& services, const Carrier& carrier, const Opened& url) {
    const Operation outer = carrier.decoded.front().entry;
    http::RequestHead asks = url.asks;
    NARROWS_TRY(const std::string regions,
                take_regions(outer, url.region(), carrier.place.region, asks));
    const Question question{asks, "", url.by.scope.service, url.region(), url.host, ""};
    NARROWS_TRY(const Recognition recognition, recognise(services.catalogue, question));
    Meant meant;
    Error misfit;
    for (const Candidate& candidate : recognition.candidates) {
        if (candidate.operation.name() != outer.name()) {
            return fail(
                ErrorCode::invalid,
                fmt::format("it asks for {} and the request for {}; AWS takes the same only",
                            candidate.operation.name(), outer.name()));
        }
        const Incoming incoming{recognition.protocol, candidate, asks, {}, false};
        Result<codec::Value> parameters = decode_parameters(incoming);
        if (!parameters) {
            misfit = parameters.error();
            continue;
        }
        if (meant.target.empty()) {
            NARROWS_TRY(const UpstreamRequest anew,
                        encode_request(incoming, parameters.value(), ""));
            meant.target = anew.target() + regions;
        }
        meant.decoded.push_back({candidate.operation, std::move(parameters.value())});
        if (!carried_url(meant.decoded.back()).empty()) {
            return fail(ErrorCode::invalid, "it carries another URL in turn");
        }
    }
    return meant.decoded.empty() ? Result<Meant>(fail(misfit)) : Result<Meant>(std::move(meant));
}

}  // namespace

Result<CarriedRequest> read_carried_url(const Services& services, const Carrier& carrier) {
    const Decoded& outer = carrier.decoded.front();
    const std::string_view member = carried_url_member(outer.entry);
    if (carrier.form.size() > kCarrierBytesMax) {
        return fail(ErrorCode::exhausted, "it stands in a form of more than 64 KiB");
    }
    if (carrier.place.algorithm() != sigv4::Algorithm::hmac) {
        return fail(ErrorCode::unsupported, "the request is signed for a set of regions");
    }
    NARROWS_TRY(FormAround around, form_around(carrier.form, member));
    NARROWS_TRY(const Opened url, open_url(services, carrier.proof, carried_url(outer)));
    NARROWS_TRY(Meant meant, read_meaning(services, carrier, url));
    NARROWS_TRY(std::string host, host_of(services, carrier, url, meant.decoded.front().entry));
    const ConnectionFacts facts{carrier.caller.account(), carrier.caller.granted().partition,
                                url.region()};
    model::Context known = carrier.known;
    known["aws:requestedregion"] = {url.region()};
    NARROWS_TRY(model::Operation operation,
                build_operation(meant.decoded, facts, std::move(known), services.commitment_key));
    CarriedRequest carried;
    carried.url = {{"GET", std::move(meant.target), {{"Host", host}}},
                   url.region(),
                   std::min((url.by.expires - url.by.time) / kNsPerSecond, kCarriedSecondsMax),
                   std::move(around.before),
                   std::move(around.after)};
    carried.asked = {std::string(member), url.region(), std::move(host), std::move(operation)};
    return carried;
}

Rejection carried_rejection(const Carrier& carrier, const Error& error) {
    const std::string why =
        fmt::format("The URL in {} is not passed on: {}",
                    carried_url_member(carrier.decoded.front().entry), error.what);
    if (error.code == ErrorCode::not_found) {
        return reject(model::Reason::not_configured, "AccessDenied", why);
    }
    const bool proof = error.code == ErrorCode::unauthenticated || error.code == ErrorCode::timeout;
    return proof ? reject(model::Reason::not_authenticated, "AccessDenied", why)
                 : not_recognised({error.code, why});
}

void withhold_carried(const Decoded& decoded, ByteView key, model::Operation& operation) {
    const std::string url = carried_url(decoded);
    codec::Map* parameters = operation.parameters.as<codec::Map>();
    if (!url.empty() && parameters != nullptr) {
        const bool is_url = sigv4::head_of_url(url).has_value();
        (*parameters)[std::string(carried_url_member(decoded.entry))] =
            is_url ? codec::Value(withheld_url(url, key)) : commitment(url, key);
    }
}

}  // namespace narrows::aws
