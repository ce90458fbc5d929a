#include "life.h"

#include <map>
#include <random>
#include <set>
#include <thread>

#include "boundary.h"
#include "evidence/log.h"
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

/// What an earlier life left of a part.
struct Left {
    std::set<std::uint64_t> open;  ///< allowed operations without an outcome
    std::map<std::string, std::uint64_t> counts;
};

class Recorder {
  public:
    Recorder(const Life& life, io::FileSystem& files, Teller& teller)
        : life_(life),
          teller_(teller),
          dice_(life.seed),
          signer_(must(evidence::open_key_file(files, life.data_dir + "/log.key", kOrigin))),
          opened_(must(journal::Journal::open(files, system_clock(), options()))),
          journal_(*opened_.journal, teller),
          log_(must(evidence::Log::open(files, life.data_dir + "/log", kOrigin, signer_,
                                        system_clock().wall()))) {}

    /// All of it, on one loop.
    void run() {
        net::Loops loops(1);
        loops.at(0).spawn([&]() -> net::Task<void> {
            co_await declare();
            for (std::uint64_t round = 0; round < life_.rounds; ++round) {
                co_await work(loops.at(0));
            }
            sign();
            loops.stop();
        });
        loops.run();
        opened_.journal.reset();
    }
    std::string vkey() const { return evidence::vkey_text(signer_.key()); }

  private:
    journal::Options options() {
        return {.directory = life_.data_dir + "/journal",
                .origin = kOrigin,
                .segment_bytes = 1 << 20,
                .reserve_bytes = 2 << 20,
                .on_recovered = [this](const journal::Frame& frame) { see(frame); }};
    }
    void see(const journal::Frame& frame) {
        Left& left = left_[frame.part.value()];
        ++left.counts[model::name_of(frame.kind)];
        const Shown seen = shown(frame);
        if (frame.kind == RecordKind::intent && seen.allowed) {
            left.open.insert(seen.op);
        } else if (frame.kind == RecordKind::result || frame.kind == RecordKind::not_sent ||
                   frame.kind == RecordKind::unknown) {
            left.open.erase(seen.op);
        }
    }

    void sign() {
        const evidence::SignedCheckpoint made = must(log_->checkpoint());
        teller_.tell("signed {}", made.checkpoint.size);
    }
    void log(evidence::EntryBody body) {
        const evidence::Entry entry{system_clock().wall(), std::move(body)};
        (void)must(log_->append({&entry, 1}));
    }

    net::Task<void> declare();
    net::Task<void> close_left(const journal::PartReport& report);
    net::Task<void> work(net::Loop& loop);
    net::Task<std::shared_ptr<PartLog>> begin(std::string session);
    net::Task<void> agent(std::shared_ptr<PartLog> part, std::uint64_t seed);
    net::Task<void> operation(PartLog& part, Dice& dice);
    net::Task<void> upload(PartLog& part, Dice& dice);
    net::Task<void> publish_heads();
    net::Task<void> end(std::shared_ptr<PartLog> part);
    std::size_t size_of_body(Dice& dice) const;

