#include "life.h"

#include <random>

#include "boundary.h"
#include "crypto/age.h"
#include "recorder/recorder.h"
#include "recording/part_log.h"

namespace narrows::crash {
namespace {

using codec::Map;
using codec::Value;
using recording::Await;
using recording::Direction;
using recording::PartLog;
using recording::RecordKind;
using recording::Sequence;
using Dice = std::mt19937_64;

/// Nothing but death is injected, so nothing may fail.
template <class T>
T must(Result<T> result) {
    if (!result.has_value()) {
        fmt::print(stderr, "a life failed: {}\n", result.error().what);
        std::_Exit(3);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(result).value();
    }
}

/// Who reads is of no concern here, so nobody keeps this key.
evidence::Recipients recipients() {
    static const crypto::AgeIdentity reviewer = crypto::AgeIdentity::generate();
    return {{reviewer.recipient()}, {reviewer.recipient()}, {}};
}

class Agents {
  public:
    Agents(const Life& life, io::FileSystem& files, Teller& teller)
        : life_(life),
          teller_(teller),
          dice_(life.seed),
          recorder_(must(recorder::open_recorder(files, system_clock(), options()))),
          journal_(*recorder_, teller) {}

    /// All of it, on one loop.
    void run() {
        net::Loops loops(1);
        loops.at(0).spawn([&]() -> net::Task<void> {
            const std::shared_ptr<PartLog> system = co_await begin("");
            co_await declare(*system);
            for (std::uint64_t round = 0; round < life_.rounds; ++round) {
                co_await work(loops.at(0));
            }
            if (life_.rounds == 0) {
                co_await end(system);
            }
            loops.stop();
        });
        loops.run();
        recorder_.reset();
    }

  private:
    recorder::RecorderOptions options() const {
        recorder::RecorderOptions options;
        options.data_dir = life_.data_dir;
        options.origin = kOrigin;
        options.segment_bytes = life_.segment_bytes;
        options.reserve_bytes = 2 * life_.segment_bytes;
        options.anchors.make = [](const evidence::VerifierKey&) {
            return Result<recorder::AnchorSetup::Anchors>(recorder::AnchorSetup::Anchors());
        };
        options.recipients = recipients();
        return options;
    }
    void tell_signed() { teller_.tell("signed {}", recorder_->status().log_size); }

    net::Task<void> declare(PartLog& system);
    net::Task<void> work(net::Loop& loop);
    net::Task<std::shared_ptr<PartLog>> begin(std::string session);
    net::Task<void> agent(std::shared_ptr<PartLog> part, std::uint64_t seed);
    net::Task<void> operation(PartLog& part, Dice& dice);
    net::Task<void> upload(PartLog& part, Dice& dice);
    net::Task<void> end(std::shared_ptr<PartLog> part);
    std::size_t size_of_body(Dice& dice) const;

