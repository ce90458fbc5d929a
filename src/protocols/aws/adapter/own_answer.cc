#include "protocols/aws/adapter/own_answer.h"

#include <fmt/format.h>

namespace narrows::aws {

using model::Reason;

namespace {

net::Task<void> write(http::ServerExchange& agent, const Services& services, Answer answer,
                      bool is_head) {
    http::ResponseHead head{answer.status, std::move(answer.headers)};
    http::set(head.headers, "Date", imf_fixdate(services.clock.wall()));
    const Result<void> written = co_await agent.write_message(head, as_bytes(answer.body), is_head);
    if (!written.has_value()) {
        agent.must_close();
    }
}

std::string in_words_of_aws(const Caller& caller, const model::Decision& decision) {
    const bool is_explicit = decision.reason == Reason::explicit_deny;
    return fmt::format("User: {} is not authorized to perform: {} on resource: {} {}", caller.arn(),
                       decision.action, decision.resource,
                       is_explicit ? "with an explicit deny in a session policy"
                                   : fmt::format("because no session policy allows the {} action",
                                                 decision.action));
}

std::string denial_text(const Understood& asked, const session::Admission& admission) {
    const model::Decision& decision = admission.decision;
    const Caller& caller = asked.caller;
    const bool authorised = caller.session && !decision.action.empty();
    std::string text = authorised ? in_words_of_aws(caller, decision) : decision.why;
    text += fmt::format(" [Narrows {}, before AWS was called]", admission.record);
    if (text.find(decision.why) == std::string::npos) {
        text += " " + decision.why;
        text += text.ends_with('.') ? "" : ".";
    }
    if (!decision.statement.empty()) {
        text += fmt::format(" Deciding statement: {}.", decision.statement);
    }
    if (decision.reason == Reason::cannot_record) {
        return text + " It may be tried again when the gateway's disk has space.";
    }
    if (asked.rejection && asked.rejection->status == 503) {
        return text;
    }
    text += " This is policy, not a fault: do not retry or work around it.";
    if (caller.session) {
        text += fmt::format(" The scope of connection {} can be read with: narrows session show {}",
                            caller.granted().name, caller.session->terms().id.value());
    }
    return text;
}

}  // namespace

Refusal refusal_of(const Understood& asked, const session::Admission& admission) {
    Refusal refusal{"AccessDenied", denial_text(asked, admission), admission.record, {}, 403};
    if (asked.rejection) {
        refusal.code = asked.rejection->code;
        refusal.status = asked.rejection->status;
    }
    if (admission.decision.reason == Reason::session_over) {
        refusal.code = "ExpiredToken";
    } else if (admission.decision.reason == Reason::cannot_record) {
        refusal.code = "ServiceUnavailable";
        refusal.status = 503;
    }
    return refusal;
}

Style style_for(const Proof& proof, const Understood& asked) {
    return asked.decoded.empty()
               ? guess_style(proof.asked(), proof.service())
               : style_of(asked.recognition.protocol, asked.entry().service(), proof.asked());
}

net::Task<void> answer_error(http::ServerExchange& agent, const Services& services,
                             const Style& style, Refusal refusal) {
    if (refusal.code == "AccessDenied") {
        refusal.code.clear();  // each style has a word of its own for it
    }
    if (!agent.body_done()) {
        agent.must_close();
    }
    agent.expires_after(services.limits.idle_max);
    Answer answer = refuse(style, refusal);
    co_await write(agent, services, std::move(answer), style.head);
}

net::Task<void> answer_identity(http::ServerExchange& agent, const Services& services,
                                const Caller& caller, const session::Admission& admission) {
    const session::Terms& terms = caller.session->terms();
    const bool named = caller.derived && !caller.derived->user_id.empty();
    const CallerIdentity identity{
        caller.account(), caller.arn(),
        named ? caller.derived->user_id : terms.agent + ":" + terms.id.value()};
    Answer answer = answer_caller_identity(identity, admission.record);
    co_await write(agent, services, std::move(answer), false);
}

}  // namespace narrows::aws
