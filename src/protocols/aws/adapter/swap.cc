#include "protocols/aws/adapter/swap.h"

#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/decode/wire.h"

namespace narrows::aws {
namespace {

/// "123456789012" of "arn:aws:sts::123456789012:assumed-role/NAME/SESSION".
std::string account_of(std::string_view arn) {
    const std::vector<std::string_view> fields = codec::split(arn, ':');
    return fields.size() < 6 ? std::string() : std::string(fields[4]);
}

/// Nothing of the answer, for a record.
void withhold_whole(Recordable& kept, ByteView body, ByteView key) {
    kept.body = to_bytes(codec::json_encode(commitment(to_bytes(body), key)));
    kept.withheld = {"@body"};
}

OtherCredentials withheld(const GivenCredentials& found, ByteView key) {
    const auto commit = [key](const Secret& secret) { return commitment(secret.text(), key); };
    return {found.access_key_id, commit(found.secret_access_key), commit(found.session_token)};
}

/// The signer has AWS's credentials, and their record is durable, before the agent has anything.
net::Task<Result<identity::Credentials>> adopt(const Services& services, const Understood& asked,
                                               session::Permit& permit, GivenCredentials found) {
    const Decoded& decoded = asked.decoded.front();
    const session::Terms& terms = permit.session().terms();
    session::Derived derived{asked.caller.connection,
                             "",
                             account_of(found.arn),
                             found.arn,
                             found.user_id,
                             found.expires_at,
                             decoded.entry.name() == "CreateSession"};
    if (derived.account.empty()) {
        derived.account = asked.caller.account();
    }
    identity::TokenClaims claims{terms.id,    permit.connection().name, "", 0,
                                 terms.agent, terms.principal};
    upstream::Given given;
    given.credentials = {found.access_key_id, std::move(found.secret_access_key),
                         std::move(found.session_token), derived.s3_session};
    given.expires_at = found.expires_at;
    given.role_arn = decoded.parameters.text("RoleArn");
    given.source = asked.operation->service + ":" + std::string(decoded.entry.name());
    given.op = permit.op();
    Result<identity::Credentials> minted =
        co_await services.signer.adopt(std::move(claims), std::move(given));
    if (minted.has_value()) {
        derived.key_id = minted.value().access_key_id;
        permit.session().add_derived(std::move(derived), services.clock.wall());
    }
    co_return minted;
}

}  // namespace

bool adds_session_policy(Operation entry, const session::Connection& granted) {
    return takes_session_policy(entry) && !granted.session_policy.empty();
}

std::optional<std::string> why_not_swapped(const http::RequestHead& head, const Understood& asked,
                                           const Decoded& candidate, WallNs now) {
    if (!swaps_credentials(candidate.entry)) {
        return std::nullopt;
    }
    if (asked.caller.session->derived_count(now) >= upstream::Signer::kGivenMax) {
        return "the session holds as many credentials from AWS's answers as it may; use those, or "
               "wait until some have expired";
    }
    const bool adds = adds_session_policy(asked.entry(), asked.caller.granted());
    if (adds && (head.method != "POST" || !query_of(head.target).empty())) {
        return "it is no form, to which the gateway could add the connection's session policy";
    }
    return why_not_as_asked(candidate.entry, candidate.parameters, adds);
}

bool is_swapped(Operation entry, int status) {
    return status / 100 == 2 && swaps_credentials(entry);
}

net::Task<Result<void>> swap_credentials(const Services& services, const Understood& asked,
                                         session::Permit& permit, Bytes& body, Recordable& kept) {
    const Operation entry = asked.entry();
    const Protocol protocol = asked.recognition.protocol;
    withhold_whole(kept, body, services.commitment_key);
    Result<GivenCredentials> found = read_given(entry, protocol, body);
    if (!found.has_value()) {
        co_return fail(found.error());
    }
    const OtherCredentials for_record = withheld(found.value(), services.commitment_key);
    Result<identity::Credentials> minted =
        co_await adopt(services, asked, permit, std::move(found.value()));
    if (!minted.has_value()) {
        co_return fail(minted.error());
    }
    const identity::Credentials& made = minted.value();
    const OtherCredentials for_agent{made.access_key_id, std::string(made.secret_access_key.text()),
                                     made.session_token};
    Result<Bytes> recorded = with_other_credentials(entry, protocol, body, for_record);
    Result<Bytes> others = with_other_credentials(entry, protocol, body, for_agent);
    if (!recorded.has_value() || !others.has_value()) {
        co_return fail(ErrorCode::invalid, "AWS's answer cannot be written anew");
    }
    kept.body = std::move(recorded.value());
    kept.withheld = {"SecretAccessKey", "SessionToken"};
    body = std::move(others.value());
    co_return ok();
}

}  // namespace narrows::aws
