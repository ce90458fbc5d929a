#include "http/http2_session.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <malloc.h>
#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "base/secret.h"
#include "http/http2_head.h"

namespace narrows::http {

bool Allowance::spend(MonoNs now) {
    const double passed = static_cast<double>(now - since_) / kNsPerSecond;
    left_ = std::min(most_, left_ + passed * per_second_) - 1;
    since_ = now;
    return left_ >= 0;
}
void Allowance::earn(double more) {
    left_ = std::min(most_, left_ + more);
}

namespace {

using Id = Http2Session::Id;

/// A head that is refused for its size is read on up to so many times that size.
constexpr std::size_t kOversizeMax = 4;
/// CONTINUATION frames of a head beyond those that its size needs.
constexpr std::size_t kContinuationsSpare = 8;
constexpr std::size_t kFrameBytes = 16 * 1024;
/// Frames that bring nothing (WINDOW_UPDATE, PING …) are due for those that bring something.
constexpr double kFramesPerData = 8;

/// nghttp2's memory is wiped as it goes, like ours (base/wiping_delete.cc).
void free_wiped(void* memory, void*) {
    if (memory != nullptr) {
        wipe(memory, malloc_usable_size(memory));
        std::free(memory);
    }
}
void* allocate(std::size_t size, void*) {
    return std::malloc(size);
}
void* allocate_zeros(std::size_t count, std::size_t size, void*) {
    return std::calloc(count, size);
}
void* reallocate(void* memory, std::size_t size, void*) {
    void* const moved = std::malloc(size);
    if (moved != nullptr && memory != nullptr) {
        std::memcpy(moved, memory, std::min(size, malloc_usable_size(memory)));
        free_wiped(memory, nullptr);
    }
    return moved;
}

/// Credentials shall not be kept by compressors on the way (RFC 7541 section 7.1.3).
bool is_sensitive(std::string_view name) {
    return name == "authorization" || name == "x-amz-security-token" || name == "cookie";
}

std::vector<nghttp2_nv> name_values(Headers& fields) {
    std::vector<nghttp2_nv> out;
    out.reserve(fields.size());
    for (codec::Pair& field : fields) {
        const std::uint8_t flags =
            is_sensitive(field.name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
        out.push_back({reinterpret_cast<std::uint8_t*>(field.name.data()),
                       reinterpret_cast<std::uint8_t*>(field.value.data()), field.name.size(),
                       field.value.size(), flags});
    }
    return out;
}

std::optional<std::uint64_t> length_of(const Headers& headers) {
    const std::string_view text = header(headers, "content-length");
    std::uint64_t length = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
    return !text.empty() && parsed.ec == std::errc() ? std::optional(length) : std::nullopt;
}

void add_length(Headers& fields, const Framing& framing) {
    if (framing.kind == Framing::Kind::length) {
        fields.push_back({"content-length", std::to_string(framing.length)});
    }
}

}  // namespace

/// What nghttp2 calls, and its session.
struct Http2Session::Glue {
    explicit Glue(Http2Session& owner);
    ~Glue() { nghttp2_session_del(session); }
    Glue(const Glue&) = delete;
    Glue& operator=(const Glue&) = delete;

