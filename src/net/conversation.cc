#include "net/conversation.h"

#include <optional>
#include <unordered_map>

#include <boost/asio/async_result.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/clock.h"
#include "base/secret.h"
#include "process/frame.h"

namespace narrows::net {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kRead = 64 * 1024;
constexpr std::size_t kHead = 9;
constexpr std::uint8_t kQuestion = 1;
constexpr std::uint8_t kAnswer = 2;
constexpr Millis kLook{1000};

const Error& over() {
    static const Error error{ErrorCode::unavailable,
                             "the process that would answer is gone or is being restarted; try "
                             "again"};
    return error;
}

}  // namespace

struct Conversation::Impl {
    using Told = std::function<void(Result<Bytes>)>;
    struct Open {
        Told told;
        MonoNs until = 0;
    };

    Impl(Loop& on, OnQuestion question, OnEnd end)
        : socket(on.executor()),
          looks(on.executor()),
          on_question(std::move(question)),
          on_end(std::move(end)) {}

    asio::local::stream_protocol::socket socket;
    asio::steady_timer looks;
    OnQuestion on_question;
    OnEnd on_end;
    bool ended = false;
    process::FrameReader frames{kRead};
    std::unordered_map<Number, Open> open;
    Number last = 0;
    Bytes unsent;   ///< gathered until the next flush
    Bytes sending;  ///< under way
    bool flushing = false;

    void end(const Error& why) {
        if (std::exchange(ended, true)) {
            return;
        }
        boost::system::error_code ignored;
        socket.close(ignored);
        looks.cancel();
        for (auto& [number, waits] : std::exchange(open, {})) {
            waits.told(fail(why));
        }
        const OnEnd told = std::exchange(on_end, nullptr);
        if (told) {
            told(why);
        }
    }

    void queue(std::uint8_t type, Number number, ByteView text) {
        append_le(unsent, static_cast<std::uint32_t>(kHead + text.size()));
        unsent.push_back(type);
        append_le(unsent, number);
        append(unsent, text);
    }

    /// After what else is ready on the loop, so that it goes along.
    void flush_soon(const std::shared_ptr<Conversation>& self) {
        if (std::exchange(flushing, true)) {
            return;
        }
        asio::post(socket.get_executor(), [this, self] { flush(self); });
    }

    void flush(const std::shared_ptr<Conversation>& self) {
        if (ended || unsent.empty()) {
            flushing = false;
            return;
        }
        sending.clear();
        std::swap(sending, unsent);
        asio::async_write(socket, asio::buffer(sending),
                          [this, self](const boost::system::error_code& error, std::size_t) {
                              wipe(sending.data(), sending.size());
                              if (error) {
                                  end(over());
                              }
                              flush(self);
                          });
    }

    void read_on(const std::shared_ptr<Conversation>& self) {
        const std::span<std::uint8_t> room = frames.room();
        socket.async_read_some(
            asio::buffer(room.data(), room.size()),
            [this, self](const boost::system::error_code& error, std::size_t size) {
                if (ended) {
                    return;
                }
                if (error) {
                    return end(over());
                }
                frames.filled(size);
                const Result<void> taken = take_frames(*self);
                if (!taken.has_value()) {
                    return end(taken.error());
                }
                read_on(self);
            });
    }

    Result<void> take_frames(Conversation& self) {
        while (!ended) {
            NARROWS_TRY(const std::optional<ByteView> frame, frames.next());
            if (!frame) {
                return ok();
            }
            NARROWS_TRY(take(self, *frame));
        }
        return ok();
    }

    Result<void> take(Conversation& self, ByteView frame) {
        if (frame.size() < kHead || (frame[0] != kQuestion && frame[0] != kAnswer)) {
            return fail(ErrorCode::invalid, "a process was sent something else than a message");
        }
        const Number number = load_le<Number>(frame.data() + 1);
        const ByteView text = frame.subspan(kHead);
        if (frame[0] == kQuestion) {
            on_question(self, number, text);
            return ok();
        }
        const auto waits = open.find(number);
        if (waits == open.end()) {
            // Too late, or never asked.
            return number <= last ? Result<void>(ok())
                                  : fail(ErrorCode::invalid, "an answer to no question");
        }
        const Told told = std::move(waits->second.told);
        open.erase(waits);
        told(to_bytes(text));
        return ok();
    }

