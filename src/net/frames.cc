#include "net/frames.h"

#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "process/frame.h"

namespace narrows::net {

namespace asio = boost::asio;

namespace {

using Take = std::function<Result<void>(ByteView)>;

constexpr std::size_t kReadBytes = 16 * 1024;

Result<void> take_all(process::FrameReader& frames, const Take& take) {
    while (true) {
        NARROWS_TRY(const std::optional<ByteView> frame, frames.next());
        if (!frame) {
            return ok();
        }
        NARROWS_TRY(take(*frame));
    }
}

}  // namespace

Task<Error> read_frames(process::Descriptor socket, Take take) {
    const auto executor = co_await asio::this_coro::executor;
    asio::local::stream_protocol::socket from(executor);
    boost::system::error_code error;
    from.assign(asio::local::stream_protocol(), socket.release(), error);
    process::FrameReader frames(kReadBytes);
    while (!error) {
        std::size_t size = 0;
        const auto token = asio::as_tuple(asio::use_awaitable);
        const std::span<std::uint8_t> room = frames.room();
        const auto buffer = asio::buffer(room.data(), room.size());
        std::tie(error, size) = co_await from.async_read_some(buffer, token);
        frames.filled(size);
        const Result<void> taken = take_all(frames, take);
        if (!taken.has_value()) {
            co_return taken.error();
        }
    }
    co_return Error{ErrorCode::closed, "the process at the other end of its socket is gone"};
}

}  // namespace narrows::net
