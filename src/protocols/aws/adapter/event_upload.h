#pragma once

#include <string>

#include "protocols/aws/adapter/event_flow.h"
#include "protocols/aws/sigv4/event_signer.h"

namespace narrows::aws {

/// What an agent streams to AWS beside the answer: signed events, taken apart and verified here.
/// Lives on its exchange's loop. Holds one event at most.
struct EventUpload {
    EventUpload(sigv4::EventSigner agent, std::uint64_t known_as)
        : verifier(std::move(agent)), number(known_as) {}

    /// One event of the agent's: its own message, empty if it closes the stream. ErrorCode::
    /// unauthenticated: its signature is not that of the session; ErrorCode::invalid: it is no
    /// signed event, what it holds is no message, or it comes after the one that closes.
    Result<ByteView> open(const codec::EventMessage& signed_event);

    codec::EventStreamDecoder decoder;
    sigv4::EventSigner verifier;
    const std::uint64_t number;  ///< by which the signer knows the stream
    EventCount count;
    std::uint64_t index = 0;  ///< of the next BODY
    bool closed = false;      ///< the closing event has come
    bool over = false;        ///< the answer is over: nothing more is recorded or sent
    bool finished = false;    ///< AWS has the whole stream
    bool recording = false;   ///< a BODY is on its way
    bool ended = false;       ///< its last BODY is on record, or may be
    std::string why;          ///< it broke off
};

}  // namespace narrows::aws
