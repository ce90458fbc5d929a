#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/exchange.h"
#include "protocols/aws/adapter/event_upload.h"
#include "protocols/aws/adapter/pool.h"
#include "protocols/aws/adapter/understand.h"
#include "protocols/aws/decode/withhold.h"

namespace narrows::aws {

/// One request from its head to the last byte of its answer: identify, understand, admit, forward,
/// deliver. Lives as long as the exchange, on one loop.
class Exchange {
  public:
    Exchange(net::Loop& loop, const Services& services, UpstreamPool& pool,
             http::ServerExchange& agent, http::RequestHead head, const Arrival& arrival);

    /// Answers the request.
    net::Task<void> run();

  private:
    struct Delivery;
    struct Upload;

    net::Task<void> identify_caller();
    net::Task<void> understand_all();
    net::Task<void> spend_url();
    net::Task<Result<session::Admission>> admit();
    net::Task<void> answer(int status, std::string code, std::string message, std::string record);
    net::Task<void> answer_denied(const session::Admission& admission);
    net::Task<void> answer_itself(session::Admission admission);

    // forward.cc: upstream, with the permit.
    net::Task<void> forward(session::Permit permit, std::string record);
    net::Task<Result<signer::Signature>> sign(const session::Permit& permit);
    net::Task<Result<void>> send(session::Permit& permit, http::ClientExchange& upstream,
                                 signer::Signature& signed_request);
    net::Task<Result<void>> stream_upload(session::Permit& permit, http::ClientExchange& upstream,
                                          signer::Signature& signed_request);
    Result<std::unique_ptr<Upload>> begin_upload(const signer::Signature& signature) const;
    net::Task<Result<void>> sign_chunks(Upload& upload, Bytes& out);
    net::Task<Result<void>> upload_stretch(session::Permit& permit, http::ClientExchange& upstream,
                                           Upload& upload, ByteView raw);
    SecretValues secret_inputs() const;
    bool record_secrets(session::Permit& permit, recording::Direction direction,
                        SecretValues values) const;
    net::Task<void> give_up(session::Permit& permit, const Error& error, bool sent,
                            const std::string& record);
    http::Framing upload_framing() const;
    bool goes_by_http2() const;
    const Bytes& body_for_aws() const {
        return asked_.body.other ? *asked_.body.other : asked_.body.raw;
    }

    // event_upload.cc: events to AWS beside its answer.
    net::Task<void> converse(session::Permit& permit, http::ClientExchange& upstream,
                             const signer::Signature& signature, const std::string& record);
    net::Task<void> hear_answer(session::Permit& permit, http::ClientExchange& upstream,
                                const std::string& record);
    net::Task<void> send_events(session::Permit& permit, http::ClientExchange& upstream);
    net::Task<Result<void>> pass_events(session::Permit& permit, http::ClientExchange& upstream,
                                        ByteView part);
    net::Task<Result<void>> pass_event(session::Permit& permit, http::ClientExchange& upstream,
                                       ByteView event);
    net::Task<Result<void>> record_event(session::Permit& permit, ByteView event);
    net::Task<void> end_events(session::Permit& permit);
    /// Why it ended: what broke the agent's events off is behind whatever followed from it.
    std::string cause(const std::string& why) const {
        return events_ && !events_->why.empty() ? events_->why : why;
    }

    // deliver.cc: the answer, recorded before it is delivered.
    net::Task<void> deliver(session::Permit& permit, http::ClientExchange& upstream,
                            const std::string& record);
    net::Task<Result<void>> deliver_withheld(session::Permit& permit,
                                             http::ClientExchange& upstream, Delivery& delivery);
    net::Task<Result<void>> deliver_stream(session::Permit& permit, http::ClientExchange& upstream,
                                           Delivery& delivery);
    net::Task<Result<void>> record_stretch(session::Permit& permit, Delivery& delivery,
                                           ByteView bytes, bool is_last);
    net::Task<Result<void>> begin_events(session::Permit& permit, http::ClientExchange& upstream,
                                         Delivery& delivery);
    net::Task<Result<void>> write_head(http::ClientExchange& upstream, Delivery& delivery);
    net::Task<Result<void>> pass_on(http::ClientExchange& upstream, Delivery& delivery,
                                    ByteView bytes, bool is_last);
    net::Task<Result<void>> conclude(session::Permit& permit, Delivery& delivery,
                                     const std::string& why);
    void name_queues_for_agent(Delivery& delivery, Bytes& body) const;
    void answer_as_form(Delivery& delivery, Bytes& body) const;
    static codec::Value head_record(session::Permit& permit, const Delivery& delivery);
    bool record_head(session::Permit& permit, const Delivery& delivery);

    net::Loop& loop_;
    const Services& services_;
    UpstreamPool& pool_;
    http::ServerExchange& agent_;
    const Arrival& arrival_;
    const MonoNs began_;
    Intake intake_;
    Proof proof_;
    Understood asked_;

    std::uint64_t bytes_request_ = 0;          ///< of the body on record
    std::optional<EventUpload> events_;        ///< while they pass
    bool upstream_failed_early_ = false;       ///< while uploading: an answer may be there already
    codec::Map integrity_;                     ///< of the body, once it is known
    std::optional<Rejection> upload_refused_;  ///< the body was not what it said to be
};

}  // namespace narrows::aws
