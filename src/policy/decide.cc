#include <fmt/format.h>

#include "codec/text.h"
#include "policy/document.h"
#include "policy/keys.h"
#include "policy/scope.h"
#include "policy/truth.h"

namespace narrows::policy {
namespace {

using model::Decision;
using model::Reason;
using model::Verdict;

/// One action on one resource: what is put to every statement.
struct Question {
    const std::string& action;
    std::string lower_action;
    Text action_text;  ///< of lower_action
    const model::Resource& resource;
};

/// How a statement answers. Parts behind the first `no` are left at `no`.
struct Answer {
    Truth action = Truth::no;
    Truth resource = Truth::no;
    Truth condition = Truth::no;
    const Condition* doubt = nullptr;  ///< the first condition that does not hold for certain

    Truth matches() const { return both(action, both(resource, condition)); }
};

Truth match_action(const Statement& statement, const Question& question) {
    bool any = false;
    for (const ActionPattern& action : statement.actions) {
        any = any || action.pattern.matches(question.action_text);
    }
    return truth(any != statement.not_action);
}

bool names_in_full(const Statement& statement, const Question& question) {
    for (const ActionPattern& action : statement.actions) {
        if (statement.not_action || !action.in_full) continue;
        if (action.pattern.matches(question.action_text)) return true;
    }
    return false;
}

Truth match_resource(const Statement& statement, const Question& question, const Keys& keys) {
    Truth any = Truth::no;
    for (const ResourcePattern& resource : statement.resources) {
        any = either(any, resource.pattern.matches(question.resource, keys));
        if (any == Truth::yes) break;
    }
    if (!statement.not_resource) return any;
    // IAM calls a statement with an unresolved variable invalid, even where it could not match.
    for (const ResourcePattern& resource : statement.resources) {
        if (!resource.pattern.is_known(keys)) any = either(any, Truth::unknown);
    }
    return negate(any);
}

Answer ask(const Statement& statement, const Question& question, const Keys& keys) {
    Answer answer;
    answer.action = match_action(statement, question);
    const bool never = statement.allow && statement.for_services;
    if (answer.action == Truth::no || never) return answer;
    answer.resource = match_resource(statement, question, keys);
    if (answer.resource == Truth::no) return answer;
    answer.condition = Truth::yes;
    for (const Condition& condition : statement.conditions) {
        const Truth holds = condition.holds(keys);
        if (holds < answer.condition) answer.doubt = &condition;
        answer.condition = both(answer.condition, holds);
        if (answer.condition == Truth::no) break;
    }
    return answer;
}

bool counts(const Statement& statement, const Answer& answer) {
    return statement.allow ? answer.matches() == Truth::yes : answer.matches() != Truth::no;
}

bool is_guarded(model::EffectClass effect) {
    return effect == model::EffectClass::delegate || effect == model::EffectClass::grant ||
           effect == model::EffectClass::credential;
}

std::string quoted_condition(const Condition& condition) {
    return codec::printable(condition.operator_name + " " + condition.key);
}

std::string describe_doubt(const Answer& answer) {
    if (answer.resource == Truth::unknown) {
        return " could match: which resource it is, is not fully known here";
    }
    if (answer.condition == Truth::unknown) {
        return " could match: whether " + quoted_condition(*answer.doubt) +
               " holds cannot be known here";
    }
    return " matches";
}

Decision decision_on(Verdict verdict, Reason reason, const Question& question,
                     const Statement* statement, std::string why) {
    return {verdict,
            reason,
            question.action,
            question.resource.arn,
            statement == nullptr ? std::string() : statement->name,
            std::move(why)};
}

std::string named(const Question& question) {
    return codec::printable(question.action) + " on " + codec::printable(question.resource.arn);
}

Decision denied_by(const Statement& statement, const Answer& answer, const Question& question) {
    return decision_on(Verdict::deny, Reason::explicit_deny, question, &statement,
                       fmt::format("{} is denied: the Deny statement {}{}.", named(question),
                                   statement.name, describe_doubt(answer)));
}

// Says of an implicit deny which statement came nearest.
Decision not_allowed(const Statement* nearest, const Answer& answer, const Question& question) {
    std::string why = named(question) + " is denied: no Allow statement ";
    if (nearest == nullptr) {
        why += "names this action.";
    } else if (answer.resource == Truth::no) {
        why += fmt::format("covers this resource ({} allows the action elsewhere).", nearest->name);
    } else if (answer.resource == Truth::unknown) {
        why += fmt::format("covers every resource this may touch ({} covers some).", nearest->name);
    } else {
        why += fmt::format(
            "matches ({} would, but {} {}).", nearest->name, quoted_condition(*answer.doubt),
            answer.condition == Truth::no ? "does not hold" : "cannot be known here");
    }
    return decision_on(Verdict::deny, Reason::implicit_deny, question, nullptr, std::move(why));
}

/// The Allow statements for one question, from best to worst.
struct Allows {
    const Statement* plain = nullptr;     ///< allows
    const Statement* approval = nullptr;  ///< allows once a reviewer agrees
    const Statement* wildcard = nullptr;  ///< would, if it named the action in full
    const Statement* nearest = nullptr;
    Answer nearest_answer;
};

void take_allow(Allows& allows, const Statement& statement, const Answer& answer,
                const Question& question, bool guarded) {
    if (!counts(statement, answer)) {
        const auto progress = [](const Answer& a) {
            return static_cast<int>(a.resource) * 3 + static_cast<int>(a.condition);
        };
        const bool named_here = answer.action != Truth::no && !statement.for_services;
        if (named_here &&
            (allows.nearest == nullptr || progress(answer) > progress(allows.nearest_answer))) {
            allows.nearest = &statement;
            allows.nearest_answer = answer;
        }
        return;
    }
    const Statement*& place = guarded && !names_in_full(statement, question) ? allows.wildcard
                              : statement.approval                           ? allows.approval
                                                                             : allows.plain;
    if (place == nullptr) place = &statement;
}

Decision judge_allows(const Allows& allows, const Question& question) {
    if (allows.plain != nullptr) {
        return decision_on(
            Verdict::allow, Reason::allowed, question, allows.plain,
            fmt::format("{} is allowed by {}.", named(question), allows.plain->name));
    }
    if (allows.approval != nullptr) {
        return decision_on(Verdict::hold, Reason::needs_approval, question, allows.approval,
                           fmt::format("{} needs a reviewer's approval: {} asks for it.",
                                       named(question), allows.approval->name));
    }
    if (allows.wildcard != nullptr) {
        return decision_on(
            Verdict::deny, Reason::guardrail, question, allows.wildcard,
            fmt::format("{} is denied: it hands on rights or credentials, which {} would have to "
                        "allow by the action's full name, not by a wildcard.",
                        named(question), allows.wildcard->name));
    }
    return not_allowed(allows.nearest, allows.nearest_answer, question);
}

// Deny, whichever statement and resource it comes from, is said before a missing Allow.
int gravity(const Decision& decision) {
    if (decision.reason == Reason::explicit_deny) return 3;
    if (decision.verdict == Verdict::deny) return 2;
    return decision.verdict == Verdict::hold ? 1 : 0;
}

Decision judge(const Document& document, const Question& question, const Keys& keys, bool guarded) {
    Allows allows;
    for (const Statement& statement : document.statements) {
        const Answer answer = ask(statement, question, keys);
        if (statement.allow) {
            take_allow(allows, statement, answer, question, guarded);
        } else if (counts(statement, answer)) {
            return denied_by(statement, answer, question);
        }
    }
    return judge_allows(allows, question);
}

/// Whether no Allow could match. Whatever could, must allow the whole of an alternative: otherwise
/// AWS might let through what the guardrail, an approval or a condition stops here.
bool is_untouched(const Document& document, const Question& question, const Keys& keys) {
    for (const Statement& statement : document.statements) {
        if (statement.allow && ask(statement, question, keys).matches() != Truth::no) return false;
    }
    return true;
}

Question question_of(const model::Access& access, const model::Resource& resource) {
    std::string lower = codec::lower(access.action);
    Text text = text_of(lower);
    return {access.action, std::move(lower), std::move(text), resource};
}

std::string view_why(const Statement& statement, const Answer& answer) {
    if (answer.action == Truth::no) return "It does not name this action.";
    if (statement.allow && statement.for_services) {
        return "It is conditioned on calls that AWS services make; only AWS can match it.";
    }
    if (answer.resource == Truth::no) return "It does not cover this resource.";
    if (answer.condition == Truth::no) {
        return "Its condition " + quoted_condition(*answer.doubt) + " does not hold.";
    }
    const bool doubtful = answer.matches() == Truth::unknown;
    std::string why = "It" + describe_doubt(answer);
    if (doubtful) why += statement.allow ? ", so it does not allow" : ", so it denies";
    if (!doubtful && statement.approval) why += ", once a reviewer approves";
    return why + ".";
}

StatementView view_of(const Statement& statement, const Answer& answer) {
    return {statement.name,
            statement.allow,
            answer.action,
            answer.resource,
            answer.condition,
            counts(statement, answer),
            view_why(statement, answer)};
}

}  // namespace

const char* name_of(Truth truth) {
    switch (truth) {
        case Truth::no:
            return "no";
        case Truth::unknown:
            return "unknown";
        case Truth::yes:
            return "yes";
    }
    return "unknown";
}

Decision decide(const Scope& scope, const model::Operation& operation, const Facts& facts) {
    const Keys keys(operation, facts);
    const bool guarded = is_guarded(operation.effect);
    Decision worst;
    worst.why = "The operation names no action that could be allowed.";
    bool first = true;
    for (const model::Access& access : operation.accesses) {
        if (access.resources.empty()) {
            return {Verdict::deny,
                    Reason::implicit_deny,
                    access.action,
                    "",
                    "",
                    codec::printable(access.action) +
                        " is denied: the operation names no resource for it."};
        }
        for (const model::Resource& resource : access.resources) {
            const Question question = question_of(access, resource);
            Decision next = judge(scope.document(), question, keys, guarded);
            const bool left_to_aws = resource.alternative && facts.enforced_again &&
                                     next.reason == Reason::implicit_deny &&
                                     is_untouched(scope.document(), question, keys);
            if (left_to_aws) continue;
            if (first || gravity(next) > gravity(worst)) worst = std::move(next);
            first = false;
            if (worst.reason == Reason::explicit_deny) return worst;
        }
    }
    return worst;
}

Explanation explain(const Scope& scope, const model::Operation& operation, const Facts& facts) {
    const Keys keys(operation, facts);
    Explanation explanation{decide(scope, operation, facts), {}};
    for (const model::Access& access : operation.accesses) {
        for (const model::Resource& resource : access.resources) {
            const Question question = question_of(access, resource);
            AccessView view{access.action, resource.arn, {}};
            for (const Statement& statement : scope.document().statements) {
                view.statements.push_back(view_of(statement, ask(statement, question, keys)));
            }
            explanation.accesses.push_back(std::move(view));
        }
    }
    return explanation;
}

}  // namespace narrows::policy
