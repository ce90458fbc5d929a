#include <atomic>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/soon_test.h"
#include "codec/cbor.h"
#include "codec/text.h"
#include "evidence/verify.h"
#include "io/faulty.h"
#include "journal/store_test.h"
#include "process/channel.h"
#include "process/frame.h"
#include "recorder/client.h"
#include "recorder/options_test.h"
#include "recorder/protocol.h"
#include "recorder/server.h"
#include "recording/part_log.h"

namespace narrows::recorder {
namespace {

using journal::Await;
using journal::Lane;
using journal::Use;
using journal::testing::Outcome;
using model::RecordKind;

void await(const std::function<bool()>& holds) {
    EXPECT_TRUE(soon(holds));
}

/// One outcome with what was attested.
class Attested final : public Outcome {
  public:
    void attested(const crypto::Digest& mac) noexcept override { mac_ = mac; }
    crypto::Digest mac() {
        EXPECT_TRUE(wait());
        return mac_;
    }

  private:
    crypto::Digest mac_{};
};

/// One outcome of who waits on a loop.
class OnLoop final : public Outcome {
  public:
    explicit OnLoop(const net::Loop& loop) : loop_(net::identity_of(loop.executor())) {}
    const void* loop() const noexcept override { return loop_; }
    void done(const Result<void>& outcome) noexcept override {
        told_by_ = std::this_thread::get_id();
        Outcome::done(outcome);
    }
    std::thread::id told_by() {
        wait();
        return told_by_;
    }

