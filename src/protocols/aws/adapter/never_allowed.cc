#include "protocols/aws/adapter/never_allowed.h"

#include <algorithm>

#include <fmt/format.h>

#include "protocols/aws/adapter/swap.h"

namespace narrows::aws {

using model::Reason;

namespace {

bool is_unsigned(const Candidate& candidate) {
    return candidate.operation.auth() == Auth::none;
}

bool names_all(const session::Connection& granted, const std::vector<Candidate>& candidates) {
    return std::all_of(candidates.begin(), candidates.end(), [&](const Candidate& each) {
        return granted.names_unsigned(name_of(each.operation));
    });
}

bool leads_to(const session::Connection& granted, const std::string& region) {
    return std::find(granted.regions.begin(), granted.regions.end(), region) !=
           granted.regions.end();
}

Rejection denied(const model::Operation& operation, Reason reason, std::string why) {
    Rejection rejection = reject(reason, "AccessDenied", std::move(why));
    rejection.decision.action = operation.accesses.front().action;
    rejection.decision.resource = operation.accesses.front().resources.front().arn;
    return rejection;
}

std::string why_denied(const Proof& proof, const Understood& asked, const Decoded& candidate,
                       WallNs now) {
    const std::string_view unproven = proof.why_not_for(candidate.entry.service());
    const std::string_view never = why_never(candidate.entry);
    if (!unproven.empty() || !never.empty()) {
        return std::string(unproven.empty() ? never : unproven);
    }
    return why_not_swapped(proof.asked(), asked, candidate, now).value_or("");
}

}  // namespace

std::optional<Rejection> never_allowed(const Proof& proof, const Understood& asked, WallNs now) {
    const model::Operation& operation = *asked.operation;
    for (const Decoded& candidate : asked.decoded) {
        const std::string why = why_denied(proof, asked, candidate, now);
        if (!why.empty()) {
            return denied(operation, Reason::not_supported,
                          fmt::format("{}:{} is denied whatever the scope says: {}",
                                      operation.service, candidate.entry.name(), why));
        }
    }
    for (const Decoded& candidate : asked.decoded) {
        const std::string name = name_of(candidate.entry);
        if (candidate.entry.auth() == Auth::none && !asked.caller.granted().names_unsigned(name)) {
            return denied(operation, Reason::not_configured,
                          name +
                              " is denied: AWS authorises it by no signature, and such operations "
                              "are let through only where a connection of the session names them "
                              "in unsigned");
        }
    }
    return std::nullopt;
}

Judged<std::size_t> choose_connection(const std::vector<session::Connection>& granted,
                                      const std::vector<Candidate>& candidates,
                                      const std::string& region) {
    if (!std::all_of(candidates.begin(), candidates.end(), is_unsigned)) {
        return rejected(reject(Reason::not_authenticated, "MissingAuthenticationToken",
                               "The request carries no signature, and AWS authorises " +
                                   name_of(candidates.front().operation) + " by one"));
    }
    std::optional<std::size_t> named;
    for (std::size_t i = 0; i < granted.size(); ++i) {
        if (!names_all(granted[i], candidates)) {
            continue;
        }
        if (leads_to(granted[i], region)) {
            return i;
        }
        named = named.value_or(i);
    }
    return named.value_or(0);
}

}  // namespace narrows::aws
