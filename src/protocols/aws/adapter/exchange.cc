#include "protocols/aws/adapter/exchange.h"

#include "protocols/aws/adapter/forward.h"
#include "protocols/aws/adapter/intent.h"
#include "protocols/aws/adapter/own_answer.h"

namespace narrows::aws {

namespace {

Refusal unrecorded(const Error& error) {
    return {"ServiceUnavailable",
            "Narrows cannot record this operation, so it was not forwarded: " + error.what,
            "unrecorded",
            {},
            503};
}

}  // namespace

Exchange::Exchange(net::Loop& loop, const Services& services, UpstreamPool& pool,
                   http::ServerExchange& agent, http::RequestHead head, const Arrival& arrival)
    : loop_(loop),
      services_(services),
      pool_(pool),
      agent_(agent),
      arrival_(arrival),
      began_(services.clock.mono()),
      intake_(agent),
      proof_(std::move(head)) {}

net::Task<void> Exchange::run() {
    co_await identify_caller();
    co_await understand_request();
    Result<session::Admission> admission = co_await admit();
    if (!admission.has_value()) {
        agent_.must_close();
        co_await refuse(unrecorded(admission.error()));
    } else if (!admission.value().permit) {
        co_await refuse(refusal_of(asked_, admission.value()));
    } else if (asked_.asks_identity()) {
        co_await answer_itself(std::move(admission.value()));
    } else {
        co_await forward(std::move(admission.value()));
    }
}

net::Task<void> Exchange::identify_caller() {
    std::optional<Rejection> malformed;
    if (is_form_post(proof_.received())) {
        malformed = co_await intake_.begin_form(proof_.received());
    }
    asked_.form = intake_.form();
    Identified identified = co_await identify(services_, arrival_, asked_.form, proof_);
    asked_.caller = std::move(identified.caller);
    asked_.rejection = malformed ? std::move(malformed) : std::move(identified.rejection);
    asked_.named.bucket = arrival_.bucket;
}

net::Task<void> Exchange::understand_request() {
    const Reading reading{services_, arrival_, agent_, intake_, proof_};
    if (!asked_.rejection) {
        co_await understand(reading, asked_);
    }
    if (!asked_.rejection && proof_.is_for_one_use()) {
        co_await spend_url();
    }
    if (asked_.rejection) {
        co_await keep_refused_body(reading, asked_);
    }
}

/// From here on the URL is used, whatever becomes of the operation.
net::Task<void> Exchange::spend_url() {
    std::string key_id = proof_.claims().key_id;
    const Result<void> spent = co_await services_.spend_url(std::move(key_id));
    if (!spent.has_value()) {
        asked_.rejection =
            reject(model::Reason::not_authenticated, "AccessDenied", spent.error().what);
    }
}

net::Task<Result<session::Admission>> Exchange::admit() {
    session::Asked intent = intent_of(services_, arrival_, agent_, proof_, asked_);
    const Caller& caller = asked_.caller;
    if (!caller.session) {
        co_return co_await services_.lobby.refuse(std::move(intent));
    }
    const auto placed = [this](model::PartNo part, recording::Sequence op) {
        sign_ahead(part, op);
    };
    co_return co_await session::admit(caller.session, caller.connection, services_.gate,
                                      services_.clock, std::move(intent), placed);
}

/// The signer works while the disk does. What it answers opens with the INTENT's receipt only.
void Exchange::sign_ahead(model::PartNo part, recording::Sequence op) {
    const upstream::UnsignedRequest& request = asked_.request;
    if (asked_.body.streamed || request.stays_unsigned || asked_.asks_identity()) {
        return;
    }
    ahead_ = services_.signer.sign_ahead(loop_, asked_.caller.lease(), part, op, request);
}

net::Task<void> Exchange::forward(session::Admission admission) {
    Forward there(loop_, pool_,
                  {services_, arrival_, agent_, proof_, asked_, began_,
                   std::move(*admission.permit), std::move(admission.record), std::move(ahead_)});
    co_await there.run();
}

net::Task<void> Exchange::refuse(Refusal refusal) {
    const Style style = style_for(proof_, asked_);
    co_await answer_error(agent_, services_, style, std::move(refusal));
}

/// GetCallerIdentity: the session's own, once it is on record that AWS was not called.
net::Task<void> Exchange::answer_itself(session::Admission admission) {
    session::Permit permit = std::move(*admission.permit);
    codec::Map fields;
    fields.emplace("why", "answered by the gateway, AWS was not called");
    fields.emplace("status", 200);
    const Result<void> held = co_await permit.not_sent(std::move(fields));
    if (!held.has_value()) {
        agent_.must_close();
        co_return;
    }
    co_await answer_identity(agent_, services_, asked_.caller, admission);
}

}  // namespace narrows::aws
