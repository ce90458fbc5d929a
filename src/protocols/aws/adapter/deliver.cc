#include <array>

#include "codec/text.h"
#include "protocols/aws/adapter/event_flow.h"
#include "protocols/aws/adapter/exchange.h"
#include "protocols/aws/adapter/queue_urls.h"
#include "protocols/aws/adapter/swap.h"
#include "protocols/aws/decode/leaks.h"
#include "protocols/aws/decode/withhold.h"

namespace narrows::aws {

using recording::Await;
using recording::Direction;
using recording::RecordKind;

/// What is known of the answer so far.
struct Exchange::Delivery {
    http::ResponseHead head;  ///< as AWS sent it
    http::ResponseHead for_agent;
    http::Headers for_record;
    std::uint64_t index = 0;
    std::uint64_t bytes = 0;                       ///< on record
    std::optional<std::uint64_t> bytes_delivered;  ///< where values were withheld from the record
    crypto::Hasher hasher;
    std::vector<std::string> withheld;
    std::optional<crypto::Digest> sha256_delivered;  ///< where another answer than AWS's was
    std::string rewritten = "queue URLs: the agent's endpoint in place of AWS's";
    bool headed = false;              ///< the agent has the head
    std::optional<EventFlow> events;  ///< if it is an event stream
    std::uint64_t passed = 0;         ///< bytes of it that the agent has
    LeakScan leaks;                   ///< of what is on record

