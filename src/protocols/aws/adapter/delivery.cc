#include "protocols/aws/adapter/delivery.h"

#include <array>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/adapter/own_answer.h"
#include "protocols/aws/adapter/post_object.h"
#include "protocols/aws/adapter/queue_urls.h"
#include "protocols/aws/adapter/secrets_record.h"
#include "protocols/aws/adapter/swap.h"

namespace narrows::aws {

using recording::Await;
using recording::Direction;
using recording::RecordKind;

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

/// Where the agent reached the gateway.
std::string origin_for_agent(const Passage& of) {
    return (of.arrival.secure ? "https://" : "http://") +
           std::string(http::header(of.head().headers, "host"));
}

}  // namespace

net::Task<Result<void>> Delivery::run() {
    upstream_.expires_after(of_.services.limits.answer_max);
    Result<http::ResponseHead> head = co_await upstream_.read_head(of_.head().method);
    if (!head.has_value()) {
        co_return fail(head.error());
    }
    head_ = std::move(head.value());
    for_agent_ = head_for_agent(head_, of_.head().method == "HEAD");
    for_record_ = head_.headers;
    swapped_ = is_swapped(of_.asked.entry(), head_.status);
    Result<void> delivered = ok();
    if (is_held_whole()) {
        delivered = co_await deliver_whole();
    } else {
        delivered = co_await deliver_stream();
    }
    if (swapped_) {
        upstream_.close();  // its buffer held the credentials; closed, it is not used again
    }
    if (!delivered.has_value()) {
        of_.agent.must_close();
        of_.agent.close();
        upstream_.close();
    }
    co_return ok();
}

bool Delivery::is_held_whole() const {
    const Operation entry = of_.asked.entry();
    return has_secret_outputs(entry) || names_queues(entry) || swapped_ ||
           of_.asked.form != nullptr;
}

codec::Value Delivery::head_record() const {
    codec::Map fields;
    fields.emplace("op", of_.permit.op().value());
    fields.emplace("status", head_.status);
    fields.emplace("headers", headers_value(for_record_));
    fields.emplace("aws_request_id", aws_request_id(head_.headers));
    return recording::observed(std::move(fields));
}

bool Delivery::record_head() {
    return of_.permit.log().bulk_unawaited(RecordKind::head, head_record());
}

/// RESULT; held when it returns. `why` empty: the answer is whole.
net::Task<Result<void>> Delivery::conclude(const std::string& why) {
    if (events_ != nullptr) {
        co_await events_->end();
    }
    codec::Map fields = std::move(request_);
    fields.emplace("outcome", why.empty() ? "answered" : "cut");
    fields.emplace("status", head_.status);
    fields.emplace("aws_request_id", aws_request_id(head_.headers));
    fields.emplace("bytes_response", bytes_);
    fields.emplace("sha256_response", codec::hex(hasher_.finish()));
    fields.emplace("duration_ns", of_.services.clock.mono() - of_.began);
    if (!why.empty()) {
        fields.emplace("why", why);
    }
    if (flow_ && !why.empty()) {
        bytes_delivered_ = passed_;
    }
    if (bytes_delivered_) {
        fields.emplace("bytes_delivered", *bytes_delivered_);
    }
    if (sha256_delivered_) {
        fields.emplace("rewritten", rewritten_);
        fields.emplace("sha256_delivered", codec::hex(*sha256_delivered_));
    }
    if (!withheld_.empty()) {
        fields.emplace("withheld", codec::List(withheld_.begin(), withheld_.end()));
    }
    tell_of_events(fields);
    tell_of_findings(fields);
    co_return co_await of_.permit.result(std::move(fields), of_.services.result_await);
}

void Delivery::tell_of_events(codec::Map& fields) const {
    if (events_ != nullptr) {
        fields.emplace("bytes_request", events_->bytes());
        fields.emplace("events_request", events_->events());
    }
    if (flow_) {
        fields.emplace("events", flow_->count().events());
        const std::string& exception = flow_->count().exception();
        if (!exception.empty()) {
            fields.emplace("exception", exception);
        }
    }
}

void Delivery::tell_of_findings(codec::Map& fields) {
    leaks_.finish();
    if (leaks_.total() > 0) {
        of_.services.findings += leaks_.total();
        of_.permit.session().add_findings(leaks_.total());
        fields.emplace("findings", findings_of(leaks_));
        fields.emplace("findings_total", leaks_.total());
    }
}

/// In endpoint mode queues stand behind the endpoint that the agent used; AWS's own URLs are on
/// record.
void Delivery::name_queues_for_agent(Bytes& body) {
    const bool named = names_queues(of_.asked.entry()) && head_.status == 200;
    if (!named || of_.arrival.mode != "endpoint") {
        return;
    }
    std::optional<Bytes> renamed =
        with_queues_at(of_.asked.recognition.protocol, body, origin_for_agent(of_));
    if (renamed && *renamed != body) {
        body = *std::move(renamed);
        sha256_delivered_ = crypto::sha256(body);
    }
}

