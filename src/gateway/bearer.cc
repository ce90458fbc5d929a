#include "gateway/bearer.h"

#include <algorithm>

#include "policy/document.h"

namespace narrows::gateway {
namespace {

/// Conditions and resources may yet deny; whether a token is of use at all is the question here.
bool may_reach_bedrock(const policy::Scope& scope) {
    const policy::Pattern bedrock = policy::Pattern::glob("bedrock:*");
    const std::vector<policy::Statement>& statements = scope.document().statements;
    return std::any_of(statements.begin(), statements.end(), [&](const policy::Statement& each) {
        const bool named = std::any_of(
            each.actions.begin(), each.actions.end(),
            [&](const policy::ActionPattern& a) { return a.pattern.overlaps(bedrock); });
        return each.allow && (named || each.not_action);
    });
}

}  // namespace

net::Task<Result<std::string>> bearer_token(Runtime& runtime, const session::Terms& terms) {
    const session::Connection* only = nullptr;
    for (const session::Connection& granted : terms.connections) {
        if (!may_reach_bedrock(granted.scope)) {
            continue;
        }
        if (only != nullptr) {
            co_return std::string();
        }
        only = &granted;
    }
    if (only == nullptr) {
        co_return std::string();
    }
    identity::TokenClaims claims{terms.id,         only->name,  only->key_id,
                                 terms.expires_at, terms.agent, terms.principal};
    Result<signer::Sealed> sealed =
        co_await runtime.signer->seal(identity::TokenUse::bearer, std::move(claims));
    if (!sealed.has_value()) {
        co_return fail(sealed.error());
    }
    co_return std::move(sealed.value().token);
}

}  // namespace narrows::gateway