    const Life& life_;
    Teller& teller_;
    Dice dice_;
    net::Workers workers_{1};
    std::unique_ptr<recorder::Recorder> recorder_;
    TellingJournal journal_;
    std::vector<std::shared_ptr<PartLog>> open_;
    std::size_t agents_ = 0;  ///< at work
};

Bytes content(Dice& dice, std::size_t size) {
    return Bytes(size, static_cast<std::uint8_t>('a' + dice() % 26));
}

Value open_fields(const std::string& session) {
    Map fields{{"session", session}, {"kind", session.empty() ? "system" : "session"}};
    return Map{{"observed", std::move(fields)},
               {"verified", Map{{"agent", Map{{"id", "reporter"}, {"method", "key"}}}}},
               {"stated", Map{{"principal", "none"}}}};
}

Value intent_fields(Sequence op, const char* verdict, const Map& body, std::size_t parameters) {
    Map request{{"method", "GET"}, {"target", "/b/k"}, {"body", body}};
    Map decision{{"verdict", verdict}, {"reason", "scope"}, {"why", "the scope says so"}};
    return Map{{"observed", Map{{"op", op.value()},
                                {"connection", "reports-ro"},
                                {"request", std::move(request)},
                                {"decision", std::move(decision)}}},
               {"derived", Map{{"service", "s3"},
                               {"operation", "GetObject"},
                               {"effect", body.empty() ? "read" : "write"},
                               {"parameters", std::string(parameters, 'p')}}}};
}

/// Of RESULT; `answer` is what the response's BODY records hold together.
Map answered(ByteView answer, std::uint64_t bytes_request) {
    return {{"outcome", "answered"},
            {"status", 200},
            {"bytes_request", bytes_request},
            {"bytes_response", answer.size()},
            {"sha256_response", codec::hex(crypto::sha256(answer))},
            {"duration_ns", 1'500'000}};
}

net::Task<std::shared_ptr<PartLog>> Agents::begin(std::string session) {
    const std::string kind = session.empty() ? "system" : "session";
    auto part = std::make_shared<PartLog>(journal_, journal_.begin_part({kind, session}));
    auto fields = [&](model::PartNo) { return open_fields(session); };
    const Result<void> opened = co_await part->open(workers_, fields);
    must(opened);
    tell_signed();
    open_.push_back(part);
    co_return part;
}

/// As gateway/resume.cc does it.
net::Task<void> Agents::declare(PartLog& system) {
    if (recorder_->found().frames > 0) {
        Value payload = recording::observed(recorder_->found().fields());
        const Result<void> declared = co_await system.control(
            RecordKind::recovery, std::move(payload), Await::durable, journal::Use::closing);
        must(declared);
    }
}

net::Task<void> Agents::end(std::shared_ptr<PartLog> part) {
    std::erase(open_, part);
    Map fields{{"reason", "ended"}, {"by", "operator"}};
    const Result<void> closed = co_await part->close(std::move(fields), false);
    must(closed);
}

std::size_t Agents::size_of_body(Dice& dice) const {
    return life_.large ? dice() % 400'000 : dice() % 6'000;
}

net::Task<void> Agents::operation(PartLog& part, Dice& dice) {
    const bool allowed = dice() % 8 != 0;
    const std::size_t parameters = life_.large ? dice() % 120'000 : dice() % 300;
    auto fields = [&](Sequence op) {
        return intent_fields(op, allowed ? "allow" : "deny", {}, parameters);
    };
    const auto told = co_await part.intent(fields, {}, allowed);
    const Sequence op = must(told).op;
    if (!allowed) {
        co_return;
    }
    if (dice() % 10 == 0) {
        Map why{{"why", "the target could not be reached"}};
        const auto done =
            co_await part.outcome(RecordKind::not_sent, op, std::move(why), Await::held);
        co_return must(done);
    }
    Map of_op{{"op", op.value()}};
    (void)part.bulk_unawaited(RecordKind::sent, recording::observed(of_op));
    of_op.emplace("status", 200);
    Value head = recording::observed(std::move(of_op));
    const Result<void> headed = co_await part.bulk(RecordKind::head, std::move(head), Await::held);
    must(headed);
    const Bytes answer = content(dice, size_of_body(dice));
    const Await await = dice() % 3 == 0 ? Await::durable : Await::held;
    const Result<void> carried =
        co_await part.body(op, Direction::response, 0, answer, Await::held);
    must(carried);
    Map result = answered(answer, 0);
    const auto done = co_await part.outcome(RecordKind::result, op, std::move(result), await);
    must(done);
}

/// A request body that is durable whole before its last bytes leave.
net::Task<void> Agents::upload(PartLog& part, Dice& dice) {
    const Bytes sent = content(dice, 1 + size_of_body(dice));
    const Map body{{"size", sent.size()}, {"inline", "records"}};
    auto fields = [&](Sequence op) { return intent_fields(op, "allow", body, 10); };
    const auto told = co_await part.intent(fields, {}, true);
    const Sequence op = must(told).op;
    (void)part.bulk_unawaited(RecordKind::sent, recording::observed({{"op", op.value()}}));
    const Result<void> carried = co_await part.body(op, Direction::request, 0, sent, Await::held);
    must(carried);
    const std::uint64_t next = recording::body_parts(sent.size());
    const Result<void> whole =
        co_await part.body(op, Direction::request, next, {}, Await::durable);
    must(whole);
    Map result = answered({}, sent.size());
    const auto done = co_await part.outcome(RecordKind::result, op, std::move(result), Await::held);
    must(done);
}

net::Task<void> Agents::agent(std::shared_ptr<PartLog> part, std::uint64_t seed) {
    Dice dice(seed);
    for (int i = 0; i < 4; ++i) {
        if (dice() % 4 == 0) {
            co_await upload(*part, dice);
        } else {
            co_await operation(*part, dice);
        }
    }
    --agents_;
}

std::string session_id(Dice& dice) {
    std::string id = "ns-";
    for (int i = 0; i < 26; ++i) {
        id += static_cast<char>('a' + dice() % 26);
    }
    return id;
}

/// Three sessions with two agents each; one of them goes on in the next round.
net::Task<void> Agents::work(net::Loop& loop) {
    while (open_.size() < 4) {
        (void)co_await begin(session_id(dice_));
    }
    for (std::size_t i = 1; i < open_.size(); ++i) {
        for (int each = 0; each < 2; ++each) {
            ++agents_;
            loop.spawn([this, part = open_[i], seed = dice_()] { return agent(part, seed); });
        }
    }
    while (agents_ > 0) {
        co_await net::sleep_for(net::Millis(1));
    }
    while (open_.size() > 2) {
        co_await end(open_.back());
    }
    tell_signed();
}

}  // namespace

std::uint64_t live(const Life& life, int pipe) {
    DyingFiles files(io::posix(), life.cut);
    Teller teller(pipe);
    Agents(life, files, teller).run();
    return files.operations();
}

}  // namespace narrows::crash
