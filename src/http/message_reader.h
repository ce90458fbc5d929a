#pragma once

#include <optional>

#include "base/bytes.h"
#include "http/connection.h"

namespace narrows::http {

/// Turns bytes into one message after another; does no I/O. Feed it, then ask. Pure apart from its
/// buffer, so that the fuzzer drives it directly.
class MessageReader {
  public:
    enum class Side { request, response };
    MessageReader(Side side, Bounds bounds);
    ~MessageReader();

    /// Begins the next message; bytes fed and not consumed stay, the others are wiped. `no_body`:
    /// the answer to HEAD.
    void begin(bool no_body);
    /// Where to read into; `fed` says how much came. Never grows past the bounds.
    std::span<std::uint8_t> room();
    void fed(std::size_t size);
    /// Wipes what was consumed: views handed out are no more.
    void forget();
    /// The peer ended. An answer delimited by the end of the connection is then complete.
    Result<void> ended();

    /// True once the head is complete.
    Result<bool> parse_head();
    /// The next stretch of the body out of what was fed; empty and !body_done(): feed more.
    Result<ByteView> parse_body();

    bool body_done() const;
    bool keep_alive() const;
    std::optional<std::uint64_t> content_length() const;
    bool has_body() const;
    bool idle() const;  ///< nothing of a next message has come
    ByteView unread() const;

    RequestHead take_request();
    ResponseHead take_response();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace narrows::http