    const Life& life_;
    Teller& teller_;
    Dice dice_;
    std::map<std::uint64_t, Left> left_;
    evidence::KeySigner signer_;
    journal::Journal::Opened opened_;
    TellingJournal journal_;
    std::unique_ptr<evidence::Log> log_;
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

net::Task<std::shared_ptr<PartLog>> Recorder::begin(std::string session) {
    static const Bytes kReceiptKey(32, 7);
    auto part = std::make_shared<PartLog>(journal_, journal_.begin_part(), kReceiptKey);
    auto fields = [&](model::PartNo) { return open_fields(session); };
    const Result<void> opened = co_await part->open(fields);
    must(opened);
    const char* kind = session.empty() ? "system" : "session";
    log(evidence::OpenEntry{part->no(), session, kind, part->head().last_leaf});
    sign();
    open_.push_back(part);
    co_return part;
}

/// What became of an earlier life's part, as gateway/resume.cc declares it.
net::Task<void> Recorder::close_left(const journal::PartReport& report) {
    PartLog part(journal_, journal_.resume_part(report), {});
    Left& left = left_[report.part.value()];
    for (const journal::Range& range : report.missing) {
        Value gap = recording::observed({{"first", range.first.value()},
                                         {"last", range.last.value()},
                                         {"why", "not on disk after a restart"}});
        const Result<void> declared = co_await part.control(
            RecordKind::gap, std::move(gap), Await::durable, journal::Use::closing);
        must(declared);
        ++left.counts["GAP"];
    }
    for (const std::uint64_t op : left.open) {
        Value unknown = recording::observed({{"op", op}, {"why", "the recorder died"}});
        (void)part.control_unawaited(RecordKind::unknown, unknown);
        ++left.counts["UNKNOWN"];
    }
    Map counts(left.counts.begin(), left.counts.end());
    Map closing{{"reason", "interrupted"}, {"by", "recovery"}, {"counts", std::move(counts)}};
    const auto end = co_await part.close_with(std::move(closing));
    const recording::PartHead head = must(end);
    log(evidence::CloseEntry{{head.part, head.size, head.last_leaf, std::nullopt}, {}});
}

net::Task<void> Recorder::declare() {
    const std::shared_ptr<PartLog> system = co_await begin("");
    for (const journal::PartReport& report : opened_.report.parts) {
        if (!report.closed) {
            co_await close_left(report);
        }
    }
    if (opened_.report.frames > 0) {
        Map found{{"frames", opened_.report.frames}};
        log(evidence::RecoveryEntry{found});
        Value payload = recording::observed(std::move(found));
        const Result<void> declared = co_await system->control(
            RecordKind::recovery, std::move(payload), Await::durable, journal::Use::closing);
        must(declared);
    }
    sign();
    if (life_.rounds == 0) {
        co_await end(system);
    }
}

net::Task<void> Recorder::end(std::shared_ptr<PartLog> part) {
    std::erase(open_, part);
    Map fields{{"reason", "ended"}, {"by", "operator"}};
    const auto closed = co_await part->close(std::move(fields));
    const PartLog::Closed end = must(closed);
    const recording::PartHead& head = end.head;
    log(evidence::CloseEntry{{head.part, head.size, head.last_leaf, std::nullopt}, end.counts});
}

/// As gateway/evidence_keeper.cc does it: the log never claims what is not durable.
net::Task<void> Recorder::publish_heads() {
    std::vector<evidence::PartHead> heads;
    for (const auto& part : open_) {
        const recording::PartHead head = part->head();
        heads.push_back({head.part, head.size, head.last_leaf, std::nullopt});
    }
    const auto barrier = open_.front()->begin_barrier();
    while (barrier->state() == recording::Barrier::State::pending) {
        co_await net::sleep_for(net::Millis(1));
    }
    log(evidence::IntervalEntry{std::move(heads)});
    sign();
}

std::size_t Recorder::size_of_body(Dice& dice) const {
    return life_.large ? dice() % 400'000 : dice() % 6'000;
}

net::Task<void> Recorder::operation(PartLog& part, Dice& dice) {
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
net::Task<void> Recorder::upload(PartLog& part, Dice& dice) {
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

net::Task<void> Recorder::agent(std::shared_ptr<PartLog> part, std::uint64_t seed) {
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
net::Task<void> Recorder::work(net::Loop& loop) {
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
        co_await publish_heads();
    }
    while (open_.size() > 2) {
        co_await end(open_.back());
    }
    sign();
}

}  // namespace

std::uint64_t live(const Life& life, int pipe) {
    DyingFiles files(io::posix(), life.cut);
    Teller teller(pipe);
    Recorder recorder(life, files, teller);
    recorder.run();
    const std::string trust = "log " + recorder.vkey() + "\n";
    must(io::durable_write(io::posix(), life.data_dir + "/trust", as_bytes(trust)));
    return files.operations();
}

}  // namespace narrows::crash