    static Http2Session& of(void* user) { return *static_cast<Http2Session*>(user); }
    static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
        const bool ends = (head->flags & NGHTTP2_FLAG_END_STREAM) != 0;
        return of(user).charge(head->type, head->length == 0 && !ends);
    }
    static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return of(user).begin_block(frame->hd.stream_id,
                                    frame->headers.cat == NGHTTP2_HCAT_REQUEST);
    }
    static int header_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                            std::size_t name_size, const std::uint8_t* value,
                            std::size_t value_size, std::uint8_t, void* user) {
        return of(user).add_field(as_text(ByteView(name, name_size)),
                                  as_text(ByteView(value, value_size)));
    }
    static int frame_came(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (frame->hd.type == NGHTTP2_HEADERS) {
            of(user).end_block(ends);
        } else if (frame->hd.type == NGHTTP2_DATA && ends) {
            of(user).end_body(frame->hd.stream_id);
        } else if (frame->hd.type == NGHTTP2_GOAWAY) {
            of(user).going_ = true;
        }
        return 0;
    }
    static int data_came(nghttp2_session*, std::uint8_t, Id id, const std::uint8_t* data,
                         std::size_t size, void* user) {
        return of(user).take_body(id, ByteView(data, size));
    }
    static int frame_went(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_DATA) {
            of(user).frames_.earn(kFramesPerData);
        } else if (frame->hd.type == NGHTTP2_GOAWAY &&
                   frame->goaway.error_code != NGHTTP2_NO_ERROR) {
            of(user).broken_ = std::string("not well-formed HTTP/2: ") +
                               nghttp2_http2_strerror(frame->goaway.error_code);
        }
        return 0;
    }
    static int frame_stayed(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
        Stream* const stream = of(user).find(frame->hd.stream_id);
        if (frame->hd.type == NGHTTP2_HEADERS && stream != nullptr && !stream->failed) {
            stream->failed = {ErrorCode::unavailable, "the peer takes no more requests here"};
            stream->unprocessed = true;
            of(user).touch(frame->hd.stream_id);
        }
        return 0;
    }
    static int stream_closed(nghttp2_session*, Id id, std::uint32_t code, void* user) {
        of(user).close(id, code);
        return 0;
    }
    static ssize_t give_body(nghttp2_session*, Id id, std::uint8_t* into, std::size_t room,
                             std::uint32_t* flags, nghttp2_data_source*, void* user);

    nghttp2_session* session = nullptr;
};

namespace {

using Options = std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)>;
using Callbacks =
    std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>;

Options options_of(const Http2Bounds& bounds) {
    nghttp2_option* made = nullptr;
    NARROWS_CHECK(nghttp2_option_new(&made) == 0, "out of memory");
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_http_messaging(made, 1);  // http2_head.h is stricter, and says why
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(made, 0);
    nghttp2_option_set_max_continuations(
        made, bounds.header_bytes_max * kOversizeMax / kFrameBytes + kContinuationsSpare);
    return {made, &nghttp2_option_del};
}

void submit_settings(nghttp2_session* session, bool is_client, const Http2Bounds& bounds) {
    std::vector<nghttp2_settings_entry> entries = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, bounds.stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         static_cast<std::uint32_t>(bounds.header_bytes_max)}};
    if (is_client) {
        entries.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
    } else {
        entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, bounds.streams_max});
    }
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<std::int32_t>(bounds.connection_window));
}

}  // namespace

Http2Session::Glue::Glue(Http2Session& owner) {
    nghttp2_session_callbacks* made = nullptr;
    NARROWS_CHECK(nghttp2_session_callbacks_new(&made) == 0, "out of memory");
    const Callbacks callbacks(made, &nghttp2_session_callbacks_del);
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, &begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, &begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(made, &header_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, &frame_came);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, &data_came);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, &frame_went);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, &frame_stayed);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, &stream_closed);
    const Options options = options_of(owner.bounds_);
    nghttp2_mem memory = {nullptr, &allocate, &free_wiped, &allocate_zeros, &reallocate};
    const bool is_client = owner.side_ == Side::client;
    const auto create = is_client ? &nghttp2_session_client_new3 : &nghttp2_session_server_new3;
    NARROWS_CHECK(create(&session, made, &owner, options.get(), &memory) == 0, "out of memory");
    submit_settings(session, is_client, owner.bounds_);
}