    /// What of a stretch may pass; why the answer ends here, if it does.
    EventFlow::Stretch take(const Result<ByteView>& part, bool is_end) {
        EventFlow::Stretch stretch{part.has_value() ? part.value() : ByteView(), ""};
        if (events) {
            stretch = events->follow(stretch.bytes, is_end || !part.has_value());
        }
        if (!part.has_value()) {
            stretch.why = part.error().what;
        }
        return stretch;
    }
};

namespace {

constexpr std::array<std::string_view, 7> kHopByHop = {
    "connection",         "keep-alive", "transfer-encoding", "content-length", "upgrade",
    "proxy-authenticate", "trailer"};

/// Framing is made anew on each side; the length of an answer to HEAD is a statement, not framing.
http::ResponseHead head_for_agent(const http::ResponseHead& head, bool is_head) {
    http::ResponseHead out = head;
    for (const std::string_view name : kHopByHop) {
        if (!(is_head && name == "content-length")) {
            http::remove(out.headers, name);
        }
    }
    return out;
}

codec::List findings_of(const LeakScan& scan) {
    codec::List list;
    for (const Leak& leak : scan.leaks()) {
        codec::Map entry{{"kind", name_of(leak.kind)}, {"at", leak.at}};
        if (!leak.key_id.empty()) {
            entry.emplace("key_id", leak.key_id);
        }
        list.emplace_back(std::move(entry));
    }
    return list;
}

codec::List headers_value(const http::Headers& headers) {
    codec::List list;
    for (const codec::Pair& field : headers) {
        list.emplace_back(codec::List{field.name, field.value});
    }
    return list;
}

}  // namespace

net::Task<void> Exchange::deliver(session::Permit& permit, http::ClientExchange& upstream,
                                  const std::string& record) {
    upstream.expires_after(services_.limits.answer_max);
    Result<http::ResponseHead> head = co_await upstream.read_head(proof_.asked().method);
    if (!head.has_value()) {
        co_return co_await give_up(permit, head.error(), !upstream.unprocessed(), record);
    }
    Delivery delivery;
    delivery.head = std::move(head.value());
    delivery.for_agent = head_for_agent(delivery.head, proof_.asked().method == "HEAD");
    delivery.for_record = delivery.head.headers;
    const Operation entry = asked_.decoded.front().entry;
    const bool swapped = is_swapped(entry, delivery.head.status);
    const bool held =
        has_secret_outputs(entry) || names_queues(entry) || swapped || asked_.form != nullptr;
    Result<void> delivered = ok();
    if (held) {
        delivered = co_await deliver_withheld(permit, upstream, delivery);
    } else {
        delivered = co_await deliver_stream(permit, upstream, delivery);
    }
    if (swapped) {
        upstream.close();  // its buffer held the credentials; closed, it is not used again
    }
    if (!delivered.has_value()) {
        agent_.must_close();
        agent_.close();
        upstream.close();
    }
}

codec::Value Exchange::head_record(session::Permit& permit, const Delivery& delivery) {
    codec::Map fields;
    fields.emplace("op", permit.op().value());
    fields.emplace("status", delivery.head.status);
    fields.emplace("headers", headers_value(delivery.for_record));
    fields.emplace("aws_request_id", aws_request_id(delivery.head.headers));
    return recording::observed(std::move(fields));
}

bool Exchange::record_head(session::Permit& permit, const Delivery& delivery) {
    return permit.log().bulk_unawaited(RecordKind::head, head_record(permit, delivery));
}

/// RESULT; held when it returns. `why` empty: the answer is whole.
net::Task<Result<void>> Exchange::conclude(session::Permit& permit, Delivery& delivery,
                                           const std::string& why) {
    co_await end_events(permit);
    codec::Map fields;
    fields.emplace("outcome", why.empty() ? "answered" : "cut");
    fields.emplace("status", delivery.head.status);
    fields.emplace("aws_request_id", aws_request_id(delivery.head.headers));
    fields.emplace("bytes_request", bytes_request_);
    if (events_) {
        fields.emplace("events_request", events_->count.events());
    }
    if (!asked_.body.kept.empty() || asked_.body.other) {
        fields.emplace("bytes_sent", std::uint64_t{body_for_aws().size()});
    }
    if (asked_.body.other) {
        fields.emplace("sha256_sent", codec::hex(crypto::sha256(*asked_.body.other)));
    }
    if (asked_.body.streamed) {
        fields.emplace("request_integrity", integrity_);
    }
    fields.emplace("bytes_response", delivery.bytes);
    fields.emplace("sha256_response", codec::hex(delivery.hasher.finish()));
    fields.emplace("duration_ns", services_.clock.mono() - began_);
    if (!why.empty()) {
        fields.emplace("why", why);
    }
    if (delivery.events) {
        fields.emplace("events", delivery.events->count().events());
        const std::string& exception = delivery.events->count().exception();
        if (!exception.empty()) {
            fields.emplace("exception", exception);
        }
        if (!why.empty()) {
            delivery.bytes_delivered = delivery.passed;
        }
    }
    codec::List withheld(delivery.withheld.begin(), delivery.withheld.end());
    if (delivery.bytes_delivered) {
        fields.emplace("bytes_delivered", *delivery.bytes_delivered);
    }
    if (delivery.sha256_delivered) {
        fields.emplace("rewritten", delivery.rewritten);
        fields.emplace("sha256_delivered", codec::hex(*delivery.sha256_delivered));
    }
    if (!withheld.empty()) {
        fields.emplace("withheld", std::move(withheld));
    }
    delivery.leaks.finish();
    if (delivery.leaks.total() > 0) {
        services_.findings += delivery.leaks.total();
        asked_.caller.session->add_findings(delivery.leaks.total());
        fields.emplace("findings", findings_of(delivery.leaks));
        fields.emplace("findings_total", delivery.leaks.total());
    }
    co_return co_await permit.result(std::move(fields), services_.result_await);
}

/// In endpoint mode queues stand behind the endpoint that the agent used; AWS's own URLs are on
/// record.
void Exchange::name_queues_for_agent(Delivery& delivery, Bytes& body) const {
    const bool named = names_queues(asked_.decoded.front().entry) && delivery.head.status == 200;
    if (!named || arrival_.mode != "endpoint") {
        return;
    }
    const std::string origin = (arrival_.secure ? "https://" : "http://") +
                               std::string(http::header(proof_.asked().headers, "host"));
    std::optional<Bytes> renamed = with_queues_at(asked_.recognition.protocol, body, origin);
    if (renamed && *renamed != body) {
        body = *std::move(renamed);
        delivery.sha256_delivered = crypto::sha256(body);
    }
}

/// The agent posted a form, AWS was sent a PutObject: its own answer is on record.
void Exchange::answer_as_form(Delivery& delivery, Bytes& body) const {
    const Result<std::string> bucket = bucket_of_form(proof_.received(), asked_.named.bucket);
    if (asked_.form == nullptr || delivery.head.status != 200 || !bucket.has_value()) {
        return;
    }
    const std::string url = (arrival_.secure ? "https://" : "http://") +
                            std::string(http::header(proof_.asked().headers, "host")) +
                            proof_.asked().target;
    Answer answer =
        answer_form(*asked_.form, bucket.value(), url, {200, delivery.for_agent.headers});
    delivery.for_agent = {answer.status, std::move(answer.headers)};
    body = to_bytes(answer.body);
    delivery.rewritten = "S3's answer to a form";
    delivery.sha256_delivered = crypto::sha256(body);
}

/// Answers of which record and agent get two versions: whole in memory. On record without secret
/// values, for the agent with its own endpoint in queue URLs.
net::Task<Result<void>> Exchange::deliver_withheld(session::Permit& permit,
                                                   http::ClientExchange& upstream,
                                                   Delivery& delivery) {
    Bytes body;
    std::string why;
    while (!upstream.body_done() && why.empty()) {
        const Result<ByteView> part = co_await upstream.read_body();
        if (!part.has_value()) {
            why = part.error().what;
        } else if (body.size() + part.value().size() > services_.limits.secret_answer_max) {
            why = "an answer with secret values is larger than may be held";
        } else {
            append(body, part.value());
        }
    }
    const Operation entry = asked_.entry();
    Recordable kept = withhold_outputs(entry, asked_.recognition.protocol, delivery.head, body,
                                       services_.commitment_key);
    if (is_swapped(entry, delivery.head.status)) {
        kept.secrets.clear();
    }
    if (is_swapped(entry, delivery.head.status) && why.empty()) {
        const Result<void> done = co_await swap_credentials(services_, asked_, permit, body, kept);
        if (done.has_value()) {
            delivery.rewritten = "credentials: the gateway's in place of AWS's";
            delivery.sha256_delivered = crypto::sha256(body);
        } else {
            why = done.error().what;
        }
    }
    delivery.for_record = std::move(kept.headers);
    delivery.withheld = std::move(kept.withheld);
    if (!record_head(permit, delivery) || !permit.spend(body.size()) ||
        !record_secrets(permit, Direction::response, std::move(kept.secrets))) {
        co_return fail(ErrorCode::unavailable, "the answer cannot be recorded");
    }
    const ByteView recorded(kept.body);
    if (!recorded.empty()) {
        const Result<void> held =
            co_await permit.log().body(permit.op(), Direction::response, 0, recorded, Await::held);
        if (!held.has_value()) {
            co_return fail(held.error());
        }
    }
    name_queues_for_agent(delivery, body);
    answer_as_form(delivery, body);
    delivery.bytes = recorded.size();
    delivery.bytes_delivered = body.size();
    delivery.hasher.update(recorded);
    if (!is_swapped(entry, delivery.head.status)) {
        delivery.leaks.push(recorded);
    }
    const Result<void> concluded = co_await conclude(permit, delivery, why);
    if (!concluded.has_value() || !why.empty()) {
        co_return fail(ErrorCode::closed, why);
    }
    agent_.expires_after(services_.limits.idle_max);
    co_return co_await agent_.write_message(delivery.for_agent, body,
                                            proof_.asked().method == "HEAD");
}

/// BODY of one stretch. The last one rides with RESULT, which waits for both: one lane, in order.
net::Task<Result<void>> Exchange::record_stretch(session::Permit& permit, Delivery& delivery,
                                                 ByteView bytes, bool is_last) {
    if (bytes.empty()) {
        co_return ok();
    }
    delivery.bytes += bytes.size();
    delivery.hasher.update(bytes);
    delivery.leaks.push(bytes);
    const std::uint64_t index = delivery.index;
    delivery.index += recording::body_parts(bytes.size());
    const Await await = is_last ? Await::none : services_.result_await;
    co_return co_await permit.log().body(permit.op(), Direction::response, index, bytes, await);
}

/// Records each stretch, then delivers it. The last stretch leaves after RESULT is held. If the
/// agent takes no more, what came of the answer is its outcome.
net::Task<Result<void>> Exchange::deliver_stream(session::Permit& permit,
                                                 http::ClientExchange& upstream,
                                                 Delivery& delivery) {
    if (delivery.head.status == 200 && is_event_stream(delivery.head.headers)) {
        const Result<void> begun = co_await begin_events(permit, upstream, delivery);
        if (!begun.has_value() && delivery.headed) {
            (void)co_await conclude(permit, delivery, cause(begun.error().what));
        }
        if (!begun.has_value()) {
            co_return begun;
        }
    } else if (!record_head(permit, delivery)) {
        co_return fail(ErrorCode::unavailable, "the journal refuses to record the answer");
    }
    while (true) {
        upstream.expires_after(services_.limits.idle_max);
        const Result<ByteView> part = co_await upstream.read_body();
        auto [bytes, why] = delivery.take(part, upstream.body_done());
        why = why.empty() ? why : cause(why);
        const bool within = permit.spend(bytes.size());
        if (why.empty() && !within) {
            why = "the connection's budget of bytes is used up";
        }
        const bool is_last = !why.empty() || upstream.body_done();
        const Result<void> held = co_await record_stretch(permit, delivery, bytes, is_last);
        if (!held.has_value()) {
            co_return fail(held.error());
        }
        if (is_last) {
            const Result<void> concluded = co_await conclude(permit, delivery, why);
            if (!concluded.has_value() || !why.empty()) {
                co_return fail(ErrorCode::closed, why);
            }
        }
        const Result<void> passed = co_await pass_on(upstream, delivery, bytes, is_last);
        agent_.expires_after(net::Millis(0));
        if (!passed.has_value() && !is_last) {
            (void)co_await conclude(permit, delivery, cause(passed.error().what));
        }
        if (!passed.has_value() || is_last) {
            co_return passed;
        }
    }
}

/// The head of an event stream does not wait for the first event, which may be long in coming.
net::Task<Result<void>> Exchange::begin_events(session::Permit& permit,
                                               http::ClientExchange& upstream, Delivery& delivery) {
    delivery.events.emplace();
    const codec::Value record = head_record(permit, delivery);
    const Result<void> held =
        co_await permit.log().bulk(RecordKind::head, record, services_.result_await);
    if (!held.has_value()) {
        co_return held;
    }
    agent_.expires_after(services_.limits.idle_max);
    co_return co_await write_head(upstream, delivery);
}

net::Task<Result<void>> Exchange::write_head(http::ClientExchange& upstream, Delivery& delivery) {
    const auto length = upstream.content_length();
    const http::Framing framing = length ? http::Framing::sized(*length) : http::Framing::chunked();
    delivery.headed = true;
    co_return co_await agent_.write_head(delivery.for_agent, framing);
}

/// Writes one recorded stretch to the agent, with the head before the first.
net::Task<Result<void>> Exchange::pass_on(http::ClientExchange& upstream, Delivery& delivery,
                                          ByteView bytes, bool is_last) {
    agent_.expires_after(services_.limits.idle_max);
    if (is_last && !delivery.headed) {
        co_return co_await agent_.write_message(delivery.for_agent, bytes,
                                                proof_.asked().method == "HEAD");
    }
    if (!delivery.headed) {
        const Result<void> headed = co_await write_head(upstream, delivery);
        if (!headed.has_value()) {
            co_return headed;
        }
    }
    const Result<void> written = co_await agent_.write_body(bytes);
    delivery.passed += written.has_value() ? bytes.size() : 0;
    if (!written.has_value() || !is_last) {
        co_return written;
    }
    co_return co_await agent_.finish_body();
}

}  // namespace narrows::aws
