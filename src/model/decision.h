#pragma once

#include <string>

namespace narrows::model {

enum class Verdict { allow, deny, hold };
const char* name_of(Verdict verdict);

/// Why a verdict was reached; the word stands in records.
enum class Reason {
    allowed,            ///< an Allow statement matches and nothing denies
    explicit_deny,      ///< a Deny statement matches (or could match what is not known)
    implicit_deny,      ///< no Allow statement matches
    guardrail,          ///< the shipped guardrail on delegate, grant, credential
    needs_approval,     ///< the Allow statement asks for a reviewer
    not_recognised,     ///< the bytes are no operation of the catalogue, or say two things
    not_authenticated,  ///< no, bad, expired or unknown credential
    not_supported,      ///< recognised and never let through (tokens in results)
    session_over,       ///< ended, expired or killed
    budget,             ///< the session's bytes, rate or operations in flight are used up
    cannot_record,      ///< the journal refuses
    not_configured,     ///< no connection leads there
};
const char* name_of(Reason reason);

/// A decision as data: never a naked bool. Keeps what decided, so that the record replays.
struct Decision {
    Verdict verdict = Verdict::deny;
    Reason reason = Reason::implicit_deny;
    std::string action;     ///< the first action that failed, or the first allowed
    std::string resource;   ///< the resource of that action
    std::string statement;  ///< Sid, or "Statement[2]"; empty if none decided
    std::string why;        ///< one sentence for the agent and the reviewer

    bool allowed() const { return verdict == Verdict::allow; }
};

}  // namespace narrows::model
