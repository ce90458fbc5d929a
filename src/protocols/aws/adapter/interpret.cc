#include "protocols/aws/adapter/interpret.h"

#include <algorithm>

#include "codec/cbor.h"
#include "protocols/aws/adapter/carried_url.h"
#include "protocols/aws/adapter/never_allowed.h"
#include "protocols/aws/adapter/origin.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/adapter/upstream_request.h"
#include "protocols/aws/decode/decode.h"

namespace narrows::aws {
namespace {

/// Parameters of every candidate. One that the request does not fit is none; the last misfit is the
/// reason if nothing fits.
Result<void> decode_candidates(const http::RequestHead& head, Understood& asked) {
    Error misfit;
    std::vector<Candidate> fitting;
    for (Candidate& candidate : asked.recognition.candidates) {
        const Incoming incoming{asked.recognition.protocol, candidate, head, asked.body.plain,
                                asked.body.streamed};
        Result<codec::Value> parameters = decode_parameters(incoming);
        if (parameters.has_value()) {
            asked.decoded.push_back({candidate.operation, std::move(parameters.value())});
            fitting.push_back(std::move(candidate));
        } else {
            misfit = parameters.error();
        }
    }
    if (fitting.empty()) {
        return fail(misfit);
    }
    asked.recognition.candidates = std::move(fitting);
    return ok();
}

bool holds_secrets(const Decoded& decoded) {
    return !decoded.entry.secret_inputs().empty() || !carried_url(decoded).empty() ||
           decoded.entry.auth() == Auth::none;
}

/// Of several regions the session asks each for itself; of a pattern nothing is known.
model::Context region_known(const Place& place) {
    model::Context known;
    const std::vector<std::string>& set = place.region_set;
    if (set.empty()) {
        known["aws:requestedregion"] = {place.region};
    } else if (set.size() == 1 && is_one_region(set.front())) {
        known["aws:requestedregion"] = set;
    }
    return known;
}

/// Condition keys that the boundary knows.
model::Context known_context(const Arrival& arrival, const Proof& proof, const Understood& asked,
                             WallNs now) {
    model::Context known = region_known(asked.place);
    known["aws:securetransport"] = {arrival.secure ? "true" : "false"};
    known["aws:sourceip"] = {arrival.peer_address};
    const std::string_view agent = http::header(proof.asked().headers, "user-agent");
    known["aws:useragent"] =
        agent.empty() ? std::vector<std::string>{} : std::vector<std::string>{std::string(agent)};
    known.merge(proof.condition_keys(now, asked.payload.text));
    return known;
}

/// Where the body holds secrets, its parameters (secrets withheld) are what can be recorded; if
/// they are too large for the INTENT they take the body's place in BODY records.
void keep_parameters(const model::Operation& operation, RequestBody& body) {
    Bytes parameters = codec::cbor_encode(operation.parameters);
    if (body.secret && parameters.size() > session::kInlineParametersMax) {
        body.kept = std::move(parameters);
    }
}

/// What policy decides on, in the region that the request will be signed for.
Result<void> build(const Services& services, model::Context known, Understood& asked) {
    const session::Connection& granted = asked.caller.granted();
    const ConnectionFacts facts{asked.caller.account(), granted.partition, asked.place.region,
                                granted.partition_keys};
    NARROWS_TRY(model::Operation operation,
                build_operation(asked.decoded, facts, std::move(known), services.commitment_key));
    withhold_carried(asked.decoded.front(), services.commitment_key, operation);
    spread_over(asked.place.region_set, asked.place.region, operation);
    keep_parameters(operation, asked.body);
    asked.operation = std::move(operation);
    return ok();
}

/// A presigned URL among the parameters asks for an operation of its own.
std::optional<Rejection> read_carried(const Services& services, const Arrival& arrival,
                                      const Proof& proof, model::Context known, Understood& asked) {
    if (carried_url(asked.decoded.front()).empty()) {
        return std::nullopt;
    }
    const Carrier carrier{proof,           asked.caller,
                          asked.decoded,   as_text(asked.body.plain),
                          asked.place,     arrival.proxied_by != nullptr,
                          std::move(known)};
    Result<CarriedRequest> carried = read_carried_url(services, carrier);
    if (!carried.has_value()) {
        return carried_rejection(carrier, carried.error());
    }
    asked.carried.emplace(std::move(carried.value().asked));
    asked.request.carried.emplace(std::move(carried.value().url));
    return std::nullopt;
}

/// Where it goes. A place that the connection does not lead to is a reason of the last rank: the
/// operation is on record all the same, as one in the region that was asked for.
std::optional<Rejection> take_place(const Services& services, const Proof& proof,
                                    Understood& asked) {
    asked.place.region = region_asked(asked.caller, proof);
    Judged<Place> found =
        place(services.catalogue, asked.caller, proof, asked.named, asked.entry());
    if (!found.has_value()) {
        return std::move(found.error());
    }
    asked.place = std::move(found.value());
    return std::nullopt;
}

}  // namespace

std::optional<Rejection> interpret(const Services& services, const Arrival& arrival,
                                   const Proof& proof, Understood& asked) {
    if (proof.proves_nothing()) {
        const Judged<std::size_t> chosen =
            choose_connection(asked.caller.session->terms().connections,
                              asked.recognition.candidates, proof.regions().front());
        if (!chosen.has_value()) {
            return chosen.error();
        }
        asked.caller.connection = chosen.value();
    }
    const Result<void> decoded = decode_candidates(proof.asked(), asked);
    if (!decoded.has_value()) {
        return not_recognised(decoded.error());
    }
    asked.body.secret = std::any_of(asked.decoded.begin(), asked.decoded.end(), holds_secrets);
    std::optional<Rejection> misplaced = take_place(services, proof, asked);
    const WallNs now = services.clock.wall();
    model::Context known = known_context(arrival, proof, asked, now);
    const Result<void> built = build(services, known, asked);
    if (!built.has_value()) {
        return not_recognised(built.error());
    }
    std::optional<Rejection> rejection = never_allowed(proof, asked, now);
    if (rejection || asked.asks_identity()) {
        return rejection;
    }
    if (misplaced) {
        return misplaced;
    }
    rejection = read_carried(services, arrival, proof, std::move(known), asked);
    return rejection ? rejection : write_request(proof, asked);
}

}  // namespace narrows::aws
