#include "net/client_hello.h"

namespace narrows::net {
namespace {

/// Big-endian reading over bytes that may end early.
class Reader {
  public:
    explicit Reader(ByteView bytes) : bytes_(bytes) {}
    std::size_t number(std::size_t width) {
        std::size_t value = 0;
        for (const std::uint8_t byte : take(width)) {
            value = (value << 8) | byte;
        }
        return value;
    }
    ByteView take(std::size_t size) {
        if (size > bytes_.size()) {
            short_ = true;
            bytes_ = {};
            return {};
        }
        const ByteView taken = bytes_.first(size);
        bytes_ = bytes_.subspan(size);
        return taken;
    }
    bool is_short() const { return short_; }
    bool empty() const { return bytes_.empty(); }

  private:
    ByteView bytes_;
    bool short_ = false;
};

constexpr std::size_t kHandshake = 22;
constexpr std::size_t kClientHello = 1;
constexpr std::size_t kServerNameExtension = 0;
constexpr std::size_t kHostName = 0;

std::string server_name(ByteView extension) {
    Reader list(extension);
    list.number(2);
    const std::size_t type = list.number(1);
    const ByteView name = list.take(list.number(2));
    return type == kHostName && !list.is_short() ? to_string(name) : std::string();
}

Result<std::string> find_server_name(Reader body) {
    body.take(2 + 32);          // version, random
    body.take(body.number(1));  // session id
    body.take(body.number(2));  // cipher suites
    body.take(body.number(1));  // compression
    Reader extensions(body.take(body.number(2)));
    while (!extensions.empty()) {
        const std::size_t type = extensions.number(2);
        const ByteView extension = extensions.take(extensions.number(2));
        if (type == kServerNameExtension && !extensions.is_short()) {
            return server_name(extension);
        }
    }
    if (body.is_short() || extensions.is_short()) {
        return fail(ErrorCode::invalid, "the ClientHello's lengths do not add up");
    }
    return std::string();
}

}  // namespace

Result<std::string> client_hello_server_name(ByteView bytes) {
    Reader record(bytes);
    const std::size_t type = record.number(1);
    if (bytes.empty()) {
        return fail(ErrorCode::unavailable, "nothing has come yet");
    }
    if (type != kHandshake) {
        return fail(ErrorCode::invalid, "what follows CONNECT is not TLS");
    }
    record.number(2);
    Reader handshake(record.take(record.number(2)));
    if (record.is_short()) {
        return fail(ErrorCode::unavailable, "the ClientHello has not come whole");
    }
    const std::size_t message = handshake.number(1);
    const ByteView body = handshake.take(handshake.number(3));
    if (message != kClientHello || handshake.is_short()) {
        return fail(ErrorCode::invalid, "the first TLS record is not one whole ClientHello");
    }
    return find_server_name(Reader(body));
}

}  // namespace narrows::net