ssize_t Http2Session::Glue::give_body(nghttp2_session*, Id id, std::uint8_t* into, std::size_t room,
                                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Stream* const stream = of(user).find(id);
    if (stream == nullptr || stream->failed) {
        return NGHTTP2_ERR_DEFERRED;  // its RST_STREAM is on the way
    }
    const std::size_t size = std::min(room, stream->sending.size());
    std::copy_n(stream->sending.data(), size, into);
    stream->sending = stream->sending.subspan(size);
    if (stream->sending.empty()) {
        of(user).touch(id);
        if (stream->finishing) {
            stream->finished = true;
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        } else if (size == 0) {
            return NGHTTP2_ERR_DEFERRED;
        }
    }
    return static_cast<ssize_t>(size);
}

Http2Session::Http2Session(Side side, Http2Bounds bounds)
    : side_(side), bounds_(bounds), glue_(std::make_unique<Glue>(*this)) {}
Http2Session::~Http2Session() = default;

Result<void> Http2Session::feed(ByteView bytes, MonoNs now) {
    now_ = now;
    const ssize_t read = nghttp2_session_mem_recv(glue_->session, bytes.data(), bytes.size());
    if (!why_.empty()) {
        nghttp2_session_terminate_session(glue_->session, NGHTTP2_ENHANCE_YOUR_CALM);
        return fail(ErrorCode::exhausted, why_);
    }
    if (read < 0) {
        nghttp2_session_terminate_session(glue_->session, NGHTTP2_PROTOCOL_ERROR);
        return fail(ErrorCode::invalid, std::string("not well-formed HTTP/2: ") +
                                            nghttp2_strerror(static_cast<int>(read)));
    }
    return ok();
}

