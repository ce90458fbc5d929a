#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "protocols/aws/adapter/caller.h"
#include "protocols/aws/adapter/event_upload.h"
#include "protocols/aws/adapter/pool.h"
#include "protocols/aws/adapter/post_object.h"
#include "protocols/aws/adapter/services.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/catalogue/recognise.h"
#include "protocols/aws/decode/answer.h"
#include "protocols/aws/decode/encode.h"
#include "protocols/aws/decode/operation.h"
#include "protocols/aws/decode/swap.h"
#include "protocols/aws/decode/withhold.h"
#include "protocols/aws/sigv4/body.h"
#include "session/admission.h"

namespace narrows::aws {

/// One request from its head to the last byte of its answer: identify, understand, admit, forward,
/// deliver. Lives as long as the exchange, on one loop. The steps stand in several files:
/// exchange.cc, receive.cc, understand.cc, place.cc, forward.cc, event_upload.cc, deliver.cc,
/// swap.cc, unsigned.cc.
class Exchange {
  public:
    Exchange(net::Loop& loop, const Services& services, UpstreamPool& pool,
             http::ServerExchange& agent, http::RequestHead head, const Arrival& arrival);

    /// Answers the request.
    net::Task<void> run();

  private:
    struct Delivery;
    struct Upload;

    // receive.cc: bodies that are held, and what of a form comes before the file.
    net::Task<std::optional<Rejection>> receive_form();
    net::Task<std::optional<Rejection>> take_held_body();
    net::Task<Result<Bytes>> read_whole(std::size_t size_max);
    net::Task<Result<Bytes>> collect(std::size_t size_max);
    std::optional<Rejection> check_held_body(const Bytes& raw);
    net::Task<void> keep_refused_body();

    // understand.cc: from bytes to an operation, or to why not.
    net::Task<std::optional<Rejection>> understand();
    std::optional<Rejection> check_declarations() const;
    std::optional<Rejection> check_origin();
    std::optional<Rejection> check_label();
    std::optional<Rejection> recognise_head();
    bool fits_host(const Recognition& recognition, std::string_view region) const;
    bool is_blob() const;
    bool checksums_cover_body() const;
    model::Context known_context() const;
    std::optional<Rejection> decode();
    void keep_parameters();
    std::optional<Rejection> never_allowed() const;
    bool may_hold_secrets() const;

    // place.cc: where it goes, and the request that goes there.
    std::optional<Rejection> place();
    Result<Endpoint> endpoint_for(const std::string& asked, const std::string& region) const;
    Endpoint usual_endpoint(const std::string& region) const;
    Result<upstream::Target> choose_place(const Endpoint& endpoint) const;
    std::optional<Rejection> read_carried();
    std::optional<Rejection> build_upstream();
    void add_chunked_headers();
    std::string payload_text() const;
    void name_queue_for_aws();

    // exchange.cc: the decision and its record.
    session::Asked asked(const std::optional<Rejection>& rejection) const;
    session::Seen seen() const;
    net::Task<Result<session::Admission>> admit(const std::optional<Rejection>& rejection);
    net::Task<void> answer_denied(const session::Admission& admission,
                                  const std::optional<Rejection>& rejection);
    net::Task<void> answer_identity(session::Admission& admission);
    net::Task<void> answer_error(int status, const std::string& code, const std::string& message,
                                 const std::string& record);
    std::string denial_text(const session::Admission& admission,
                            const std::optional<Rejection>& rejection) const;
    net::Task<std::optional<Rejection>> spend_url();

    // swap.cc: credentials in answers.
    std::optional<std::string> why_not_swapped(const Decoded& candidate) const;
    bool adds_session_policy() const;
    void add_session_policy();
    bool is_swapped(int status) const;
    net::Task<Result<identity::Credentials>> adopt(session::Permit& permit, GivenCredentials found);
    net::Task<Result<void>> swap_credentials(session::Permit& permit, Bytes& body,
                                             Recordable& kept);

    // unsigned.cc: operations that AWS authorises by no signature.
    std::optional<Rejection> choose_connection();
    std::optional<Rejection> check_named() const;
    bool goes_unsigned() const;

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
    const Bytes& body_for_aws() const { return sent_body_ ? *sent_body_ : raw_body_; }

    // event_upload.cc: events to AWS beside its answer.
    std::optional<Rejection> check_events() const;
    bool sends_events() const { return payload_.kind == sigv4::PayloadKind::events; }
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
    std::optional<PostedForm> form_;
    bool form_begun_ = false;  ///< some of the body has been read for it
    const Arrival& arrival_;
    const MonoNs began_;

    Proof proof_;
    Caller caller_;
    sigv4::Payload payload_;
    Recognition recognition_;
    std::vector<Decoded> decoded_;
    std::optional<model::Operation> operation_;
    std::optional<session::Carried> carried_;  ///< asked for by a URL among the parameters
    bool streamed_ = false;
    AwsHost named_;                   ///< what the host says that was asked for
    Bytes raw_body_;                  ///< as sent, when held
    std::optional<Bytes> sent_body_;  ///< goes to AWS in its place: AWS's own queue URL, our Policy
    Bytes kept_body_;   ///< on record in its place, where it may not be and the INTENT is too small
    Bytes plain_body_;  ///< content coding taken off
    std::optional<crypto::Digest> body_sha256_;
    bool body_read_ = false;
    bool body_secret_ = false;  ///< holds secret inputs: only commitments are recorded
    bool identity_question_ = false;
    bool continue_sent_ = false;
    std::uint64_t bytes_request_ = 0;  ///< of the body on record
    upstream::Target target_;
    upstream::UnsignedRequest unsigned_;
    std::string region_;                   ///< of the endpoint
    std::vector<std::string> region_set_;  ///< SigV4A: what upstream is signed for; else empty
    crypto::Digest request_digest_{};
    std::optional<EventUpload> events_;        ///< while they pass
    bool upstream_failed_early_ = false;       ///< while uploading: an answer may be there already
    codec::Map integrity_;                     ///< of the body, once it is known
    std::optional<Rejection> upload_refused_;  ///< the body was not what it said to be
};

}  // namespace narrows::aws