    void look(const std::shared_ptr<Conversation>& self) {
        looks.expires_after(kLook);
        looks.async_wait([this, self](const boost::system::error_code& error) {
            if (error || ended) {
                return;
            }
            expire(system_clock().mono());
            look(self);
        });
    }

    void expire(MonoNs now) {
        std::vector<Told> late;
        std::erase_if(open, [&](auto& each) {
            const bool is_late = each.second.until <= now;
            if (is_late) {
                late.push_back(std::move(each.second.told));
            }
            return is_late;
        });
        for (const Told& told : late) {
            told(
                fail(ErrorCode::timeout, "another process of the gateway does not answer in time"));
        }
    }

    void ask(const std::shared_ptr<Conversation>& self, ByteView question, Millis patience,
             Told told) {
        if (ended) {
            return told(fail(over()));
        }
        if (question.size() > kTextMax || unsent.size() + question.size() > kUnsentMax ||
            open.size() >= kOpenMax) {
            return told(fail(ErrorCode::exhausted,
                             "too much is asked of another process of the gateway at once"));
        }
        const MonoNs until = system_clock().mono() + patience.count() * kNsPerMs;
        open.emplace(++last, Open{std::move(told), until});
        queue(kQuestion, last, question);
        flush_soon(self);
    }
};

Conversation::Conversation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Conversation::~Conversation() = default;

std::shared_ptr<Conversation> Conversation::begin(Loop& loop, process::Descriptor socket,
                                                  OnQuestion on_question, OnEnd on_end) {
    auto impl = std::make_unique<Impl>(loop, std::move(on_question), std::move(on_end));
    // Shared: the handlers of reads and writes under way keep it.
    std::shared_ptr<Conversation> made(new Conversation(std::move(impl)));
    boost::system::error_code error;
    made->impl_->socket.assign(asio::local::stream_protocol(), socket.release(), error);
    loop.post([made, error] {
        if (error) {
            return made->impl_->end(over());
        }
        made->impl_->read_on(made);
        made->impl_->look(made);
    });
    return made;
}

void Conversation::Asked::arrive(Result<Bytes> answer) {
    arrived_ = std::move(answer);
    if (wake_) {
        asio::post(executor_, std::exchange(wake_, nullptr));
    }
}

Task<Result<Bytes>> Conversation::Asked::answer() {
    if (!arrived_) {
        auto initiate = [this](auto handler) {
            auto held = std::make_shared<decltype(handler)>(std::move(handler));
            wake_ = [held] {
                auto resume = std::move(*held);
                std::move(resume)();
            };
        };
        co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(initiate,
                                                                             asio::use_awaitable);
    }
    co_return std::move(*arrived_);
}

std::shared_ptr<Conversation::Asked> Conversation::begin_to_ask(ByteView question,
                                                                Millis patience) {
    auto asked = std::make_shared<Asked>(impl_->socket.get_executor());
    impl_->ask(shared_from_this(), question, patience,
               [asked](Result<Bytes> answer) { asked->arrive(std::move(answer)); });
    return asked;
}

Task<Result<Bytes>> Conversation::ask(Bytes question, Millis patience) {
    const std::shared_ptr<Conversation> self = shared_from_this();
    const std::shared_ptr<Asked> asked = begin_to_ask(question, patience);
    co_return co_await asked->answer();
}

void Conversation::answer(Number number, ByteView text) {
    if (impl_->ended) {
        return;
    }
    if (text.size() > kTextMax || impl_->unsent.size() + text.size() > kUnsentMax) {
        return impl_->end({ErrorCode::exhausted, "a process does not read what it asked for"});
    }
    impl_->queue(kAnswer, number, text);
    impl_->flush_soon(shared_from_this());
}

void Conversation::close() {
    impl_->on_end = nullptr;
    impl_->end(over());
}

bool Conversation::ended() const {
    return impl_->ended;
}

}  // namespace narrows::net