/// The agent posted a form, AWS was sent a PutObject: its own answer is on record.
void Delivery::answer_as_form(Bytes& body) {
    if (of_.asked.form == nullptr || head_.status != 200) {
        return;
    }
    const Result<std::string> bucket = bucket_of_form(of_.proof.received(), of_.asked.named.bucket);
    if (!bucket.has_value()) {
        return;
    }
    const std::string url = origin_for_agent(of_) + of_.head().target;
    Answer answer = answer_form(*of_.asked.form, bucket.value(), url, {200, for_agent_.headers});
    for_agent_ = {answer.status, std::move(answer.headers)};
    body = to_bytes(answer.body);
    rewritten_ = "S3's answer to a form";
    sha256_delivered_ = crypto::sha256(body);
}

/// Answers of which record and agent get two versions: whole in memory. On record without secret
/// values, for the agent with its own endpoint in queue URLs.
net::Task<Result<void>> Delivery::deliver_whole() {
    Bytes body;
    std::string why = co_await read_whole(body);
    Recordable kept = withhold_outputs(of_.asked.entry(), of_.asked.recognition.protocol, head_,
                                       body, of_.services.commitment_key);
    if (swapped_) {
        kept.secrets.clear();
    }
    const bool came_whole = why.empty();
    if (swapped_ && came_whole) {
        const Result<void> done =
            co_await swap_credentials(of_.services, of_.asked, of_.permit, body, kept);
        if (done.has_value()) {
            rewritten_ = "credentials: the gateway's in place of AWS's";
            sha256_delivered_ = crypto::sha256(body);
        } else {
            why = done.error().what;
        }
    }
    const Result<void> recorded = co_await record_whole(std::move(kept), body.size());
    if (!recorded.has_value()) {
        co_return recorded;
    }
    if (why.empty()) {
        name_queues_for_agent(body);
        answer_as_form(body);
    }
    bytes_delivered_ = why.empty() ? body.size() : 0;
    const Result<void> concluded = co_await conclude(why);
    if (concluded.has_value() && came_whole && !why.empty()) {
        co_return co_await tell_withheld(why);
    }
    if (!concluded.has_value() || !why.empty()) {
        co_return fail(ErrorCode::closed, why);
    }
    of_.agent.expires_after(of_.services.limits.idle_max);
    co_return co_await of_.agent.write_message(for_agent_, body, of_.head().method == "HEAD");
}

/// In place of an answer that may not leave. Not to be asked for again: AWS would do it again.
net::Task<Result<void>> Delivery::tell_withheld(const std::string& why) {
    Refusal refusal{"",
                    fmt::format("AWS has done it, but its answer is withheld [Narrows {}]: {}",
                                of_.record, why),
                    of_.record,
                    {},
                    403};
    of_.agent.must_close();
    const Style style = style_for(of_.proof, of_.asked);
    co_await answer_error(of_.agent, of_.services, style, std::move(refusal));
    co_return ok();
}

/// Into `body`, as far as it comes; why it is not whole, or empty.
net::Task<std::string> Delivery::read_whole(Bytes& body) {
    while (!upstream_.body_done()) {
        const Result<ByteView> part = co_await upstream_.read_body();
        if (!part.has_value()) {
            co_return part.error().what;
        }
        if (body.size() + part.value().size() > of_.services.limits.secret_answer_max) {
            co_return "an answer with secret values is larger than may be held";
        }
        append(body, part.value());
    }
    co_return std::string();
}

/// HEAD, SECRETS and BODY of an answer of `size` bytes.
net::Task<Result<void>> Delivery::record_whole(Recordable kept, std::uint64_t size) {
    for_record_ = std::move(kept.headers);
    withheld_ = std::move(kept.withheld);
    if (!record_head() || !of_.permit.spend(size) ||
        !record_secrets(of_.permit, Direction::response, std::move(kept.secrets),
                        of_.services.commitment_key)) {
        co_return fail(ErrorCode::unavailable, "the answer cannot be recorded");
    }
    bytes_ = kept.body.size();
    hasher_.update(kept.body);
    if (!swapped_) {
        leaks_.push(kept.body);
    }
    if (kept.body.empty()) {
        co_return ok();
    }
    co_return co_await of_.permit.log().body(of_.permit.op(), Direction::response, 0, kept.body,
                                             Await::held);
}

