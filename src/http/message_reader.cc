#include "http/message_reader.h"

#include <algorithm>
#include <variant>

#include <boost/beast/http/basic_parser.hpp>

#include "base/check.h"
#include "base/secret.h"

namespace narrows::http {

namespace beast_http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

namespace {

/// An obsolete folded line (RFC 9112 section 5.2): the parser would join it silently.
bool has_folded_line(ByteView head) {
    const std::string_view text = as_text(head);
    return text.find("\n ") != text.npos || text.find("\n\t") != text.npos;
}

/// What both directions collect. `body` views the fed bytes and is valid until the next parse.
struct Collected {
    std::string method;
    std::string target;
    int status = 0;
    std::string reason;
    Headers headers;
    bool head_done = false;
    ByteView body;
    std::string refused;  ///< why, when the message breaks a rule of ours
};

template <bool is_request>
class Parser : public beast_http::basic_parser<is_request> {
  public:
    explicit Parser(Collected& into) : into_(into) {}

  private:
    using Base = beast_http::basic_parser<is_request>;

    void refuse(error_code& error, const char* why) {
        into_.refused = why;
        error = beast_http::make_error_code(beast_http::error::bad_field);
    }
    void on_request_impl(beast_http::verb, string_view method, string_view target, int version,
                         error_code& error) override {
        into_.method.assign(method.data(), method.size());
        into_.target.assign(target.data(), target.size());
        // Python's http.client opens every tunnel with HTTP/1.0.
        const bool is_tunnel = version == 10 && into_.method == "CONNECT";
        if (version != 11 && !is_tunnel) {
            refuse(error, "only HTTP/1.1 is spoken here");
        }
    }
    void on_response_impl(int status, string_view reason, int, error_code&) override {
        into_.status = status;
        into_.reason.assign(reason.data(), reason.size());
    }
    void on_field_impl(beast_http::field, string_view name, string_view value,
                       error_code& error) override {
        if (into_.head_done) {
            return refuse(error, "trailer fields after a chunked body are not accepted");
        }
        into_.headers.push_back(
            {std::string(name.data(), name.size()), std::string(value.data(), value.size())});
    }
    void on_header_impl(error_code& error) override {
        into_.head_done = true;
        const char* ambiguous = why_ambiguous(into_.headers, is_request);
        if (ambiguous != nullptr) {
            refuse(error, ambiguous);
        }
    }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(string_view body, error_code&) override { return take(body); }
    void on_chunk_header_impl(std::uint64_t, string_view extensions, error_code& error) override {
        if (!extensions.empty()) {
            refuse(error, "chunk extensions are not accepted");
        }
    }
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
        return take(body);
    }
    void on_finish_impl(error_code&) override {}

    /// One stretch a parse: what was not taken is offered again.
    std::size_t take(string_view body) {
        if (!into_.body.empty()) {
            return 0;
        }
        into_.body = as_bytes(std::string_view(body.data(), body.size()));
        return body.size();
    }

    Collected& into_;
};

}  // namespace

struct MessageReader::State {
    State(Side which, Bounds limits) : side(which), bounds(limits), buffer(limits.read_bytes) {}

    Side side;
    Bounds bounds;
    Bytes buffer;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t high = 0;  ///< nothing was fed behind it since it was wiped
    Collected collected;
    std::variant<std::monostate, std::unique_ptr<Parser<true>>, std::unique_ptr<Parser<false>>>
        parser;

    template <class F>
    auto with_parser(F call) {
        return side == Side::request ? call(*std::get<std::unique_ptr<Parser<true>>>(parser))
                                     : call(*std::get<std::unique_ptr<Parser<false>>>(parser));
    }

    template <class P>
    std::unique_ptr<P> make_parser(bool no_body) {
        auto made = std::make_unique<P>(collected);
        made->eager(false);
        made->header_limit(static_cast<std::uint32_t>(bounds.header_bytes_max));
        made->body_limit(boost::none);
        made->skip(no_body);
        return made;
    }

    /// A body that does not fit the buffer is read in larger stretches.
    void widen() {
        const auto is_long = [this](auto& p) {
            return p.is_header_done() &&
                   (p.chunked() || p.content_length_remaining().value_or(0) > buffer.size());
        };
        if (buffer.size() < bounds.stream_bytes && with_parser(is_long)) {
            buffer.resize(bounds.stream_bytes);
        }
    }
    void shrink() {
        if (buffer.size() > bounds.read_bytes && begin == end) {
            begin = end = high = 0;
            buffer.resize(bounds.read_bytes);
            buffer.shrink_to_fit();
        }
    }

