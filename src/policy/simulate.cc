#include "policy/simulate.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "policy/document.h"
#include "policy/keys.h"

namespace narrows::policy {
namespace {

bool has_variable(const Statement& statement) {
    return std::any_of(
        statement.resources.begin(), statement.resources.end(),
        [](const ResourcePattern& r) { return r.text.find("${") != std::string::npos; });
}

/// What the statement's answer hangs on and the record does not hold; empty: nothing.
std::string missing_for(const Statement& statement, const StatementView& view, const Past& past,
                        const Keys& keys) {
    if (view.resource == Truth::unknown && has_variable(statement)) return past.keyless;
    if (view.condition != Truth::unknown) return "";
    for (const Condition& condition : statement.conditions) {
        if (condition.holds(keys) != Truth::unknown) continue;
        if (!past.keyless.empty()) return past.keyless;
        if (past.unrecorded.contains(condition.lower_key)) {
            return fmt::format("{} is not on record", codec::printable(condition.key));
        }
    }
    return "";
}

std::string missing_of(const Scope& scope, const Past& past, const Explanation& explained,
                       const Facts& facts) {
    const Keys keys(past.operation, facts);
    const std::vector<Statement>& statements = scope.document().statements;
    for (const AccessView& access : explained.accesses) {
        for (std::size_t i = 0; i < statements.size(); ++i) {
            std::string missing = missing_for(statements[i], access.statements[i], past, keys);
            if (!missing.empty()) return missing;
        }
    }
    return "";
}

/// Denied by a statement that matches for certain: nothing that is missing would change it.
bool denied_for_certain(const Explanation& explanation) {
    for (const AccessView& access : explanation.accesses) {
        for (const StatementView& view : access.statements) {
            const bool certain = view.action == Truth::yes && view.resource == Truth::yes &&
                                 view.condition == Truth::yes;
            if (!view.allow && certain) return true;
        }
    }
    return false;
}

Again decide_one(const Scope& scope, const Past& past, const Facts& facts) {
    Explanation explained = explain(scope, past.operation, facts);
    Again again{Change::none, std::move(explained.decision), ""};
    if (!denied_for_certain(explained)) again.missing = missing_of(scope, past, explained, facts);
    if (again.now.allowed() && again.missing.empty()) again.missing = past.cut;
    return again;
}

}  // namespace

const char* name_of(Change change) {
    switch (change) {
        case Change::none:
            return "unchanged";
        case Change::denied:
            return "allowed-to-denied";
        case Change::allowed:
            return "denied-to-allowed";
        case Change::undecidable:
            return "undecidable";
    }
    return "undecidable";
}

Again decide_again(const Scope& scope, const Past& past, bool enforced_again) {
    if (!past.by_scope) return {Change::none, past.decided, ""};
    Facts facts = past.facts;
    facts.enforced_again = enforced_again;
    Again again = decide_one(scope, past, facts);
    if (past.carried && again.now.allowed() && again.missing.empty()) {
        Past other = past;
        other.operation = *past.carried;
        again = decide_one(scope, other, facts);
    }
    if (!again.missing.empty()) {
        again.change = Change::undecidable;
    } else if (again.now.allowed() != past.decided.allowed()) {
        again.change = again.now.allowed() ? Change::allowed : Change::denied;
    }
    return again;
}

void Simulation::add(const Again& again) {
    ++by_action_[again.now.action][static_cast<std::size_t>(again.change)];
}

Simulation::Counts Simulation::total() const {
    Counts total{};
    for (const auto& [action, counts] : by_action_) {
        for (std::size_t i = 0; i < kChanges; ++i) total[i] += counts[i];
    }
    return total;
}

}  // namespace narrows::policy
