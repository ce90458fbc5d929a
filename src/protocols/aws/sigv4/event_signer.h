#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/event_stream.h"
#include "crypto/hash.h"
#include "protocols/aws/sigv4/signature.h"

/// Signed events (x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-EVENTS): each event is the
/// payload of a message with the headers ":date" and ":chunk-signature", each signature over the
/// one before; an empty payload ends the stream.
/// https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html
namespace narrows::sigv4 {

/// In 2262 the nanoseconds of WallNs end.
inline constexpr std::int64_t kEventTimeMsMax = 9'223'372'036'000;

/// Signs, or recomputes, the signatures of a stream's events. The chain starts with the request's
/// own signature. The scope's day is that of the event, so a stream may last over midnight (UTC).
/// Not thread-safe.
class EventSigner {
  public:
    using KeyFor = std::function<SigningKey(const CredentialScope&)>;

    EventSigner(KeyFor key_for, CredentialScope scope, std::string seed_signature);

    /// 64 hex digits. `time_ms`: what ":date" says, since 1970, from 0 to kEventTimeMsMax.
    std::string sign(std::int64_t time_ms, const crypto::Digest& payload_sha256);

  private:
    const KeyFor key_for_;
    CredentialScope scope_;
    std::string previous_;
};

struct SignedEvent {
    std::int64_t time_ms = 0;
    std::string signature;  ///< 64 hex digits
    ByteView payload;       ///< the event's own message; empty: the stream is over
};
/// ErrorCode::invalid: the message does not have these two headers alone, or the date is out
/// of range.
Result<SignedEvent> read_signed_event(const codec::EventMessage& message);
Bytes write_signed_event(const SignedEvent& event);

}  // namespace narrows::sigv4
