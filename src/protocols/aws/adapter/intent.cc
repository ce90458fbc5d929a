#include "protocols/aws/adapter/intent.h"

#include <algorithm>

#include "codec/text.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/adapter/withheld_headers.h"

namespace narrows::aws {
namespace {

void show_body(const RequestBody& body, const http::ServerExchange& agent, session::Seen& seen) {
    seen.body_streams = body.streamed;
    if (body.read) {
        seen.body_size = body.raw.size();
        seen.body_withheld = body.secret && !body.raw.empty();
        if (!body.secret) {
            seen.body = body.raw;
            seen.body_sha256 = codec::hex(body.sha256 ? *body.sha256 : crypto::sha256(body.raw));
        }
    } else if (agent.content_length()) {
        seen.body_size = agent.content_length();
    }
    if (!body.kept.empty()) {
        seen.body = body.kept;
        seen.body_form = "parameters-cbor";
        seen.body_size = body.kept.size();
        seen.body_sha256 = codec::hex(crypto::sha256(body.kept));
    }
    seen.integrity = body.integrity;
}

/// What the client says of itself.
codec::Map stated_by(const http::RequestHead& head) {
    codec::Map stated;
    const auto state = [&](const char* key, std::string_view header) {
        const std::string_view value = http::header(head.headers, header);
        if (!value.empty()) {
            stated.emplace(key, value);
        }
    };
    state("user_agent", "user-agent");
    state("invocation_id", "amz-sdk-invocation-id");
    state("attempt", "amz-sdk-request");
    return stated;
}

model::Decision identity_answered() {
    model::Decision decision;
    decision.verdict = model::Verdict::allow;
    decision.reason = model::Reason::allowed;
    decision.action = "sts:GetCallerIdentity";
    decision.resource = "*";
    decision.why = "answered by the gateway with the session's own identity";
    return decision;
}

}  // namespace

session::Asked intent_of(const Services& services, const Arrival& arrival,
                         const http::ServerExchange& agent, const Proof& proof,
                         const Understood& asked) {
    session::Asked intent;
    session::Seen& seen = intent.seen;
    seen.mode = arrival.mode;
    seen.peer = arrival.peer;
    seen.http = agent.version();
    seen.head = withheld_headers(proof.received(), services.commitment_key, asked.body.secret);
    seen.signature = proof.record();
    seen.signature.emplace("payload", sigv4::name_of(asked.payload.kind));
    seen.stated = stated_by(proof.asked());
    show_body(asked.body, agent, seen);
    intent.operation = asked.operation;
    intent.carried = asked.carried;
    intent.catalogue = services.catalogue_digest;
    const upstream::Target& target = asked.place.target;
    intent.upstream_host = target.host.empty() ? std::string() : target.authority();
    intent.request_digest = asked.request_digest;
    intent.allowed_by_name = asked.operation && asked.goes_unsigned() && asked.entry().no_action();
    const std::vector<std::string>& regions = asked.place.region_set;
    if (regions.size() > 1 && std::all_of(regions.begin(), regions.end(), is_one_region)) {
        intent.regions = regions;
    }
    if (asked.rejection) {
        intent.decided = asked.rejection->decision;
    } else if (asked.asks_identity()) {
        intent.decided = identity_answered();
    }
    return intent;
}

}  // namespace narrows::aws
