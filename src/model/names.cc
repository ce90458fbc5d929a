#include "model/decision.h"
#include "model/operation.h"
#include "model/record.h"

namespace narrows::model {

const char* name_of(EffectClass effect) {
    switch (effect) {
        case EffectClass::read:
            return "read";
        case EffectClass::write:
            return "write";
        case EffectClass::delegate:
            return "delegate";
        case EffectClass::grant:
            return "grant";
        case EffectClass::credential:
            return "credential";
        case EffectClass::by_reference:
            return "by-reference";
    }
    return "write";
}

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::allow:
            return "allow";
        case Verdict::deny:
            return "deny";
        case Verdict::hold:
            return "hold";
    }
    return "deny";
}

const char* name_of(Reason reason) {
    switch (reason) {
        case Reason::allowed:
            return "allowed";
        case Reason::explicit_deny:
            return "explicit-deny";
        case Reason::implicit_deny:
            return "implicit-deny";
        case Reason::guardrail:
            return "guardrail";
        case Reason::needs_approval:
            return "needs-approval";
        case Reason::not_recognised:
            return "not-recognised";
        case Reason::not_authenticated:
            return "not-authenticated";
        case Reason::not_supported:
            return "not-supported";
        case Reason::session_over:
            return "session-over";
        case Reason::budget:
            return "budget";
        case Reason::cannot_record:
            return "cannot-record";
        case Reason::not_configured:
            return "not-configured";
    }
    return "implicit-deny";
}

const char* name_of(RecordKind kind) {
    switch (kind) {
        case RecordKind::open:
            return "OPEN";
        case RecordKind::stated:
            return "STATED";
        case RecordKind::intent:
            return "INTENT";
        case RecordKind::sent:
            return "SENT";
        case RecordKind::head:
            return "HEAD";
        case RecordKind::body:
            return "BODY";
        case RecordKind::result:
            return "RESULT";
        case RecordKind::not_sent:
            return "NOT_SENT";
        case RecordKind::unknown:
            return "UNKNOWN";
        case RecordKind::gap:
            return "GAP";
        case RecordKind::approval:
            return "APPROVAL";
        case RecordKind::reviewed:
            return "REVIEWED";
        case RecordKind::close:
            return "CLOSE";
        case RecordKind::recovery:
            return "RECOVERY";
        case RecordKind::config:
            return "CONFIG";
        case RecordKind::credential:
            return "CREDENTIAL";
        case RecordKind::notice:
            return "NOTICE";
        case RecordKind::secrets:
            return "SECRETS";
    }
    return "UNKNOWN";
}

std::optional<RecordKind> record_kind(std::uint8_t number) {
    const bool known = number >= static_cast<std::uint8_t>(RecordKind::open) &&
                       number <= static_cast<std::uint8_t>(RecordKind::secrets);
    return known ? std::optional(static_cast<RecordKind>(number)) : std::nullopt;
}

}  // namespace narrows::model
