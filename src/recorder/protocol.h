#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "codec/archive.h"
#include "recorder/recorder.h"

/// What a gateway and a recorder in a process of its own say to each other, over one stream socket,
/// in frames as process/frame.h has them: a byte that tells which message, then its fields. The
/// recorder speaks first (Hello); a message that is not in its one encoding, or that breaks a rule
/// below, ends the conversation. What waits on one of the gateway's loops is told on a socket of
/// that loop's, over which nothing else is said; all else, and all that the gateway says, goes over
/// the first, since the order of records is that of their messages.
namespace narrows::recorder {

/// Bytes of appends on the way in one lane: beyond, the gateway's end refuses.
inline constexpr std::uint64_t kWindow = 4ull << 20;

// From the gateway.

/// The next record of a part. It has its number: the recorder takes it or ends the conversation.
struct AppendMessage {
    static constexpr std::uint8_t kNumber = 1;
    std::uint64_t id = 0;   ///< of the Told that answers it; 0 if and only if nothing is awaited
    std::uint8_t loop = 0;  ///< whose socket that comes over, from 1; 0: the first
    std::uint64_t part = 0;
    std::uint64_t sequence = 0;
    journal::Lane lane = journal::Lane::control;
    journal::Await await = journal::Await::none;
    std::uint8_t kind = 0;
    std::uint8_t flags = 0;
    std::uint64_t op = 0;
    std::optional<crypto::Digest> request;        ///< to attest: durable INTENTs that allow
    std::optional<journal::Challenge> challenge;  ///< to attest: durable NOTICEs and CREDENTIALs
    ByteView payload;                             ///< valid as long as what it was read from

    /// `kind` is one.
    journal::Subject subject() const;
};
/// Bits (1 << journal::KeyClass) of the keys that a part has.
using SealedClasses = std::uint8_t;

/// A new part and its OPEN, to which the number belongs. Answered by Returned, when it is known
/// whether there is such a part now, with a SealedClasses byte; if not, the number is free.
/// One at a time.
struct BeginMessage {
    static constexpr std::uint8_t kNumber = 2;
    std::uint64_t id = 0;  ///< of the Returned
    std::string kind;
    std::string session;
    AppendMessage open;
};
/// A Told when all that was appended to the lane before is durable.
struct SyncMessage {
    static constexpr std::uint8_t kNumber = 3;
    std::uint64_t id = 0;
    std::uint8_t loop = 0;  ///< as an Append has it
    journal::Lane lane = journal::Lane::control;
};
/// Everything else that Recorder can be asked for, by name.
struct CallMessage {
    static constexpr std::uint8_t kNumber = 4;
    std::uint64_t id = 0;  ///< of the Returned; 0: none is wanted
    std::string name;
    ByteView argument;
};
/// The argument of "configured".
struct Configured {
    std::string digest;
    std::string boot;
};
/// The argument of "hold" is evidence::HoldEntry, that of "shred" this; it answers with how many
/// keys, 64-bit little-endian. That of "set_retention" is RetentionTexts, that of "reconciled" an
/// entry as the log has it, whose time says nothing.
struct ShredMessage {
    std::string session;
    std::optional<std::uint8_t> key;
    std::string by;

    Result<ShredRequest> request() const;
};
struct RetentionTexts {
    std::vector<std::uint64_t> least_ns;
    std::vector<std::string> officers;

    Result<Retention> retention() const;
};
/// The argument of "set_recipients", in age's text form.
struct RecipientTexts {
    std::vector<std::string> operations;
    std::vector<std::string> bodies;
    std::vector<std::string> secrets;
};

// From the recorder.

/// Once, first: it is open, or why it is not.
struct HelloMessage {
    static constexpr std::uint8_t kNumber = 20;
    static constexpr std::size_t kMayGoOnMax = 65'536;  ///< the newest of them
    std::optional<Error> error;
    std::uint64_t next_part = 0;
    std::uint64_t segments = 0;
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    std::uint64_t parts_interrupted = 0;
    std::uint64_t operations_unknown = 0;
    Bytes gaps;  ///< CBOR
    std::vector<std::uint64_t> may_go_on;
};
/// The fate of an append, or of what a Sync waited for.
struct ToldMessage {
    static constexpr std::uint8_t kNumber = 21;
    std::uint64_t id = 0;
    std::optional<Error> error;
    std::optional<crypto::Digest> mac;
};
struct ReturnedMessage {
    static constexpr std::uint8_t kNumber = 22;
    std::uint64_t id = 0;
    std::optional<Error> error;
    Bytes value;
};
/// How the recorder is. Every 20 ms while it is given something, else four times a second.
struct StatusMessage {
    static constexpr std::uint8_t kNumber = 23;
    std::uint64_t received = 0;  ///< Appends and Syncs taken so far; `status` is later than that
    Status status;
    std::vector<evidence::AlarmEntry> alarms;  ///< that began or ended
};

using FromGateway = std::variant<AppendMessage, BeginMessage, SyncMessage, CallMessage>;
using FromRecorder = std::variant<HelloMessage, ToldMessage, ReturnedMessage, StatusMessage>;

Bytes encode(const FromGateway& message);
/// All of it up to the payload, which is what follows: so that it need not be copied.
Bytes encode_up_to_payload(AppendMessage message);
Bytes encode(const FromRecorder& message);
/// ErrorCode::invalid: it is no such message. Views into `bytes`.
Result<FromGateway> decode_from_gateway(ByteView bytes);
Result<FromRecorder> decode_from_recorder(ByteView bytes);

Bytes encode(const Configured& argument);
Bytes encode(const RecipientTexts& argument);
Bytes encode(const evidence::HoldEntry& argument);
Bytes encode(const ShredMessage& argument);
Bytes encode(const RetentionTexts& argument);
Result<Configured> decode_configured(ByteView bytes);
Result<evidence::HoldEntry> decode_hold(ByteView bytes);
Result<ShredMessage> decode_shred(ByteView bytes);
Result<RetentionTexts> decode_retention(ByteView bytes);
Result<RecipientTexts> decode_recipients(ByteView bytes);

HelloMessage hello(const Found& found);
HelloMessage hello(const Error& error);
/// Of a Hello without an error.
Result<Found> found_of(const HelloMessage& hello);

RetentionTexts texts_of(const Retention& retention);
RecipientTexts texts_of(const evidence::Recipients& recipients);
Result<evidence::Recipients> recipients_of(const RecipientTexts& texts);

}  // namespace narrows::recorder
