#pragma once

#include <optional>

#include "protocols/aws/adapter/delivery.h"
#include "protocols/aws/adapter/event_upload.h"
#include "protocols/aws/adapter/pool.h"
#include "protocols/aws/adapter/upload.h"
#include "protocols/aws/decode/answer.h"

namespace narrows::aws {

/// An operation on its way to AWS and back. The only path to AWS: takes the permit, and leaves with
/// an outcome on record. Lives on its exchange's loop, for one operation.
class Forward {
  public:
    Forward(net::Loop& loop, UpstreamPool& pool, Passage of)
        : loop_(loop), pool_(pool), of_(std::move(of)) {}
    Forward(const Forward&) = delete;  // its parts refer to each other
    Forward& operator=(const Forward&) = delete;

    net::Task<void> run();

  private:
    net::Task<Result<signer::Signature>> sign();
    net::Task<bool> pass(http::ClientExchange& upstream, signer::Signature signature);
    Result<void> record_sent(const signer::Signature& signature);
    net::Task<Result<void>> send(http::ClientExchange& upstream, signer::Signature& signature);
    net::Task<void> answer(http::ClientExchange& upstream);
    net::Task<void> converse(http::ClientExchange& upstream, std::uint64_t number);
    net::Task<void> hear_out(http::ClientExchange& upstream);
    net::Task<void> give_up(const Error& error, bool sent);
    Refusal why_not(const Error& error, bool sent, const std::string& why) const;

    bool goes_by_http2() const;
    http::Framing framing() const;
    codec::Map request_fields() const;
    const std::optional<Bytes>& other_body() const {
        return carrier_ ? carrier_ : of_.asked.body.other;
    }
    const Bytes& body() const { return other_body() ? *other_body() : of_.asked.body.raw; }

    net::Loop& loop_;
    UpstreamPool& pool_;
    Passage of_;
    std::optional<Bytes> carrier_;  ///< the form with the URL that the signer made
    std::optional<Upload> upload_;
    std::optional<EventUpload> events_;
};

}  // namespace narrows::aws
