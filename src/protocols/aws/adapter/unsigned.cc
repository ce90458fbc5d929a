#include "protocols/aws/catalogue/unsigned.h"

#include <algorithm>

#include "protocols/aws/adapter/exchange.h"

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

}  // namespace

/// A request without a proof names no connection: it is of the session's first that names its
/// operation and leads to its region, else of the first that names it, else of the first.
std::optional<Rejection> Exchange::choose_connection() {
    const std::vector<Candidate>& candidates = recognition_.candidates;
    if (!proof_.proves_nothing()) {
        return std::nullopt;
    }
    if (!std::all_of(candidates.begin(), candidates.end(), is_unsigned)) {
        return reject(Reason::not_authenticated, "MissingAuthenticationToken",
                      "The request carries no signature, and AWS authorises " +
                          name_of(candidates.front().operation) + " by one");
    }
    const std::vector<session::Connection>& granted = caller_.session->terms().connections;
    const std::string region = proof_.regions().front();
    std::optional<std::size_t> named;
    for (std::size_t i = 0; i < granted.size(); ++i) {
        if (!names_all(granted[i], candidates)) {
            continue;
        }
        if (leads_to(granted[i], region)) {
            named = i;
            break;
        }
        named = named.value_or(i);
    }
    caller_.connection = named.value_or(0);
    return std::nullopt;
}

/// Signed or not by the agent, it goes to AWS as AWS takes it: without.
bool Exchange::goes_unsigned() const {
    return decoded_.front().entry.auth() == Auth::none;
}

/// Why an operation is not let through that AWS authorises by no signature, or nothing.
std::optional<Rejection> Exchange::check_named() const {
    for (const Decoded& candidate : decoded_) {
        const std::string name = name_of(candidate.entry);
        if (candidate.entry.auth() == Auth::none && !caller_.granted().names_unsigned(name)) {
            Rejection rejection =
                reject(Reason::not_configured, "AccessDenied",
                       name +
                           " is denied: AWS authorises it by no signature, and such operations "
                           "are let through only where a connection of the session names them "
                           "in unsigned");
            rejection.decision.action = operation_->accesses.front().action;
            rejection.decision.resource = operation_->accesses.front().resources.front().arn;
            return rejection;
        }
    }
    return std::nullopt;
}

}  // namespace narrows::aws
