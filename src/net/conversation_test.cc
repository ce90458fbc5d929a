#include "net/conversation.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "process/channel.h"
#include "process/frame.h"

namespace narrows::net {
namespace {

struct ConversationTest : testing::Test {
    ConversationTest() : loops(1), thread([this] { loops.run(); }) {
        auto pair = process::stream_pair().value();
        peer = std::move(pair.second);
        talk = Conversation::begin(
            loops.at(0), std::move(pair.first),
            [](Conversation& by, Conversation::Number number, ByteView text) {
                by.answer(number, as_bytes("you said " + to_string(text)));
            },
            [this](const Error& error) { end.set_value(error); });
    }
    ~ConversationTest() override {
        loops.stop();
        thread.join();
    }
    std::future<Result<Bytes>> ask(std::string text, Millis patience = Millis(60'000)) {
        auto done = std::make_shared<std::promise<Result<Bytes>>>();
        loops.at(0).spawn([this, done, text, patience]() -> Task<void> {
            Result<Bytes> answer = co_await talk->ask(to_bytes(text), patience);
            done->set_value(std::move(answer));
        });
        return done->get_future();
    }
    void send(std::uint8_t type, std::uint64_t number, std::string_view text) {
        Bytes frame{type};
        append_le(frame, number);
        append(frame, text);
        Bytes out;
        process::append_frame(out, frame);
        ASSERT_EQ(::send(peer.number(), out.data(), out.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(out.size()));
    }
    /// The text of the next frame; its type and number are checked.
    std::string next(std::uint8_t type, std::uint64_t number) {
        Bytes head(4);
        EXPECT_EQ(::recv(peer.number(), head.data(), 4, MSG_WAITALL), 4);
        Bytes frame(load_le<std::uint32_t>(head.data()));
        EXPECT_EQ(::recv(peer.number(), frame.data(), frame.size(), MSG_WAITALL),
                  static_cast<ssize_t>(frame.size()));
        EXPECT_EQ(frame[0], type);
        EXPECT_EQ(load_le<std::uint64_t>(frame.data() + 1), number);
        return to_string(ByteView(frame).subspan(9));
    }

    Loops loops;
    std::promise<Error> end;
    process::Descriptor peer;
    std::shared_ptr<Conversation> talk;
    std::thread thread;
};

TEST_F(ConversationTest, both_sides_ask_and_answers_come_in_any_order) {
    auto one = ask("one");
    auto two = ask("two");
    EXPECT_EQ(next(1, 1), "one");
    EXPECT_EQ(next(1, 2), "two");
    send(2, 2, "second");
    send(1, 77, "hello");
    EXPECT_EQ(next(2, 77), "you said hello");
    send(2, 1, "first");
    EXPECT_EQ(to_string(one.get().value()), "first");
    EXPECT_EQ(to_string(two.get().value()), "second");
}

TEST_F(ConversationTest, a_peer_that_goes_fails_what_waits) {
    auto waits = ask("anyone?");
    EXPECT_EQ(next(1, 1), "anyone?");
    peer.close();
    EXPECT_EQ(waits.get().error().code, ErrorCode::unavailable);
    EXPECT_EQ(end.get_future().get().code, ErrorCode::unavailable);
    EXPECT_EQ(ask("still?").get().error().code, ErrorCode::unavailable);
}

TEST_F(ConversationTest, an_answer_in_time_or_none) {
    auto late = ask("slow", Millis(1));
    EXPECT_EQ(next(1, 1), "slow");
    EXPECT_EQ(late.get().error().code, ErrorCode::timeout);
    send(2, 1, "too late");
    auto again = ask("again");
    EXPECT_EQ(next(1, 2), "again");
    send(2, 2, "yes");
    EXPECT_EQ(to_string(again.get().value()), "yes");
}

TEST_F(ConversationTest, an_answer_that_came_before_it_is_waited_for) {
    std::promise<Result<Bytes>> waited;
    std::promise<std::string> last_one;
    loops.at(0).spawn([&]() -> Task<void> {
        const auto asked = talk->begin_to_ask(as_bytes("early"), Millis(30'000));
        (void)talk->begin_to_ask(as_bytes("never waited for"), Millis(30'000));
        // Its answer comes after both others.
        const Result<Bytes> last = co_await talk->ask(to_bytes("last"), Millis(30'000));
        last_one.set_value(to_string(last.value()));
        Result<Bytes> answer = co_await asked->answer();
        waited.set_value(std::move(answer));
    });
    EXPECT_EQ(next(1, 1), "early");
    EXPECT_EQ(next(1, 2), "never waited for");
    EXPECT_EQ(next(1, 3), "last");
    send(2, 1, "one");
    send(2, 2, "two");
    send(2, 3, "three");
    EXPECT_EQ(last_one.get_future().get(), "three");
    EXPECT_EQ(to_string(waited.get_future().get().value()), "one");
}

TEST_F(ConversationTest, what_was_asked_and_is_not_waited_for_yet_fails_with_the_peer) {
    std::promise<Result<Bytes>> waited;
    loops.at(0).spawn([&]() -> Task<void> {
        const auto asked = talk->begin_to_ask(as_bytes("early"), Millis(30'000));
        const Result<Bytes> other = co_await talk->ask(to_bytes("other"), Millis(30'000));
        EXPECT_EQ(other.error().code, ErrorCode::unavailable);
        Result<Bytes> answer = co_await asked->answer();
        waited.set_value(std::move(answer));
    });
    EXPECT_EQ(next(1, 1), "early");
    peer.close();
    EXPECT_EQ(waited.get_future().get().error().code, ErrorCode::unavailable);
}

TEST_F(ConversationTest, a_question_beyond_the_bound_is_not_sent) {
    EXPECT_EQ(ask(std::string(Conversation::kTextMax + 1, 'x')).get().error().code,
              ErrorCode::exhausted);
    auto next_one = ask("small");
    EXPECT_EQ(next(1, 1), "small");
    peer.close();
    EXPECT_FALSE(next_one.get().has_value());
}

TEST_F(ConversationTest, what_is_no_message_ends_it) {
    send(3, 1, "what?");
    EXPECT_EQ(end.get_future().get().code, ErrorCode::invalid);
}

TEST_F(ConversationTest, an_answer_that_nobody_asked_for_ends_it) {
    send(2, 1, "unasked");
    EXPECT_EQ(end.get_future().get().code, ErrorCode::invalid);
}

TEST_F(ConversationTest, a_peer_that_does_not_read_ends_it) {
    const std::string text(1 << 20, 'x');
    for (int i = 0; i < 64; ++i) {
        Bytes frame{1};
        append_le(frame, std::uint64_t(i));
        append(frame, text);
        Bytes out;
        process::append_frame(out, frame);
        for (std::size_t at = 0; at < out.size();) {
            const ssize_t sent =
                ::send(peer.number(), out.data() + at, out.size() - at, MSG_NOSIGNAL);
            if (sent < 0) break;
            at += static_cast<std::size_t>(sent);
        }
    }
    EXPECT_EQ(end.get_future().get().code, ErrorCode::exhausted);
}

}  // namespace
}  // namespace narrows::net
