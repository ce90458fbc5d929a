#include "protocols/aws/adapter/exchange.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/region_set.h"
#include "protocols/aws/adapter/withheld_headers.h"

namespace narrows::aws {

using model::Reason;

Exchange::Exchange(net::Loop& loop, const Services& services, UpstreamPool& pool,
                   http::ServerExchange& agent, http::RequestHead head, const Arrival& arrival)
    : loop_(loop),
      services_(services),
      pool_(pool),
      agent_(agent),
      arrival_(arrival),
      began_(services.clock.mono()),
      proof_(std::move(head)),
      named_{.bucket = arrival.bucket} {}

net::Task<void> Exchange::run() {
    std::optional<Rejection> rejection;
    if (is_form_post(proof_.received())) {
        rejection = co_await receive_form();
    }
    const sigv4::FormFields* fields = form_ ? &form_->fields : nullptr;
    Identified identified = co_await identify(services_, arrival_, fields, proof_);
    caller_ = std::move(identified.caller);
    if (!rejection) {
        rejection = std::move(identified.rejection);
    }
    if (!rejection) {
        rejection = co_await understand();
    }
    if (!rejection && proof_.is_for_one_use()) {
        rejection = co_await spend_url();
    }
    if (rejection) {
        co_await keep_refused_body();
    }
    Result<session::Admission> admission = co_await admit(rejection);
    if (!admission.has_value()) {
        agent_.must_close();
        co_await answer_error(503, "ServiceUnavailable",
                              "Narrows cannot record this operation, so it was not forwarded: " +
                                  admission.error().what,
                              "unrecorded");
    } else if (!admission.value().permit) {
        co_await answer_denied(admission.value(), rejection);
    } else if (identity_question_) {
        co_await answer_identity(admission.value());
    } else {
        session::Permit permit = std::move(*admission.value().permit);
        const std::string record = admission.value().record;
        co_await forward(std::move(permit), record);
    }
}

/// From here on the URL is used, whatever becomes of the operation.
net::Task<std::optional<Rejection>> Exchange::spend_url() {
    std::string key_id = proof_.claims().key_id;
    const Result<void> spent = co_await services_.spend_url(std::move(key_id));
    if (spent.has_value()) {
        co_return std::nullopt;
    }
    co_return reject(Reason::not_authenticated, "AccessDenied", spent.error().what);
}

session::Seen Exchange::seen() const {
    session::Seen seen;
    seen.mode = arrival_.mode;
    seen.peer = arrival_.peer;
    seen.head = withheld_headers(proof_.received(), services_.commitment_key, body_secret_);
    seen.http = agent_.version();
    seen.body_streams = streamed_;
    if (body_read_) {
        seen.body_size = raw_body_.size();
        seen.body_withheld = body_secret_ && !raw_body_.empty();
        if (!body_secret_) {
            seen.body = raw_body_;
            seen.body_sha256 = codec::hex(body_sha256_ ? *body_sha256_ : crypto::sha256(raw_body_));
        }
    } else if (agent_.content_length()) {
        seen.body_size = agent_.content_length();
    }
    if (!kept_body_.empty()) {
        seen.body = kept_body_;
        seen.body_form = "parameters-cbor";
        seen.body_size = kept_body_.size();
        seen.body_sha256 = codec::hex(crypto::sha256(kept_body_));
    }
    seen.signature = proof_.record();
    seen.signature.emplace("payload", sigv4::name_of(payload_.kind));
    seen.integrity = integrity_;
    const auto state = [&](const char* key, std::string_view header) {
        const std::string_view value = http::header(proof_.asked().headers, header);
        if (!value.empty()) {
            seen.stated.emplace(key, value);
        }
    };
    state("user_agent", "user-agent");
    state("invocation_id", "amz-sdk-invocation-id");
    state("attempt", "amz-sdk-request");
    return seen;
}

session::Asked Exchange::asked(const std::optional<Rejection>& rejection) const {
    session::Asked asked;
    asked.seen = seen();
    asked.operation = operation_;
    asked.carried = carried_;
    asked.catalogue = services_.catalogue_digest;
    asked.upstream_host = target_.host.empty() ? std::string() : target_.authority();
    asked.request_digest = request_digest_;
    asked.allowed_by_name = operation_ && goes_unsigned() && decoded_.front().entry.no_action();
    if (region_set_.size() > 1 &&
        std::all_of(region_set_.begin(), region_set_.end(), is_one_region)) {
        asked.regions = region_set_;
    }
    if (rejection) {
        asked.decided = rejection->decision;
    } else if (identity_question_) {
        model::Decision decision;
        decision.verdict = model::Verdict::allow;
        decision.reason = Reason::allowed;
        decision.action = "sts:GetCallerIdentity";
        decision.resource = "*";
        decision.why = "answered by the gateway with the session's own identity";
        asked.decided = decision;
    }
    return asked;
}

net::Task<Result<session::Admission>> Exchange::admit(const std::optional<Rejection>& rejection) {
    session::Asked question = asked(rejection);
    if (!caller_.session) {
        co_return co_await services_.lobby.refuse(std::move(question));
    }
    co_return co_await session::admit(caller_.session, caller_.connection, services_.gate,
                                      services_.clock, std::move(question));
}

/// AWS's own sentence, then what only Narrows can say.
std::string Exchange::denial_text(const session::Admission& admission,
                                  const std::optional<Rejection>& rejection) const {
    const model::Decision& decision = admission.decision;
    std::string text;
    if (caller_.session && !decision.action.empty()) {
        const bool is_explicit = decision.reason == Reason::explicit_deny;
        text = fmt::format(
            "User: {} is not authorized to perform: {} on resource: {} {}", caller_.arn(),
            decision.action, decision.resource,
            is_explicit
                ? "with an explicit deny in a session policy"
                : fmt::format("because no session policy allows the {} action", decision.action));
    } else {
        text = decision.why;
    }
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
    if (rejection && rejection->status == 503) {
        return text;
    }
    text += " This is policy, not a fault: do not retry or work around it.";
    if (caller_.session) {
        text += fmt::format(" The scope of connection {} can be read with: narrows session show {}",
                            caller_.granted().name, caller_.session->terms().id.value());
    }
    return text;
}

net::Task<void> Exchange::answer_denied(const session::Admission& admission,
                                        const std::optional<Rejection>& rejection) {
    std::string code = rejection ? rejection->code : "AccessDenied";
    int status = rejection ? rejection->status : 403;
    if (admission.decision.reason == Reason::session_over) {
        code = "ExpiredToken";
    } else if (admission.decision.reason == Reason::cannot_record) {
        code = "ServiceUnavailable";
        status = 503;
    }
    co_await answer_error(status, code, denial_text(admission, rejection), admission.record);
}

net::Task<void> Exchange::answer_error(int status, const std::string& code,
                                       const std::string& message, const std::string& record) {
    const Style style =
        decoded_.empty()
            ? guess_style(proof_.asked(), proof_.service())
            : style_of(recognition_.protocol, decoded_.front().entry.service(), proof_.asked());
    Answer answer =
        refuse(style, {code == "AccessDenied" ? std::string() : code, message, record, {}, status});
    http::ResponseHead head{answer.status, std::move(answer.headers)};
    http::set(head.headers, "Date", imf_fixdate(services_.clock.wall()));
    if (!agent_.body_done()) {
        agent_.must_close();
    }
    agent_.expires_after(services_.limits.idle_max);
    const Result<void> written =
        co_await agent_.write_message(head, as_bytes(answer.body), style.head);
    if (!written.has_value()) {
        agent_.must_close();
    }
}

net::Task<void> Exchange::answer_identity(session::Admission& admission) {
    session::Permit permit = std::move(*admission.permit);
    codec::Map fields;
    fields.emplace("why", "answered by the gateway, AWS was not called");
    fields.emplace("status", 200);
    const Result<void> held = co_await permit.not_sent(std::move(fields));
    if (!held.has_value()) {
        agent_.must_close();
        co_return;
    }
    const session::Terms& terms = caller_.session->terms();
    const bool named = caller_.derived && !caller_.derived->user_id.empty();
    const CallerIdentity identity{
        caller_.account(), caller_.arn(),
        named ? caller_.derived->user_id : terms.agent + ":" + terms.id.value()};
    Answer answer = answer_caller_identity(identity, admission.record);
    http::ResponseHead head{answer.status, std::move(answer.headers)};
    http::set(head.headers, "Date", imf_fixdate(services_.clock.wall()));
    const Result<void> written = co_await agent_.write_message(head, as_bytes(answer.body), false);
    if (!written.has_value()) {
        agent_.must_close();
    }
}

}  // namespace narrows::aws
