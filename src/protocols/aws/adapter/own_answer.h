#pragma once

#include "http/exchange.h"
#include "protocols/aws/adapter/understood.h"
#include "protocols/aws/decode/answer.h"

/// Answers of the gateway's own, as far as they need who asked.
namespace narrows::aws {

/// What a refused request is answered with: AWS's own sentence, then what only Narrows can say.
Refusal refusal_of(const Understood& asked, const session::Admission& admission);

/// How the client that sent the request reads an error.
Style style_for(const Proof& proof, const Understood& asked);

/// Answers with an error; what an agent that is gone does not take is lost.
net::Task<void> answer_error(http::ServerExchange& agent, const Services& services,
                             const Style& style, Refusal refusal);
/// sts:GetCallerIdentity, once its outcome is on record.
net::Task<void> answer_identity(http::ServerExchange& agent, const Services& services,
                                const Caller& caller, const session::Admission& admission);

}  // namespace narrows::aws