  private:
    const void* loop_;
    std::thread::id told_by_;
};

std::vector<LoopLink> link_to(net::Loop& loop, process::Descriptor socket) {
    std::vector<LoopLink> links;
    links.push_back({loop, std::move(socket)});
    return links;
}

Bytes payload(codec::Map observed) {
    return codec::cbor_encode(recording::observed(std::move(observed)));
}

class Remote : public testing::Test {
  protected:
    RecorderOptions options() {
        RecorderOptions options = small_recorder(data_, reviewer_);
        options.receipt_key = &key_;
        return options;
    }
    /// The recorder on a thread of its own; gives the gateway's end.
    process::Descriptor serve() {
        process::Pair pair = process::stream_pair().value();
        served_ = std::async(std::launch::async, [this, end = std::move(pair.second)] {
            return serve_gateway(open_recorder(disk_, system_clock(), options()).value(), end,
                                 to_loops_);
        });
        return std::move(pair.first);
    }
    std::unique_ptr<Recorder> connect() {
        return connect_recorder(serve(), [this](const Error&) { lost_ = true; }).value();
    }
    static std::shared_ptr<journal::Part> begin(Recorder& recorder) {
        const auto part = recorder.begin_part({"session", "ns-a"});
        Outcome outcome;
        EXPECT_TRUE(recorder.append(*part, Lane::control, RecordKind::open,
                                    payload({{"session", "ns-a"}, {"kind", "session"}}),
                                    Await::durable, &outcome, Use::normal));
        EXPECT_TRUE(outcome.wait());
        return part;
    }
    static Result<journal::Appended> intend(Recorder& recorder, journal::Part& part,
                                            const std::string& names, const crypto::Digest& request,
                                            Attested& told) {
        journal::Subject subject(RecordKind::intent, journal::kOwn, journal::kFlagAllowed);
        subject.attest = request;
        const auto build = [&](model::PartNo, model::Sequence sequence) {
            return payload({{"op", sequence.value()},
                            {"decision", codec::Map{{"verdict", "allow"}}},
                            {"upstream", codec::Map{{"request_sha256", names}}}});
        };
        return recorder.append(part, Lane::control, subject, build, Await::durable, &told,
                               Use::normal);
    }
    evidence::Report verify() {
        evidence::VerifyOptions options;
        options.data_dir = data_;
        options.keys.push_back(std::string(reviewer_.text().text()));
        return evidence::verify(disk_, options);
    }
    /// What a hostile gateway sends, after a part 1 with one more record; true: it ended there.
    bool ends_with(const Bytes& raw) {
        const process::Descriptor end = serve();
        AppendMessage open;
        open.id = 1;
        open.part = 1;
        open.kind = static_cast<std::uint8_t>(RecordKind::open);
        open.await = Await::durable;
        const Bytes said = payload({{"session", "ns-a"}, {"kind", "session"}});
        open.payload = said;
        Bytes stream;
        process::append_frame(stream,
                              encode(FromGateway(BeginMessage{2, "session", "ns-a", open})));
        EXPECT_EQ(::send(end.number(), stream.data(), stream.size(), 0),
                  static_cast<ssize_t>(stream.size()));
        await_returned(end);
        EXPECT_EQ(::send(end.number(), raw.data(), raw.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(raw.size()));
        ::shutdown(end.number(), SHUT_WR);
        return !served_.get().has_value();
    }
    static void await_returned(const process::Descriptor& end) {
        process::FrameReader frames;
        Bytes buffer(64 * 1024);
        while (true) {
            const ssize_t size = ::recv(end.number(), buffer.data(), buffer.size(), 0);
            ASSERT_GT(size, 0);
            frames.push(ByteView(buffer).first(static_cast<std::size_t>(size)));
            while (const auto frame = frames.next().value()) {
                if (std::holds_alternative<ReturnedMessage>(decode_from_recorder(*frame).value())) {
                    return;
                }
            }
        }
    }
    static Bytes framed(const FromGateway& message) {
        Bytes raw;
        process::append_frame(raw, encode(message));
        return raw;
    }

    io::FaultyFileSystem disk_;
    std::string data_ = "/data";
    const recording::ReceiptKey key_{Secret(std::string_view("receipt key"))};
    crypto::AgeIdentity reviewer_ = crypto::AgeIdentity::generate();
    std::vector<process::Descriptor> to_loops_;
    std::future<Result<void>> served_;
    std::atomic<bool> lost_ = false;
};

TEST_F(Remote, what_was_appended_is_recorded_in_order_and_signed) {
    {
        const auto recorder = connect();
        const auto part = begin(*recorder);
        EXPECT_EQ(part->no(), model::PartNo(1));
        for (int i = 1; i <= 500; ++i) {
            const auto appended =
                recorder->append(*part, i % 2 == 0 ? Lane::bulk : Lane::control, RecordKind::notice,
                                 payload({{"what", i}}), Await::none, nullptr, Use::closing);
            ASSERT_TRUE(appended);
            EXPECT_EQ(appended.value().sequence.value(), static_cast<std::uint64_t>(i));
        }
        Outcome synced;
        ASSERT_TRUE(recorder->sync(Lane::bulk, synced));
        EXPECT_TRUE(synced.wait());
        EXPECT_TRUE(recorder->append(
            *part, Lane::control, RecordKind::close,
            payload({{"reason", "ended"}, {"counts", codec::Map{{"OPEN", 1}, {"NOTICE", 500}}}}),
            Await::none, nullptr, Use::closing));
    }
    EXPECT_TRUE(served_.get());
    EXPECT_FALSE(lost_);
    const evidence::Report report = verify();
    EXPECT_EQ(report.verdict, evidence::Verdict::consistent);
    EXPECT_EQ(report.findings.count(), 0u);
    EXPECT_EQ(journal::testing::read_store(disk_).payloads.size(), 502u);
}

TEST_F(Remote, a_receipt_comes_with_a_durable_intent_that_names_the_request) {
    const crypto::Digest request = crypto::sha256("a request");
    const auto recorder = connect();
    const auto part = begin(*recorder);
    Attested told;
    const auto appended = intend(*recorder, *part, codec::hex(request), request, told);
    ASSERT_TRUE(appended);
    recording::Receipt receipt{part->no(), appended.value().sequence, request, told.mac()};
    EXPECT_TRUE(recording::is_genuine(as_bytes("receipt key"), receipt));
    Attested none;
    ASSERT_TRUE(intend(*recorder, *part, codec::hex(crypto::sha256("another")), request, none));
    EXPECT_FALSE(none.wait());
    await([&] { return lost_.load(); });
    EXPECT_FALSE(served_.get());
}

TEST_F(Remote, who_waits_on_a_loop_is_told_there_and_everyone_else_elsewhere) {
    process::Pair link = process::stream_pair().value();
    to_loops_.push_back(std::move(link.second));
    net::Loops loops(2);
    std::thread running([&] { loops.run(); });  // the first on this very thread
    auto recorder = connect_recorder(
                        serve(), [this](const Error&) { lost_ = true; },
                        link_to(loops.at(0), std::move(link.first)))
                        .value();
    const auto part = begin(*recorder);
    const auto told_by = [&](const net::Loop& loop, bool by_sync) {
        OnLoop told(loop);
        if (by_sync) {
            EXPECT_TRUE(recorder->sync(Lane::bulk, told));
        } else {
            EXPECT_TRUE(recorder->append(*part, Lane::bulk, RecordKind::notice,
                                         payload({{"what", 1}}), Await::held, &told, Use::normal));
        }
        EXPECT_TRUE(told.wait());
        return told.told_by();
    };
    EXPECT_EQ(told_by(loops.at(0), false), running.get_id());
    EXPECT_EQ(told_by(loops.at(0), true), running.get_id());
    EXPECT_NE(told_by(loops.at(1), false), running.get_id()) << "it has no link";
    loops.stop();
    running.join();
    recorder.reset();
    EXPECT_TRUE(served_.get());
    EXPECT_FALSE(lost_);
}

TEST_F(Remote, a_start_that_fails_says_why_with_its_code) {
    process::Pair pair = process::stream_pair().value();
    refuse_gateway({ErrorCode::corrupt, "control-1: rotten at 4096"}, pair.second);
    const auto opened =
        connect_recorder(std::move(pair.first), [this](const Error&) { lost_ = true; });
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
    EXPECT_EQ(opened.error().what, "control-1: rotten at 4096");
    EXPECT_FALSE(lost_);
}

TEST_F(Remote, a_part_that_cannot_begin_takes_no_number) {
    const auto recorder = connect();
    begin(*recorder);
    disk_.set_hook([](io::FaultyFileSystem::Operation, const std::string& path) -> Result<void> {
        if (path.starts_with("/data/keys/")) {
            return fail(ErrorCode::io, path + ": ill");
        }
        return ok();
    });
    const auto refused = recorder->begin_part({"session", "ns-b"});
    Outcome outcome;
    EXPECT_FALSE(recorder->append(*refused, Lane::control, RecordKind::open, payload({}),
                                  Await::durable, &outcome, Use::normal));
    EXPECT_EQ(outcome.told(), 0);
    disk_.set_hook(nullptr);
    EXPECT_EQ(begin(*recorder)->no(), model::PartNo(2));
    EXPECT_FALSE(lost_);
}

TEST_F(Remote, a_hostile_gateway_ends_its_conversation_and_records_nothing_else) {
    AppendMessage next;
    next.part = 1;
    next.sequence = 1;
    next.kind = static_cast<std::uint8_t>(RecordKind::notice);
    const Bytes said = payload({{"what", "x"}});
    next.payload = said;
    AppendMessage gap = next;
    gap.sequence = 2;
    AppendMessage unknown = next;
    unknown.part = 9;
    AppendMessage open = next;
    open.part = 7;
    open.sequence = 0;
    open.kind = static_cast<std::uint8_t>(RecordKind::open);
    AppendMessage elsewhere = next;
    elsewhere.id = 5;
    elsewhere.await = Await::held;
    elsewhere.loop = 1;
    Bytes long_frame(4);
    store_le(long_frame.data(), std::uint32_t{process::kFrameMax + 1});
    Bytes garbage;
    process::append_frame(garbage, as_bytes("\x01 what no gateway says"));
    const std::vector<Bytes> hostile = {framed(gap),
                                        framed(unknown),
                                        long_frame,
                                        garbage,
                                        framed(elsewhere),
                                        Bytes(4, 0),
                                        framed(BeginMessage{3, "session", "", open})};
    for (const Bytes& raw : hostile) {
        data_ += "x";
        EXPECT_TRUE(ends_with(raw)) << codec::hex(raw).substr(0, 40);
        const evidence::Report report = verify();
        EXPECT_EQ(report.verdict, evidence::Verdict::consistent);
        EXPECT_EQ(report.checked.records, 1u) << "the OPEN";
    }
    data_ += "x";
    EXPECT_FALSE(ends_with(framed(next)));
}

/// The other end is the test's: it says what it likes.
class Played : public testing::Test {
  protected:
    Played() {
        process::Pair pair = process::stream_pair().value();
        end_ = std::move(pair.second);
        Found found;
        found.next_part = model::PartNo(1);
        say(hello(found));
        say(StatusMessage{});
        recorder_ = connect_recorder(
                        std::move(pair.first), [this](const Error&) { lost_ = true; }, linked())
                        .value();
        reader_ = std::thread([this] { answer_begins(); });
        part_ = recorder_->begin_part({"session", "ns-a"});
        EXPECT_TRUE(recorder_->append(*part_, Lane::control, RecordKind::open, to_bytes("o"),
                                      Await::none, nullptr, Use::normal));
    }
    ~Played() override {
        ::shutdown(end_.number(), SHUT_RDWR);
        loops_.stop();
        looping_.join();
        recorder_.reset();
        reader_.join();
    }
    std::vector<LoopLink> linked() {
        process::Pair link = process::stream_pair().value();
        loop_end_ = std::move(link.second);
        return link_to(loops_.at(0), std::move(link.first));
    }
    static void say_to(const process::Descriptor& end, const FromRecorder& message) {
        Bytes raw;
        process::append_frame(raw, encode(message));
        ASSERT_EQ(::send(end.number(), raw.data(), raw.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(raw.size()));
    }
    void say(const FromRecorder& message) { say_to(end_, message); }
    /// Reads all; begins parts, tells nothing.
    void answer_begins() {
        process::FrameReader frames;
        Bytes buffer(1 << 20);
        ssize_t size = 0;
        while ((size = ::recv(end_.number(), buffer.data(), buffer.size(), 0)) > 0) {
            frames.push(ByteView(buffer).first(static_cast<std::size_t>(size)));
            while (const auto frame = frames.next().value()) {
                const FromGateway message = decode_from_gateway(*frame).value();
                if (const auto* begin = std::get_if<BeginMessage>(&message)) {
                    say(ReturnedMessage{begin->id, std::nullopt, {}});
                } else {
                    ++received_;
                }
            }
        }
    }
    Result<void> body(Use use = Use::normal) {
        NARROWS_TRY(recorder_->append(*part_, Lane::bulk, RecordKind::body, Bytes(64 * 1024),
                                      Await::none, nullptr, use));
        return ok();
    }
    net::Loops loops_{1};
    process::Descriptor end_;
    process::Descriptor loop_end_;
    std::unique_ptr<Recorder> recorder_;
    std::shared_ptr<journal::Part> part_;
    std::thread reader_;
    std::thread looping_{[this] { loops_.run(); }};
    std::atomic<std::uint64_t> received_ = 0;
    std::atomic<bool> lost_ = false;
};

TEST_F(Played, what_is_on_the_way_stays_within_the_window) {
    std::uint64_t bodies = 0;
    while (body().has_value()) ++bodies;
    EXPECT_GT(bodies * 64 * 1024, kWindow / 2);
    EXPECT_LE(bodies * 64 * 1024, kWindow / 4 * 3);
    EXPECT_EQ(body().error().code, ErrorCode::exhausted);
    EXPECT_TRUE(body(Use::closing)) << "outcomes go on";
    EXPECT_TRUE(recorder_->append(*part_, Lane::control, RecordKind::notice, Bytes(64 * 1024),
                                  Await::none, nullptr, Use::normal))
        << "the other lane goes on";
    await([&] { return received_ == bodies + 2; });
    StatusMessage status;
    status.received = bodies + 2;
    say(status);
    await([&] { return body().has_value(); });
}

TEST_F(Played, the_newest_status_decides) {
    StatusMessage status;
    status.status.journal = {journal::Condition::low_space, "little is left"};
    status.status.counters.bulk.left_normal = 100 * 1024;
    status.status.counters.bulk.left_closing = 400 * 1024;
    say(status);
    await([&] { return recorder_->state().condition == journal::Condition::low_space; });
    EXPECT_TRUE(body());
    EXPECT_EQ(body().error().code, ErrorCode::exhausted);
    EXPECT_TRUE(body(Use::closing));
    EXPECT_FALSE(recorder_->has_room_for(64 * 1024));
    EXPECT_FALSE(recorder_->can_open_session());
    status.status.journal = {journal::Condition::refusing, "its disk takes no writes"};
    say(status);
    await([&] { return recorder_->state().condition == journal::Condition::refusing; });
    EXPECT_EQ(body(Use::closing).error().code, ErrorCode::unavailable);
}

TEST_F(Played, when_it_is_lost_everyone_is_told_and_nothing_is_taken) {
    Outcome waits;
    ASSERT_TRUE(recorder_->append(*part_, Lane::control, RecordKind::notice, to_bytes("n"),
                                  Await::durable, &waits, Use::normal));
    OnLoop on_loop(loops_.at(0));
    ASSERT_TRUE(recorder_->append(*part_, Lane::control, RecordKind::notice, to_bytes("n"),
                                  Await::durable, &on_loop, Use::normal));
    EXPECT_EQ(waits.told() + on_loop.told(), 0);
    ::shutdown(end_.number(), SHUT_RDWR);
    EXPECT_FALSE(waits.wait());
    EXPECT_FALSE(on_loop.wait());
    await([&] { return lost_.load(); });
    EXPECT_EQ(recorder_->state().condition, journal::Condition::refusing);
    EXPECT_FALSE(recorder_->can_open_session());
    EXPECT_EQ(body().error().code, ErrorCode::unavailable);
}

TEST_F(Played, a_recorder_that_tells_what_nobody_waits_for_is_left) {
    say(ToldMessage{77, std::nullopt, std::nullopt});
    await([&] { return lost_.load(); });
}

TEST_F(Played, and_one_that_says_anything_else_to_a_loop) {
    say_to(loop_end_, StatusMessage{});
    await([&] { return lost_.load(); });
}

TEST_F(Played, and_one_that_tells_a_loop_what_nobody_waits_for) {
    say_to(loop_end_, ToldMessage{77, std::nullopt, std::nullopt});
    await([&] { return lost_.load(); });
}

TEST_F(Played, and_one_that_leaves_a_loop) {
    loop_end_.close();
    await([&] { return lost_.load(); });
}

TEST_F(Played, what_a_loop_awaits_leaves_with_sent_or_when_its_turn_is_over) {
    OnLoop first(loops_.at(0));
    OnLoop second(loops_.at(0));
    const auto awaited = [&](OnLoop& by) {
        EXPECT_TRUE(recorder_->append(*part_, Lane::control, RecordKind::intent, to_bytes("i"),
                                      Await::durable, &by, Use::normal));
    };
    std::promise<void> over;
    loops_.at(0).post([&] {
        awaited(first);
        EXPECT_TRUE(recorder_->append(*part_, Lane::bulk, RecordKind::sent, to_bytes("s"),
                                      Await::none, nullptr, Use::closing));
        await([&] { return received_ == 2; });  // the turn goes on
        awaited(second);
        over.set_value();
    });
    over.get_future().wait();
    await([&] { return received_ == 3; });
    ::shutdown(end_.number(), SHUT_RDWR);
    EXPECT_FALSE(first.wait());
    EXPECT_FALSE(second.wait());
}

TEST_F(Played, what_came_of_an_answer_goes_with_the_next_record_or_status_and_sent_at_once) {
    const auto note = [&](RecordKind kind) {
        EXPECT_TRUE(recorder_->append(*part_, Lane::bulk, kind, to_bytes("r"), Await::none, nullptr,
                                      Use::closing));
    };
    note(RecordKind::sent);
    await([&] { return received_ == 1; });
    note(RecordKind::head);
    note(RecordKind::body);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(received_, 1u);
    note(RecordKind::result);
    await([&] { return received_ == 4; });
    note(RecordKind::head);
    say(StatusMessage{});
    await([&] { return received_ == 5; });
}

}  // namespace
}  // namespace narrows::recorder
