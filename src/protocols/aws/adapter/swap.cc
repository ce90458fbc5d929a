#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/adapter/exchange.h"
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

}  // namespace

bool Exchange::adds_session_policy() const {
    return takes_session_policy(decoded_.front().entry) &&
           !caller_.granted().session_policy.empty();
}

/// Why an operation whose answer would be swapped is not let through as it was asked, or nothing.
std::optional<std::string> Exchange::why_not_swapped(const Decoded& candidate) const {
    if (!swaps_credentials(candidate.entry)) {
        return std::nullopt;
    }
    if (caller_.session->derived_count(services_.clock.wall()) >= upstream::Signer::kGivenMax) {
        return "the session holds as many credentials from AWS's answers as it may; use those, or "
               "wait until some have expired";
    }
    if (adds_session_policy() &&
        (proof_.asked().method != "POST" || !query_of(proof_.asked().target).empty())) {
        return "it is no form, to which the gateway could add the connection's session policy";
    }
    return why_not_as_asked(candidate.entry, candidate.parameters, adds_session_policy());
}

/// A role that the agent assumes may be mightier than the connection's: AWS enforces the
/// connection's policy on it too.
void Exchange::add_session_policy() {
    if (adds_session_policy()) {
        sent_body_ = with_session_policy(plain_body_, caller_.granted().session_policy);
    }
}

bool Exchange::is_swapped(int status) const {
    return status / 100 == 2 && swaps_credentials(decoded_.front().entry);
}

/// The signer has AWS's credentials, and their record is durable, before the agent has anything.
net::Task<Result<identity::Credentials>> Exchange::adopt(session::Permit& permit,
                                                         GivenCredentials found) {
    const Decoded& asked = decoded_.front();
    const session::Terms& terms = permit.session().terms();
    session::Derived derived{caller_.connection,
                             "",
                             account_of(found.arn),
                             found.arn,
                             found.user_id,
                             found.expires_at,
                             asked.entry.name() == "CreateSession"};
    if (derived.account.empty()) {
        derived.account = caller_.account();
    }
    identity::TokenClaims claims{terms.id,    permit.connection().name, "", 0,
                                 terms.agent, terms.principal};
    upstream::Given given;
    given.credentials = {found.access_key_id, std::move(found.secret_access_key),
                         std::move(found.session_token), derived.s3_session};
    given.expires_at = found.expires_at;
    given.role_arn = asked.parameters.text("RoleArn");
    given.source = operation_->service + ":" + std::string(asked.entry.name());
    given.op = permit.op();
    Result<identity::Credentials> minted =
        co_await services_.signer.adopt(std::move(claims), std::move(given));
    if (minted.has_value()) {
        derived.key_id = minted.value().access_key_id;
        permit.session().add_derived(std::move(derived), services_.clock.wall());
    }
    co_return minted;
}

/// `body` comes as AWS sent it and leaves as the agent gets it; `kept` becomes what is recorded.
net::Task<Result<void>> Exchange::swap_credentials(session::Permit& permit, Bytes& body,
                                                   Recordable& kept) {
    const Operation entry = decoded_.front().entry;
    withhold_whole(kept, body, services_.commitment_key);
    Result<GivenCredentials> found = read_given(entry, recognition_.protocol, body);
    if (!found.has_value()) {
        co_return fail(found.error());
    }
    const OtherCredentials for_record = withheld(found.value(), services_.commitment_key);
    Result<identity::Credentials> minted = co_await adopt(permit, std::move(found.value()));
    if (!minted.has_value()) {
        co_return fail(minted.error());
    }
    const identity::Credentials& made = minted.value();
    const OtherCredentials for_agent{made.access_key_id, std::string(made.secret_access_key.text()),
                                     made.session_token};
    Result<Bytes> recorded = with_other_credentials(entry, recognition_.protocol, body, for_record);
    Result<Bytes> others = with_other_credentials(entry, recognition_.protocol, body, for_agent);
    if (!recorded.has_value() || !others.has_value()) {
        co_return fail(ErrorCode::invalid, "AWS's answer cannot be written anew");
    }
    kept.body = std::move(recorded.value());
    kept.withheld = {"SecretAccessKey", "SessionToken"};
    body = std::move(others.value());
    co_return ok();
}

}  // namespace narrows::aws