    /// Of what is read and done nothing stays while the connection waits for more.
    void forget() {
        wipe(buffer.data(), begin);
        wipe(buffer.data() + end, high - end);
        high = end;
    }

    /// Feeds the parser once; need_more is no error.
    Result<void> put() {
        error_code error;
        const boost::asio::const_buffer bytes(buffer.data() + begin, end - begin);
        begin += with_parser([&](auto& p) { return p.put(bytes, error); });
        if (error && error != beast_http::error::need_more) {
            return fail(ErrorCode::invalid, collected.refused.empty()
                                                ? "not well-formed HTTP/1.1: " + error.message()
                                                : collected.refused);
        }
        return ok();
    }
};

MessageReader::MessageReader(Side side, Bounds bounds)
    : state_(std::make_unique<State>(side, bounds)) {
    begin(false);
}
MessageReader::~MessageReader() = default;

void MessageReader::begin(bool no_body) {
    state_->collected = Collected{};
    state_->forget();
    state_->shrink();
    if (state_->side == Side::request) {
        state_->parser = state_->make_parser<Parser<true>>(no_body);
    } else {
        state_->parser = state_->make_parser<Parser<false>>(no_body);
    }
}

std::span<std::uint8_t> MessageReader::room() {
    State& s = *state_;
    if (s.begin == s.end) {
        s.begin = s.end = 0;
        s.widen();
    } else if (s.end == s.buffer.size()) {
        std::memmove(s.buffer.data(), s.buffer.data() + s.begin, s.end - s.begin);
        s.end -= s.begin;
        s.begin = 0;
        if (s.end == s.buffer.size() && s.buffer.size() < s.bounds.header_bytes_max + 1) {
            s.buffer.resize(s.bounds.header_bytes_max + 1);
        }
    }
    return std::span(s.buffer).subspan(s.end);
}

void MessageReader::fed(std::size_t size) {
    state_->end += size;
    state_->high = std::max(state_->high, state_->end);
}

void MessageReader::forget() {
    state_->forget();
}

Result<void> MessageReader::ended() {
    error_code error;
    state_->with_parser([&](auto& p) { p.put_eof(error); });
    if (error) {
        return fail(ErrorCode::closed, "the connection ended in the middle of a message");
    }
    return ok();
}

Result<bool> MessageReader::parse_head() {
    State& s = *state_;
    if (s.begin == s.end) {
        return false;
    }
    const std::size_t start = s.begin;
    NARROWS_TRY(s.put());
    if (has_folded_line(ByteView(s.buffer).subspan(start, s.begin - start))) {
        return fail(ErrorCode::invalid, "folded header lines are not accepted");
    }
    if (!s.collected.head_done && s.end - s.begin > s.bounds.header_bytes_max) {
        return fail(ErrorCode::exhausted, "the message's head is larger than allowed");
    }
    return s.collected.head_done;
}

/// The parser expects to see a last chunk ("0" and two line ends) in no fewer bytes than it has.
constexpr std::size_t kLastChunk = 5;

Result<ByteView> MessageReader::parse_body() {
    State& s = *state_;
    s.collected.body = {};
    const std::size_t least =
        s.with_parser([](auto& p) { return p.chunked() ? kLastChunk : std::size_t{1}; });
    while (s.collected.body.empty() && !body_done() && s.end - s.begin >= least) {
        const std::size_t before = s.begin;
        NARROWS_TRY(s.put());
        if (s.begin == before && s.collected.body.empty()) {
            break;  // a chunk header that has not come whole
        }
    }
    return s.collected.body;
}

bool MessageReader::body_done() const {
    return state_->with_parser([](auto& p) { return p.is_done(); });
}
bool MessageReader::keep_alive() const {
    return state_->with_parser([](auto& p) { return p.keep_alive(); });
}
std::optional<std::uint64_t> MessageReader::content_length() const {
    const auto length = state_->with_parser([](auto& p) { return p.content_length(); });
    return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}
bool MessageReader::has_body() const {
    return !body_done();
}
bool MessageReader::idle() const {
    return state_->begin == state_->end;
}
ByteView MessageReader::unread() const {
    return ByteView(state_->buffer).subspan(state_->begin, state_->end - state_->begin);
}

RequestHead MessageReader::take_request() {
    Collected& c = state_->collected;
    return {std::move(c.method), std::move(c.target), std::move(c.headers)};
}

ResponseHead MessageReader::take_response() {
    Collected& c = state_->collected;
    return {c.status, std::move(c.headers), std::move(c.reason)};
}

}  // namespace narrows::http
