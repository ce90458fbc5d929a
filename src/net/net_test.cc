#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/frames.h"
#include "net/stream.h"
#include "process/channel.h"
#include "process/frame.h"

namespace narrows::net {
namespace {

constexpr Millis kPatience{60'000};

/// Loops that run on a thread of their own until the test ends.
class Running {
  public:
    Running() : loops(2), thread_([this] { loops.run(); }) {}
    ~Running() {
        loops.stop();
        thread_.join();
    }
    /// Runs a coroutine to its end on the first loop.
    template <class T>
    T wait(std::function<Task<T>()> story) {
        std::promise<T> done;
        loops.at(0).spawn([&]() -> Task<void> {
            T value = co_await story();
            done.set_value(std::move(value));
        });
        return done.get_future().get();
    }
    Loops loops;

  private:
    std::thread thread_;
};

Task<void> echo(Loop&, StreamPtr stream) {
    Bytes buffer(64);
    while (true) {
        const Result<std::size_t> size = co_await stream->read_some(buffer);
        if (!size.has_value()) {
            break;
        }
        const Result<void> written = co_await stream->write(ByteView(buffer).first(size.value()));
        if (!written.has_value()) {
            break;
        }
    }
}

/// What `read_frames` took of a stream that ends after `raw`, and how it ended.
std::pair<std::vector<std::string>, Error> frames_of(const Bytes& raw, std::string_view refused) {
    Running running;
    process::Pair pair = process::stream_pair().value();
    EXPECT_EQ(::send(pair.second.number(), raw.data(), raw.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(raw.size()));
    pair.second.close();
    std::vector<std::string> taken;
    const std::function<Result<void>(ByteView)> take = [&](ByteView frame) -> Result<void> {
        taken.emplace_back(as_text(frame));
        if (as_text(frame) == refused) return fail(ErrorCode::denied, "not that one");
        return ok();
    };
    Error why = running.wait<Error>([&] { return read_frames(std::move(pair.first), take); });
    return {std::move(taken), std::move(why)};
}

TEST(Frames, are_taken_in_order_until_the_end_or_the_first_that_is_refused) {
    using Texts = std::vector<std::string>;
    Bytes raw;
    for (const std::string_view text : {"one", "two", "three"}) {
        process::append_frame(raw, as_bytes(text));
    }
    const auto [all, end] = frames_of(raw, "");
    EXPECT_EQ(all, (Texts{"one", "two", "three"}));
    EXPECT_EQ(end.code, ErrorCode::closed);
    const auto [some, why] = frames_of(raw, "two");
    EXPECT_EQ(some, (Texts{"one", "two"}));
    EXPECT_EQ(why.code, ErrorCode::denied);
    const auto [none, broken] = frames_of(Bytes(4, 0), "");
    EXPECT_EQ(none, Texts());
    EXPECT_EQ(broken.code, ErrorCode::invalid);
}

TEST(Net, a_connection_beyond_the_bound_is_closed) {
    Running running;
    auto listener = Listener::listen(running.loops, {"127.0.0.1", 0}, 1).value();
    listener->start(echo);
    const Endpoint at = listener->local();
    const bool closed = running.wait<bool>([&]() -> Task<bool> {
        const Result<StreamPtr> first = co_await connect(running.loops.at(0), at, kPatience);
        const Result<StreamPtr> second = co_await connect(running.loops.at(0), at, kPatience);
        EXPECT_TRUE(first.has_value() && second.has_value());
        Bytes buffer(64);
        const Result<std::size_t> size = co_await second.value()->read_some(buffer);
        co_return !size.has_value();
    });
    EXPECT_TRUE(closed);
}

TEST(Net, echoes_over_a_connection) {
    Running running;
    auto listener = Listener::listen(running.loops, {"127.0.0.1", 0}).value();
    listener->start(echo);
    const Endpoint at = listener->local();
    const std::string answer = running.wait<std::string>([&]() -> Task<std::string> {
        Result<StreamPtr> stream = co_await connect(running.loops.at(0), at, kPatience);
        const Result<void> written = co_await stream.value()->write(as_bytes("hello"));
        EXPECT_TRUE(written.has_value());
        Bytes buffer(64);
        const Result<std::size_t> size = co_await stream.value()->read_some(buffer);
        co_return narrows::to_string(ByteView(buffer).first(size.value()));
    });
    EXPECT_EQ(answer, "hello");
}

TEST(Net, deadline_closes_a_silent_connection) {
    Running running;
    auto listener = Listener::listen(running.loops, {"127.0.0.1", 0}).value();
    listener->start(echo);
    const Endpoint at = listener->local();
    const ErrorCode code = running.wait<ErrorCode>([&]() -> Task<ErrorCode> {
        Result<StreamPtr> stream = co_await connect(running.loops.at(0), at, kPatience);
        stream.value()->expires_after(Millis(150));
        Bytes buffer(64);
        const Result<std::size_t> size = co_await stream.value()->read_some(buffer);
        co_return size.error().code;
    });
    EXPECT_EQ(code, ErrorCode::timeout);
}

TEST(Net, connecting_to_nothing_is_an_error) {
    Running running;
    const ErrorCode code = running.wait<ErrorCode>([&]() -> Task<ErrorCode> {
        const Endpoint nowhere{"127.0.0.1", 1};
        Result<StreamPtr> stream = co_await connect(running.loops.at(0), nowhere, kPatience);
        co_return stream.error().code;
    });
    EXPECT_EQ(code, ErrorCode::unavailable);
}

TEST(Net, endpoints_are_addresses_not_names) {
    EXPECT_EQ(parse_endpoint("[::1]:8400").value(), (Endpoint{"::1", 8400}));
    EXPECT_FALSE(parse_endpoint("example.com:80").has_value());
    EXPECT_FALSE(parse_endpoint("127.0.0.1:99999").has_value());
}

}  // namespace
}  // namespace narrows::net
