#include "protocols/aws/decode/decode.h"

#include <algorithm>
#include <array>

#include <zlib.h>

#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/decode/document.h"
#include "protocols/aws/decode/rest.h"
#include "protocols/aws/decode/wire.h"

namespace narrows::aws {
namespace {

using codec::Map;
using codec::Value;

/// Older SQS clients send to the queue's own path, which must then be that of QueueUrl.
Result<void> check_form_path(const Incoming& request, const Value& parameters) {
    const std::string_view target = request.head.target;
    const std::string_view path = target.substr(0, target.find('?'));
    if (path == "/") return ok();
    const std::string url = parameters.text("QueueUrl");
    const std::size_t host = url.find("://");
    const std::size_t slash = host == std::string::npos ? host : url.find('/', host + 3);
    if (slash == std::string::npos || url.substr(slash) != path) {
        return fail(ErrorCode::invalid,
                    "the request's path is neither '/' nor the path of its QueueUrl");
    }
    return ok();
}

Result<Value> bind_form(const Incoming& request) {
    const Operation entry = request.candidate.operation;
    NARROWS_TRY(auto pairs, form_pairs(request));
    int actions = 0;
    int versions = 0;
    std::vector<codec::Pair> rest;
    for (codec::Pair& pair : pairs) {
        if (pair.name == "Action" && pair.value == entry.name()) {
            ++actions;
        } else if (pair.name == "Version") {
            ++versions;
        } else {
            rest.push_back(std::move(pair));
        }
    }
    if (actions != 1 || versions > 1) {
        return fail(ErrorCode::invalid, "the form does not name one Action and one Version");
    }
    const bool ec2 = request.protocol == Protocol::ec2;
    Value parameters = Map{};
    if (entry.has_input()) {
        NARROWS_TRY(parameters, bind_query(entry.input(), rest, ec2));
    } else if (!rest.empty()) {
        return fail(undeclared(Where{}, "form key", rest.front().name));
    }
    NARROWS_TRY(check_form_path(request, parameters));
    return parameters;
}

/// The document of a JSON or CBOR RPC: the whole body.
Result<Value> bind_rpc(const Incoming& request) {
    const Operation entry = request.candidate.operation;
    const bool cbor = request.protocol == Protocol::rpc_v2_cbor;
    if (!query_of(request.head.target).empty()) {
        return fail(ErrorCode::invalid, "the request has a query string and the protocol has none");
    }
    if (request.body.empty()) return Value(Map{});
    NARROWS_TRY(const Value document, cbor ? codec::cbor_decode(request.body, codec::Form::any)
                                           : codec::json_decode(as_text(request.body)));
    if (entry.has_input()) {
        return bind_structure(entry.input(), document, cbor ? Dialect::cbor : Dialect::json,
                              Where{});
    }
    const Map* map = document.as<Map>();
    if (map == nullptr || !map->empty()) {
        return fail(ErrorCode::invalid, "the request has members and the operation takes none");
    }
    return Value(Map{});
}

/// Only operations that the model lets compress, or whose model binds the header (S3 objects).
Result<void> check_coding(const Incoming& request) {
    const http::Headers& headers = request.head.headers;
    const bool coded = std::any_of(headers.begin(), headers.end(), [](const codec::Pair& field) {
        return codec::iequals(field.name, "content-encoding") &&
               !without_chunking(field.value).empty();
    });
    const bool bound = header_use(request, "content-encoding").use == HeaderUse::member;
    if (coded && !bound && !request.candidate.operation.request_compression()) {
        return fail(ErrorCode::invalid,
                    "the request has a Content-Encoding and the operation takes none");
    }
    return ok();
}

class Inflater {
  public:
    Inflater() { ready_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK; }
    ~Inflater() {
        if (ready_) inflateEnd(&stream_);
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    Result<Bytes> run(ByteView body, std::size_t size_max) {
        Bytes out;
        std::array<std::uint8_t, 16384> chunk;
        stream_.next_in = const_cast<std::uint8_t*>(body.data());
        stream_.avail_in = static_cast<uInt>(body.size());
        int state = ready_ ? Z_OK : Z_MEM_ERROR;
        while (state == Z_OK) {
            stream_.next_out = chunk.data();
            stream_.avail_out = chunk.size();
            state = inflate(&stream_, Z_NO_FLUSH);
            append(out, ByteView(chunk).first(chunk.size() - stream_.avail_out));
            if (out.size() > size_max) {
                return fail(ErrorCode::exhausted,
                            "the compressed body is larger than a body in memory may be");
            }
        }
        if (state != Z_STREAM_END || stream_.avail_in != 0) {
            return fail(ErrorCode::invalid, "the body is not one whole gzip stream");
        }
        return out;
    }

  private:
    z_stream stream_{};
    bool ready_ = false;
};

}  // namespace

Value streamed_body() {
    return Map{{"$body", "streamed"}};
}

bool takes_stream(Operation entry) {
    if (!entry.has_input() || entry.event_stream_input()) return false;
    const auto payload = entry.input().payload();
    return payload && payload->shape().kind() == ShapeKind::blob;
}

Result<Bytes> plain_body(const http::RequestHead& head, ByteView body, std::size_t size_max) {
    const std::string_view coding = http::header(head.headers, "content-encoding");
    if (http::count(head.headers, "content-encoding") == 0) return to_bytes(body);
    if (!codec::iequals(coding, "gzip")) {
        return fail(ErrorCode::unsupported,
                    "the body has a content coding other than gzip; send it plain");
    }
    return Inflater().run(body, size_max);
}

Result<Value> decode_parameters(const Incoming& request) {
    const Operation entry = request.candidate.operation;
    const bool events = entry.event_stream_input();
    if (events && !(request.streamed && is_rest(request.protocol))) {
        return fail(ErrorCode::unsupported,
                    "the operation takes an event stream, and this request is none");
    }
    if (request.streamed && !takes_stream(entry) && !events) {
        return fail(ErrorCode::invalid, "the operation's body is a document and must be held");
    }
    NARROWS_TRY(check_headers(request));
    NARROWS_TRY(check_coding(request));
    switch (request.protocol) {
        case Protocol::query:
        case Protocol::ec2:
            return bind_form(request);
        case Protocol::json:
        case Protocol::rpc_v2_cbor:
            return bind_rpc(request);
        case Protocol::rest_json:
        case Protocol::rest_xml:
            return bind_rest(request);
    }
    return fail(ErrorCode::unsupported, "the protocol is not known");
}

}  // namespace narrows::aws
