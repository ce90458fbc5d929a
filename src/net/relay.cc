#include <boost/asio/experimental/awaitable_operators.hpp>

#include "net/stream.h"

namespace narrows::net {
namespace {

constexpr std::size_t kRelayBuffer = 16 * 1024;

/// Copies one way until the source ends, either side fails or `may_pass` refuses.
Task<void> copy(Stream& from, Stream& to, Millis idle_max, std::uint64_t& count,
                const std::function<bool(std::uint64_t)>& may_pass) {
    Bytes buffer(kRelayBuffer);
    while (true) {
        from.expires_after(idle_max);
        const Result<std::size_t> size = co_await from.read_some(buffer);
        if (!size.has_value() || !may_pass(size.value())) {
            break;
        }
        to.expires_after(idle_max);
        const ByteView part = ByteView(buffer).first(size.value());
        const Result<void> written = co_await to.write(part);
        if (!written.has_value()) {
            break;
        }
        count += size.value();
    }
    to.shutdown_write();
}

}  // namespace

Task<RelayCount> relay(Stream& left, Stream& right, Millis idle_max,
                       std::function<bool(std::uint64_t)> may_pass) {
    using namespace boost::asio::experimental::awaitable_operators;  // NOLINT: needed for &&
    RelayCount count;
    Task<void> there = copy(left, right, idle_max, count.to_right, may_pass);
    Task<void> back = copy(right, left, idle_max, count.to_left, may_pass);
    co_await (std::move(there) && std::move(back));
    left.close();
    right.close();
    co_return count;
}

}  // namespace narrows::net
