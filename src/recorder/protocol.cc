#include "recorder/protocol.h"

#include "codec/cbor.h"
#include "model/record.h"

namespace narrows::codec {

template <>
inline constexpr journal::Lane kLast<journal::Lane> = journal::Lane::bulk;
template <>
inline constexpr journal::Await kLast<journal::Await> = journal::Await::durable;
template <>
inline constexpr journal::Condition kLast<journal::Condition> = journal::Condition::refusing;

}  // namespace narrows::codec

namespace narrows::recorder {

struct RecorderPeers {};

// The fields of each message, for both ways.

template <class A>
void fields(A& a, typename A::template As<Error>& v) {
    a(v.code, v.what);
}
template <class A>
void fields(A& a, typename A::template As<AppendMessage>& v) {
    a(v.id, v.loop, v.part, v.sequence, v.lane, v.await, v.kind, v.flags, v.op, v.request,
      v.challenge, v.payload);
}
template <class A>
void fields(A& a, typename A::template As<BeginMessage>& v) {
    a(v.id, v.kind, v.session, v.open);
}
template <class A>
void fields(A& a, typename A::template As<SyncMessage>& v) {
    a(v.id, v.loop, v.lane);
}
template <class A>
void fields(A& a, typename A::template As<CallMessage>& v) {
    a(v.id, v.name, v.argument);
}
template <class A>
void fields(A& a, typename A::template As<Configured>& v) {
    a(v.digest, v.boot);
}
template <class A>
void fields(A& a, typename A::template As<RecipientTexts>& v) {
    a(v.operations, v.bodies, v.secrets);
}
template <class A>
void fields(A& a, typename A::template As<HelloMessage>& v) {
    a(v.error, v.next_part, v.segments, v.frames, v.bytes, v.parts_interrupted,
      v.operations_unknown, v.gaps, v.may_go_on);
}
template <class A>
void fields(A& a, typename A::template As<ToldMessage>& v) {
    a(v.id, v.error, v.mac);
}
template <class A>
void fields(A& a, typename A::template As<ReturnedMessage>& v) {
    a(v.id, v.error, v.value);
}
template <class A>
void fields(A& a, typename A::template As<journal::LaneCounters>& v) {
    a(v.frames, v.batches, v.syncs, v.bytes_written, v.faults, v.room_bytes, v.left_normal,
      v.left_closing, v.sync_us, v.sync_us_sum);
}
template <class A>
void fields(A& a, typename A::template As<AnchorState>& v) {
    a(v.name, v.kind, v.age_ns, v.size, v.trouble, v.contradicts);
}
template <class A>
void fields(A& a, typename A::template As<evidence::AlarmEntry>& v) {
    a(v.what, v.why, v.over);
}
template <class A>
void fields(A& a, typename A::template As<evidence::HoldEntry>& v) {
    a(v.released, v.session, v.reason, v.vkey, v.at, v.signature);
}
template <class A>
void fields(A& a, typename A::template As<ShredMessage>& v) {
    a(v.session, v.key, v.by);
}
template <class A>
void fields(A& a, typename A::template As<RetentionTexts>& v) {
    a(v.least_ns, v.officers);
}
template <class A>
void fields(A& a, typename A::template As<ArchiveState>& v) {
    a(v.store, v.backlog.segments, v.backlog.bytes, v.backlog.oldest, v.backlog.removed,
      v.backlog.log_size, v.age_ns, v.trouble, v.held_back_by);
}
template <class A>
void fields(A& a, typename A::template As<Status>& v) {
    a(v.journal.condition, v.journal.why, v.can_open_session, v.counters.control, v.counters.bulk,
      v.counters.queued_frames, v.counters.queued_bytes, v.log_size, v.log_trouble,
      v.no_new_sessions, v.refuses_operations, v.clock_jumps, v.anchors, v.anchored_age_ns,
      v.alarms, v.archive);
}
template <class A>
void fields(A& a, typename A::template As<StatusMessage>& v) {
    a(v.received, v.status, v.alarms);
}

namespace {

using MessageWriter = codec::Writer<RecorderPeers>;
using MessageReader = codec::Reader<RecorderPeers>;
using model::RecordKind;

auto malformed(const char* what) {
    return fail(ErrorCode::invalid, std::string("a message to or from the recorder ") + what);
}

template <class M>
Bytes encode_numbered(const M& message) {
    MessageWriter writer;
    writer(M::kNumber, message);
    return writer.take();
}
template <class M>
Bytes encode_argument(const M& message) {
    MessageWriter writer;
    writer(message);
    return writer.take();
}
template <class M>
Result<M> read_one(ByteView bytes) {
    MessageReader reader(bytes);
    M message{};
    reader(message);
    if (!reader.held()) {
        return malformed("is malformed");
    }
    return message;
}

/// Reads the alternative whose number stands first.
template <class V, std::size_t I = 0>
Result<V> read_any(ByteView bytes) {
    if constexpr (I == std::variant_size_v<V>) {
        return malformed("is of no kind there is");
    } else {
        using M = std::variant_alternative_t<I, V>;
        if (bytes.empty() || bytes[0] != M::kNumber) {
            return read_any<V, I + 1>(bytes);
        }
        NARROWS_TRY(M message, read_one<M>(bytes.subspan(1)));
        return V(std::move(message));
    }
}

constexpr std::uint8_t kFlags =
    journal::kFlagAllowed | journal::kFlagContinues | journal::kFlagResponse;

/// Empty: all is well.
const char* why_invalid(const AppendMessage& message) {
    const auto kind = model::record_kind(message.kind);
    const bool durable = message.await == journal::Await::durable;
    if (!kind || (message.flags & ~kFlags) != 0 || message.payload.size() > journal::kPayloadMax) {
        return "is no record";
    }
    if ((message.id == 0) != (message.await == journal::Await::none)) {
        return "awaits something without a name, or has a name and awaits nothing";
    }
    if (message.request &&
        !(durable && *kind == RecordKind::intent && message.flags == journal::kFlagAllowed)) {
        return "asks for the receipt of a request for what is no durable INTENT that allows";
    }
    if (message.challenge &&
        !(durable && (*kind == RecordKind::notice || *kind == RecordKind::credential))) {
        return "asks for the receipt of a record that gets none";
    }
    return message.request && message.challenge ? "asks for two receipts" : "";
}

const char* why_invalid(const FromGateway& message) {
    if (const auto* append = std::get_if<AppendMessage>(&message)) {
        const bool first = append->sequence == 0 || append->part == 0;
        return first ? "is the first of no part" : why_invalid(*append);
    }
    if (const auto* begin = std::get_if<BeginMessage>(&message)) {
        const AppendMessage& open = begin->open;
        const bool is_open = open.sequence == 0 && open.part != 0 && open.lane == journal::Lane{} &&
                             open.kind == static_cast<std::uint8_t>(RecordKind::open);
        return is_open && begin->id != 0 ? why_invalid(open) : "does not begin a part";
    }
    const auto* sync = std::get_if<SyncMessage>(&message);
    return sync != nullptr && sync->id == 0 ? "syncs for nobody" : "";
}

}  // namespace

journal::Subject AppendMessage::subject() const {
    journal::Subject subject(*model::record_kind(kind), model::Sequence(op), flags);
    if (request) {
        subject.attest = *request;
    } else if (challenge) {
        subject.attest = *challenge;
    }
    return subject;
}

Bytes encode(const FromGateway& message) {
    return std::visit([](const auto& each) { return encode_numbered(each); }, message);
}
Bytes encode_up_to_payload(AppendMessage message) {
    const auto size = static_cast<std::uint32_t>(message.payload.size());
    message.payload = {};
    Bytes bytes = encode_numbered(message);
    store_le(bytes.data() + bytes.size() - sizeof(size), size);  // the length stands last
    return bytes;
}
Bytes encode(const FromRecorder& message) {
    return std::visit([](const auto& each) { return encode_numbered(each); }, message);
}

Result<FromGateway> decode_from_gateway(ByteView bytes) {
    NARROWS_TRY(FromGateway message, read_any<FromGateway>(bytes));
    const char* why = why_invalid(message);
    if (*why != '\0') {
        return malformed(why);
    }
    return message;
}
Result<FromRecorder> decode_from_recorder(ByteView bytes) {
    return read_any<FromRecorder>(bytes);
}

Bytes encode(const Configured& argument) {
    return encode_argument(argument);
}
Bytes encode(const RecipientTexts& argument) {
    return encode_argument(argument);
}
Bytes encode(const evidence::HoldEntry& argument) {
    return encode_argument(argument);
}
Bytes encode(const ShredMessage& argument) {
    return encode_argument(argument);
}
Bytes encode(const RetentionTexts& argument) {
    return encode_argument(argument);
}
Result<evidence::HoldEntry> decode_hold(ByteView bytes) {
    return read_one<evidence::HoldEntry>(bytes);
}
Result<ShredMessage> decode_shred(ByteView bytes) {
    return read_one<ShredMessage>(bytes);
}
Result<RetentionTexts> decode_retention(ByteView bytes) {
    return read_one<RetentionTexts>(bytes);
}
Result<Configured> decode_configured(ByteView bytes) {
    return read_one<Configured>(bytes);
}
Result<RecipientTexts> decode_recipients(ByteView bytes) {
    return read_one<RecipientTexts>(bytes);
}

HelloMessage hello(const Found& found) {
    HelloMessage hello;
    hello.next_part = found.next_part.value();
    hello.segments = found.segments;
    hello.frames = found.frames;
    hello.bytes = found.bytes;
    hello.parts_interrupted = found.parts_interrupted;
    hello.operations_unknown = found.operations_unknown;
    hello.gaps = codec::cbor_encode(codec::Value(found.gaps));
    for (auto part = found.may_go_on.rbegin(); part != found.may_go_on.rend(); ++part) {
        if (hello.may_go_on.size() == HelloMessage::kMayGoOnMax) {
            break;
        }
        hello.may_go_on.push_back(part->value());
    }
    return hello;
}
HelloMessage hello(const Error& error) {
    HelloMessage hello;
    hello.error = error;
    return hello;
}

Result<Found> found_of(const HelloMessage& hello) {
    NARROWS_TRY(codec::Value gaps, codec::cbor_decode(hello.gaps));
    codec::List* list = gaps.as<codec::List>();
    if (list == nullptr) {
        return malformed("has gaps that are no list");
    }
    Found found;
    found.next_part = model::PartNo(hello.next_part);
    found.segments = hello.segments;
    found.frames = hello.frames;
    found.bytes = hello.bytes;
    found.parts_interrupted = hello.parts_interrupted;
    found.operations_unknown = hello.operations_unknown;
    found.gaps = std::move(*list);
    for (const std::uint64_t part : hello.may_go_on) {
        found.may_go_on.insert(model::PartNo(part));
    }
    return found;
}

Result<ShredRequest> ShredMessage::request() const {
    ShredRequest request{session, std::nullopt, by};
    if (key && *key >= journal::kKeyClasses.size()) {
        return malformed("names a key class that there is not");
    }
    if (key) {
        request.key = journal::kKeyClasses.at(*key);
    }
    return request;
}

Result<Retention> RetentionTexts::retention() const {
    Retention retention;
    if (least_ns.size() != retention.least_ns.size()) {
        return malformed("has other key classes than there are");
    }
    for (std::size_t i = 0; i < least_ns.size(); ++i) {
        retention.least_ns.at(i) = static_cast<std::int64_t>(least_ns[i]);
    }
    for (const std::string& officer : officers) {
        NARROWS_TRY(evidence::VerifierKey key, evidence::parse_vkey(officer));
        retention.officers.push_back(std::move(key));
    }
    return retention;
}

RetentionTexts texts_of(const Retention& retention) {
    RetentionTexts texts;
    for (const std::int64_t least : retention.least_ns) {
        texts.least_ns.push_back(static_cast<std::uint64_t>(least));
    }
    for (const evidence::VerifierKey& officer : retention.officers) {
        texts.officers.push_back(evidence::vkey_text(officer));
    }
    return texts;
}

RecipientTexts texts_of(const evidence::Recipients& recipients) {
    const auto texts = [](const std::vector<crypto::AgeRecipient>& all) {
        std::vector<std::string> texts;
        texts.reserve(all.size());
        for (const crypto::AgeRecipient& each : all) {
            texts.push_back(each.text());
        }
        return texts;
    };
    return {texts(recipients.operations), texts(recipients.bodies), texts(recipients.secrets)};
}

Result<evidence::Recipients> recipients_of(const RecipientTexts& texts) {
    evidence::Recipients recipients;
    const auto parse = [](const std::vector<std::string>& all,
                          std::vector<crypto::AgeRecipient>& to) -> Result<void> {
        for (const std::string& text : all) {
            NARROWS_TRY(const crypto::AgeRecipient recipient, crypto::parse_recipient(text));
            to.push_back(recipient);
        }
        return ok();
    };
    NARROWS_TRY(parse(texts.operations, recipients.operations));
    NARROWS_TRY(parse(texts.bodies, recipients.bodies));
    NARROWS_TRY(parse(texts.secrets, recipients.secrets));
    return recipients;
}

}  // namespace narrows::recorder
