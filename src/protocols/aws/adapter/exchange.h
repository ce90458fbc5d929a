#pragma once

#include "protocols/aws/adapter/pool.h"
#include "protocols/aws/adapter/understand.h"
#include "protocols/aws/decode/answer.h"

namespace narrows::aws {

/// One request from its head to the last byte of its answer: identify, understand, admit, forward,
/// deliver. Lives as long as the exchange, on one loop.
class Exchange {
  public:
    Exchange(net::Loop& loop, const Services& services, UpstreamPool& pool,
             http::ServerExchange& agent, http::RequestHead head, const Arrival& arrival);
    Exchange(const Exchange&) = delete;  // its parts refer to each other
    Exchange& operator=(const Exchange&) = delete;

    /// Answers the request.
    net::Task<void> run();

  private:
    net::Task<void> identify_caller();
    net::Task<void> understand_request();
    net::Task<void> spend_url();
    net::Task<Result<session::Admission>> admit();
    void sign_ahead(model::PartNo part, recording::Sequence op);
    net::Task<void> forward(session::Admission admission);
    net::Task<void> refuse(Refusal refusal);
    net::Task<void> answer_itself(session::Admission admission);

    net::Loop& loop_;
    const Services& services_;
    UpstreamPool& pool_;
    http::ServerExchange& agent_;
    const Arrival& arrival_;
    const MonoNs began_;
    Intake intake_;
    Proof proof_;
    Understood asked_;  ///< changes no more once it is admitted
    std::unique_ptr<signer::Ahead> ahead_;
};

}  // namespace narrows::aws
