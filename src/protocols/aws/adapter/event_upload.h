#pragma once

#include <string>

#include "protocols/aws/adapter/event_flow.h"
#include "protocols/aws/adapter/passage.h"

namespace narrows::aws {

/// What an agent streams to AWS beside the answer: signed events, each taken apart, verified,
/// recorded, signed anew and sent. Holds one event at most. Lives on its exchange's loop, where
/// `run` goes on beside whoever delivers the answer.
class EventUpload {
  public:
    /// `number`: by which the signer knows the stream.
    EventUpload(Passage& of, http::ClientExchange& upstream, std::uint64_t number)
        : of_(of),
          upstream_(upstream),
          number_(number),
          verifier_(of.proof.event_verifier(of.services.keys)) {}

    /// Until the agent has said all, or it broke off: then `upstream` is closed.
    net::Task<void> run();
    /// Before the outcome, from the answer's side: nothing may follow it on record. Once is enough.
    net::Task<void> end();

    bool finished() const { return finished_; }  ///< AWS has the whole stream
    std::uint64_t bytes() const { return bytes_; }
    codec::Value events() const { return count_.events(); }
    /// Why the operation ended: what broke the agent's events off is behind whatever followed.
    std::string cause(const std::string& why) const { return why_.empty() ? why : why_; }

  private:
    Result<ByteView> open(const codec::EventMessage& signed_event);
    net::Task<Result<void>> take(ByteView part);
    net::Task<Result<void>> pass(ByteView event);
    net::Task<Result<void>> record(ByteView event);

    Passage& of_;
    http::ClientExchange& upstream_;
    const std::uint64_t number_;
    codec::EventStreamDecoder decoder_;
    sigv4::EventSigner verifier_;
    EventCount count_;
    std::uint64_t index_ = 0;  ///< of the next BODY
    std::uint64_t bytes_ = 0;  ///< on record
    bool closed_ = false;      ///< the closing event has come
    bool over_ = false;        ///< the answer is over: nothing more is recorded or sent
    bool finished_ = false;
    bool recording_ = false;  ///< a BODY is on its way
    bool ended_ = false;      ///< its last BODY is on record, or may be
    std::string why_;         ///< it broke off
};

}  // namespace narrows::aws