ByteView Http2Session::output() {
    wipe(output_.data(), output_.size());
    output_.clear();
    while (output_.size() < kOutputMax) {
        const std::uint8_t* data = nullptr;
        const ssize_t size = nghttp2_session_mem_send(glue_->session, &data);
        if (size > 0) {
            append(output_, ByteView(data, static_cast<std::size_t>(size)));
        } else if (answered_.empty()) {
            break;
        }
        for (const Id id : size > 0 ? std::vector<Id>() : std::exchange(answered_, {})) {
            nghttp2_submit_rst_stream(glue_->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        }
    }
    return output_;
}

bool Http2Session::over() const {
    return nghttp2_session_want_read(glue_->session) == 0 &&
           nghttp2_session_want_write(glue_->session) == 0;
}

std::vector<Id> Http2Session::take_touched() {
    return std::exchange(touched_, {});
}

Http2Session::Stream* Http2Session::find(Id id) {
    const auto at = streams_.find(id);
    return at == streams_.end() ? nullptr : &at->second;
}

int Http2Session::refuse_peer(std::string why) {
    why_ = std::move(why);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::charge(std::uint8_t type, bool is_empty) {
    const bool brings_nothing =
        type == NGHTTP2_DATA ? is_empty : type != NGHTTP2_HEADERS && type != NGHTTP2_CONTINUATION;
    if (brings_nothing && !frames_.spend(now_)) {
        return refuse_peer("the peer floods the connection with frames that bring nothing");
    }
    return 0;
}

int Http2Session::begin_block(Id id, bool is_first) {
    const bool is_request = side_ == Side::server && is_first;
    block_ = Block{id};
    heading_since_ = now_;
    if (is_request && streams_.size() < bounds_.streams_max) {
        streams_[id];
    } else if (is_request) {
        nghttp2_submit_rst_stream(glue_->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    }
    const Stream* const stream = find(id);
    block_.trailers = stream != nullptr && stream->headed;
    return 0;
}

int Http2Session::add_field(std::string_view name, std::string_view value) {
    block_.size += name.size() + value.size() + 32;  // RFC 9113 section 6.5.2
    if (block_.size > bounds_.header_bytes_max * kOversizeMax) {
        return refuse_peer("a head is many times larger than allowed");
    }
    if (block_.size <= bounds_.header_bytes_max) {
        block_.fields.push_back({std::string(name), std::string(value)});
    }
    return 0;
}

void Http2Session::end_block(bool ended) {
    heading_since_ = 0;
    Stream* const stream = find(block_.id);
    if (stream == nullptr || stream->failed) {
        return;
    }
    touch(block_.id);
    if (block_.trailers) {
        fail_stream(block_.id, *stream,
                    {ErrorCode::invalid, "trailer fields after a body are not accepted"},
                    NGHTTP2_PROTOCOL_ERROR);
    } else if (side_ == Side::server) {
        frames_.earn(kFramesPerData);
        end_request(*stream, ended);
    } else {
        end_response(*stream, ended);
    }
    if (ended) {
        end_body(block_.id);
    }
    block_ = {};
}

void Http2Session::end_request(Stream& stream, bool ended) {
    stream.headed = true;
    Result<RequestHead> head = read_http2_request(block_.fields, ended);
    if (block_.size > bounds_.header_bytes_max) {
        stream.refusal = ErrorCode::exhausted;
        head = fail(stream.refusal, "the message's head is larger than allowed");
    }
    if (!head.has_value()) {
        stream.malformed = {http2_text(block_.fields, kMalformedKept), head.error().what};
        return;
    }
    stream.request = std::move(head.value());
    stream.length = length_of(stream.request.headers);
}

void Http2Session::end_response(Stream& stream, bool ended) {
    Result<ResponseHead> head = read_http2_response(block_.fields);
    if (block_.size > bounds_.header_bytes_max) {
        head = fail(ErrorCode::exhausted, "the answer's head is larger than allowed");
    }
    if (head.has_value() && head.value().status < 200 && ended) {
        head = fail(ErrorCode::invalid, "the answer ended before it began");
    }
    if (!head.has_value()) {
        return fail_stream(block_.id, stream, head.error(), NGHTTP2_PROTOCOL_ERROR);
    }
    if (head.value().status < 200) {
        return;
    }
    stream.headed = true;
    stream.response = std::move(head.value());
    stream.length = length_of(stream.response.headers);
}

int Http2Session::take_body(Id id, ByteView part) {
    Stream* const stream = find(id);
    if (stream == nullptr || stream->failed) {
        nghttp2_session_consume(glue_->session, id, part.size());
        return 0;
    }
    append(stream->body, part);
    stream->received += part.size();
    touch(id);
    if (stream->length && stream->received > *stream->length) {
        fail_stream(id, *stream, {ErrorCode::invalid, "the body is longer than its Content-Length"},
                    NGHTTP2_PROTOCOL_ERROR);
    }
    return 0;
}

void Http2Session::end_body(Id id) {
    Stream* const stream = find(id);
    if (stream == nullptr || stream->failed) {
        return;
    }
    touch(id);
    const int status = stream->response.status;
    const bool bodiless = stream->is_head_request || status == 204 || status == 304;
    if (!bodiless && stream->length && stream->received != *stream->length) {
        return fail_stream(id, *stream,
                           {ErrorCode::invalid, "the body is shorter than its Content-Length"},
                           NGHTTP2_PROTOCOL_ERROR);
    }
    stream->ended = true;
}

void Http2Session::fail_stream(Id id, Stream& stream, Error why, std::uint32_t code) {
    if (code == NGHTTP2_PROTOCOL_ERROR && !resets_.spend(now_)) {
        why_ = "the peer floods the connection with streams that are none";
    }
    stream.failed = std::move(why);
    stream.sending = {};
    nghttp2_submit_rst_stream(glue_->session, NGHTTP2_FLAG_NONE, id, code);
    touch(id);
}

void Http2Session::close(Id id, std::uint32_t code) {
    Stream* const stream = find(id);
    const bool ours = forgotten_.erase(id) != 0 || (stream != nullptr && stream->failed);
    if (code != NGHTTP2_NO_ERROR && !ours && !resets_.spend(now_)) {
        why_ = "the peer opens streams and resets them in a flood";
    }
    if (stream == nullptr) {
        return;
    }
    stream->closed = true;
    touch(id);
    if (!ours && !(stream->ended && stream->finished)) {
        stream->failed = {ErrorCode::closed, fmt::format("the peer ended the stream ({})",
                                                         nghttp2_http2_strerror(code))};
        stream->sending = {};
        stream->unprocessed = code == NGHTTP2_REFUSED_STREAM;
    }
}

Result<Id> Http2Session::request(const RequestHead& head, Framing framing, bool tls,
                                 bool bodiless) {
    Headers fields = http2_fields(head, tls ? "https" : "http");
    add_length(fields, framing);
    const std::vector<nghttp2_nv> pairs = name_values(fields);
    nghttp2_data_provider body = {{0}, &Glue::give_body};
    const Id id = nghttp2_submit_request(glue_->session, nullptr, pairs.data(), pairs.size(),
                                         bodiless ? nullptr : &body, nullptr);
    if (id < 0) {
        return fail(ErrorCode::unavailable,
                    std::string("no request can be sent any more: ") + nghttp2_strerror(id));
    }
    Stream& stream = streams_[id];
    stream.finished = bodiless;
    stream.is_head_request = head.method == "HEAD";
    return id;
}

void Http2Session::interim(Id id, int status) {
    Headers fields = {{":status", std::to_string(status)}};
    const std::vector<nghttp2_nv> pairs = name_values(fields);
    nghttp2_submit_headers(glue_->session, NGHTTP2_FLAG_NONE, id, nullptr, pairs.data(),
                           pairs.size(), nullptr);
}

void Http2Session::answer(Id id, const ResponseHead& head, Framing framing, bool bodiless) {
    Headers fields = http2_fields(head);
    add_length(fields, framing);
    const std::vector<nghttp2_nv> pairs = name_values(fields);
    nghttp2_data_provider body = {{0}, &Glue::give_body};
    nghttp2_submit_response(glue_->session, id, pairs.data(), pairs.size(),
                            bodiless ? nullptr : &body);
    find(id)->finished = bodiless;
}

void Http2Session::send(Id id, ByteView part, bool last) {
    Stream& stream = *find(id);
    stream.sending = part;
    stream.finishing = last;
    nghttp2_session_resume_data(glue_->session, id);
}

void Http2Session::consumed(Id id, std::size_t size) {
    nghttp2_session_consume(glue_->session, id, size);
}

void Http2Session::cut(Id id, Error why) {
    Stream* const stream = find(id);
    if (stream != nullptr && !stream->failed) {
        const bool is_client = side_ == Side::client;
        fail_stream(id, *stream, std::move(why),
                    is_client ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
    }
}

void Http2Session::refuse(Id id) {
    nghttp2_submit_rst_stream(glue_->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    nghttp2_session_consume(glue_->session, id, find(id)->body.size());
    streams_.erase(id);
}

void Http2Session::forget(Id id) {
    const auto at = streams_.find(id);
    if (at == streams_.end()) {
        return;
    }
    Stream& stream = at->second;
    const bool whole = stream.ended && stream.finished;
    if (!stream.closed && !stream.failed && !whole) {
        if (side_ == Side::server && stream.finished) {
            answered_.push_back(id);
        } else {
            cut(id, {ErrorCode::closed, "forgotten"});
        }
    }
    nghttp2_session_consume(glue_->session, id, stream.body.size());
    if (stream.failed && !stream.closed) {
        forgotten_.insert(id);
    }
    streams_.erase(at);
}

void Http2Session::fail_all(const Error& why) {
    for (auto& [id, stream] : streams_) {
        stream.failed = stream.failed ? stream.failed : std::optional(why);
        stream.sending = {};
        touch(id);
    }
}

void Http2Session::go_away() {
    if (!going_) {
        going_ = true;
        nghttp2_submit_goaway(glue_->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(glue_->session),
                              NGHTTP2_NO_ERROR, nullptr, 0);
    }
}

}  // namespace narrows::http