/// Records each stretch, then delivers it. The last stretch leaves after RESULT is held. If the
/// agent takes no more, what came of the answer is its outcome.
net::Task<Result<void>> Delivery::deliver_stream() {
    const Result<void> begun = co_await begin_stream();
    if (!begun.has_value()) {
        co_return begun;
    }
    while (true) {
        // A model may think, a function may work before it goes on; giving up is the client's.
        upstream_.expires_after(of_.services.limits.answer_max);
        const Result<ByteView> part = co_await upstream_.read_body();
        const auto [bytes, why] = take(part);
        const bool is_last = !why.empty() || upstream_.body_done();
        const Result<void> held = co_await record_stretch(bytes, is_last);
        if (!held.has_value()) {
            co_return held;
        }
        if (is_last) {
            const Result<void> concluded = co_await conclude(why);
            if (!concluded.has_value() || !why.empty()) {
                co_return fail(ErrorCode::closed, why);
            }
        }
        const Result<void> passed = co_await pass_on(bytes, is_last);
        of_.agent.expires_after(net::Millis(0));
        if (!passed.has_value() && !is_last) {
            (void)co_await conclude(cause(passed.error().what));
        }
        if (!passed.has_value() || is_last) {
            co_return passed;
        }
    }
}

net::Task<Result<void>> Delivery::begin_stream() {
    // An object of this type is no stream of the service's: its bytes are whatever was stored.
    const bool streams_events = head_.status == 200 && of_.asked.entry().event_stream_output() &&
                                is_event_stream(head_.headers);
    if (!streams_events && !record_head()) {
        co_return fail(ErrorCode::unavailable, "the journal refuses to record the answer");
    }
    if (!streams_events) {
        co_return ok();
    }
    const Result<void> begun = co_await begin_events();
    if (!begun.has_value() && headed_) {
        (void)co_await conclude(cause(begun.error().what));
    }
    co_return begun;
}

/// The head of an event stream does not wait for the first event, which may be long in coming.
net::Task<Result<void>> Delivery::begin_events() {
    flow_.emplace();
    const codec::Value record = head_record();
    const Result<void> held =
        co_await of_.permit.log().bulk(RecordKind::head, record, of_.services.result_await);
    if (!held.has_value()) {
        co_return held;
    }
    of_.agent.expires_after(of_.services.limits.idle_max);
    const Result<void> headed = co_await write_head();
    if (events_ == nullptr) {
        of_.agent.expires_after(net::Millis(0));
    }
    co_return headed;
}

/// What of a stretch may pass; why the answer ends here, if it does.
EventFlow::Stretch Delivery::take(const Result<ByteView>& part) {
    EventFlow::Stretch stretch{part.has_value() ? part.value() : ByteView(), ""};
    if (flow_) {
        stretch = flow_->follow(stretch.bytes, upstream_.body_done() || !part.has_value());
    }
    if (!part.has_value()) {
        stretch.why = part.error().what;
    }
    if (!stretch.why.empty()) {
        stretch.why = cause(stretch.why);
    }
    if (!of_.permit.spend(stretch.bytes.size()) && stretch.why.empty()) {
        stretch.why = "the connection's budget of bytes is used up";
    }
    return stretch;
}

/// BODY of one stretch. The last one rides with RESULT, which waits for both: one lane, in order.
net::Task<Result<void>> Delivery::record_stretch(ByteView bytes, bool is_last) {
    if (bytes.empty()) {
        co_return ok();
    }
    bytes_ += bytes.size();
    hasher_.update(bytes);
    leaks_.push(bytes);
    const std::uint64_t index = index_;
    index_ += recording::body_parts(bytes.size());
    const Await await = is_last ? Await::none : of_.services.result_await;
    co_return co_await of_.permit.log().body(of_.permit.op(), Direction::response, index, bytes,
                                             await);
}

net::Task<Result<void>> Delivery::write_head() {
    const auto length = upstream_.content_length();
    const http::Framing framing = length ? http::Framing::sized(*length) : http::Framing::chunked();
    headed_ = true;
    co_return co_await of_.agent.write_head(for_agent_, framing);
}

/// Writes one recorded stretch to the agent, with the head before the first.
net::Task<Result<void>> Delivery::pass_on(ByteView bytes, bool is_last) {
    of_.agent.expires_after(of_.services.limits.idle_max);
    if (is_last && !headed_) {
        co_return co_await of_.agent.write_message(for_agent_, bytes, of_.head().method == "HEAD");
    }
    if (!headed_) {
        const Result<void> headed = co_await write_head();
        if (!headed.has_value()) {
            co_return headed;
        }
    }
    const Result<void> written = co_await of_.agent.write_body(bytes);
    passed_ += written.has_value() ? bytes.size() : 0;
    if (!written.has_value() || !is_last) {
        co_return written;
    }
    co_return co_await of_.agent.finish_body();
}

}  // namespace narrows::aws
