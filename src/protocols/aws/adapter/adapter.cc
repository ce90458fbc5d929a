#include "protocols/aws/adapter/adapter.h"

#include <fmt/format.h>

#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/adapter/withheld_headers.h"

namespace narrows::aws {

net::Task<void> Adapter::serve(http::ServerExchange& agent, http::RequestHead head,
                               const Arrival& arrival) {
    Exchange exchange(loop_, services_, pool_, agent, std::move(head), arrival);
    co_await exchange.run();
}

net::Task<void> Adapter::refuse_malformed(http::ServerExchange& agent,
                                          const http::Malformed& malformed, const Error& error,
                                          const Arrival& arrival) {
    session::Asked asked;
    asked.seen.mode = arrival.mode;
    asked.seen.peer = arrival.peer;
    asked.seen.http = agent.version();
    asked.seen.body = withheld_bytes(malformed.bytes, services_.commitment_key);
    asked.seen.body_size = asked.seen.body.size();
    const bool slow = error.code == ErrorCode::timeout;
    asked.decided = reject(slow ? model::Reason::not_authenticated : model::Reason::not_recognised,
                           "", error.what)
                        .decision;
    const Result<session::Admission> admission = co_await services_.lobby.refuse(std::move(asked));
    const bool large = error.code == ErrorCode::exhausted;
    http::ResponseHead head{large ? 431 : 400, {{"Content-Type", "text/plain"}}};
    http::set(head.headers, "Date", imf_fixdate(services_.clock.wall()));
    const std::string text =
        fmt::format("{} [Narrows {}]\n", error.what,
                    admission.has_value() ? admission.value().record : "unrecorded");
    agent.must_close();
    agent.expires_after(services_.limits.connect_max);
    (void)co_await agent.write_message(head, as_bytes(text), false);
}

}  // namespace narrows::aws
