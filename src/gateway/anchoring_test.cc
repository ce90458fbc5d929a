#include "recorder/anchoring.h"

#include <future>
#include <mutex>

#include <gtest/gtest.h>

#include "base/soon_test.h"
#include "evidence/tiles.h"
#include "evidence/witness.h"
#include "evidence/witness_message.h"
#include "gateway/witness_anchor.h"
#include "io/faulty.h"
#include "journal/store_test.h"
#include "recorder/alarms.h"
#include "recorder/evidence_keeper.h"

namespace narrows::gateway {
namespace {

using recorder::Anchoring;
using recorder::AnchorPolicy;
using recorder::AnchorSetup;
using recorder::AnchorState;
using recorder::EvidenceKeeper;

using evidence::Anchored;
using evidence::Entry;
using evidence::HeartbeatEntry;
using evidence::SignedCheckpoint;
using namespace std::chrono_literals;

evidence::KeySigner key(std::string name, std::uint8_t byte) {
    return evidence::KeySigner::make(std::move(name),
                                     crypto::SigningKey::from_seed(Secret(Bytes(32, byte))).value())
        .value();
}

/// Its two clocks move at once: seen between them, an advance would be a jump.
class SharedClock final : public Clock {
  public:
    WallNs wall() const override {
        const std::lock_guard guard(mutex_);
        return clock_.wall();
    }
    MonoNs mono() const override {
        const std::lock_guard guard(mutex_);
        return clock_.mono();
    }
    void advance(std::int64_t ns) {
        const std::lock_guard guard(mutex_);
        clock_.advance(ns);
    }
    void set_wall(WallNs now) { clock_.set_wall(now); }

  private:
    mutable std::mutex mutex_;
    ManualClock clock_{1'764'000'000 * kNsPerSecond};
};

/// A witness at the other end of an exchange, or what a test puts in its place.
class Wire : public upstream::HttpFetch {
  public:
    using Answer = std::function<Result<upstream::FetchResponse>(const upstream::FetchRequest&)>;
    explicit Wire(Answer answer) : answer(std::move(answer)) {}
    Result<upstream::FetchResponse> fetch(const upstream::FetchRequest& request) override {
        ++asked;
        return answer(request);
    }
    Answer answer;
    std::atomic<int> asked = 0;
};

upstream::FetchResponse response(int status, const std::string& body) {
    return {{status, {}}, Secret(to_bytes(body))};
}

/// A log on a disk, and a witness that knows it.
class AnchoringTest : public testing::Test {
  protected:
    AnchoringTest() { witness_disk_.make_directory("/state").value(); }

    std::unique_ptr<evidence::Log> open(const std::string& folder) {
        return evidence::Log::open(disk_, folder, "narrows/gw-1", signer_, 1).value();
    }
    static void grow(evidence::Log& log, int entries, WallNs time = 7) {
        for (int i = 0; i < entries; ++i) {
            const Entry entry{time, HeartbeatEntry{}};
            ASSERT_TRUE(log.append({&entry, 1}));
        }
        ASSERT_TRUE(log.checkpoint());
    }
    std::unique_ptr<WitnessAnchor> anchor(std::shared_ptr<Wire> wire) {
        return WitnessAnchor::make("w1", "http://127.0.0.1:1/prefix/", witness_->key(),
                                   std::move(wire))
            .value();
    }
    std::shared_ptr<Wire> real() {
        return std::make_shared<Wire>([this](const upstream::FetchRequest& request) {
            EXPECT_EQ(request.head.target, "/prefix/add-checkpoint");
            const auto said = witness_->add_checkpoint(request.body.text());
            return response(said.status, said.body);
        });
    }
    static std::shared_ptr<Wire> always(int status, const std::string& body) {
        return std::make_shared<Wire>(
            [=](const upstream::FetchRequest&) { return response(status, body); });
    }
    evidence::LogView view(const std::string& folder) { return {disk_, folder}; }

    SharedClock clock_;
    io::FaultyFileSystem disk_;
    io::FaultyFileSystem witness_disk_;
    evidence::KeySigner signer_ = key("narrows/gw-1", 1);
    std::unique_ptr<evidence::Witness> witness_ =
        evidence::Witness::open(witness_disk_, "/state",
                                evidence::Cosigner::make(key("w.example/1", 9)).value(),
                                {{"narrows/gw-1", {signer_.key()}}}, clock_)
            .value();
};

TEST_F(AnchoringTest, a_witness_cosigns_a_growing_log_and_a_restarted_anchor_finds_its_place) {
    const auto log = open("/log");
    grow(*log, 4);
    const auto first = anchor(real());
    const Anchored said = first->give(log->signed_checkpoint(), view("/log")).value();
    EXPECT_EQ(said.kind, Anchored::Kind::held);
    EXPECT_EQ(said.cosigned_at, 1'764'000'000);
    grow(*log, 300);
    EXPECT_EQ(first->give(log->signed_checkpoint(), view("/log")).value().known, 305u);
    grow(*log, 1);
    const auto wire = real();
    EXPECT_EQ(anchor(wire)->give(log->signed_checkpoint(), view("/log")).value().known, 306u);
    EXPECT_EQ(wire->asked, 2) << "409 with the size, then the proof";
}

TEST_F(AnchoringTest, a_witness_tells_a_log_that_was_rolled_back_or_went_another_way) {
    const auto log = open("/log");
    const auto other = open("/other");
    grow(*log, 8);
    ASSERT_TRUE(anchor(real())->give(log->signed_checkpoint(), view("/log")));
    grow(*other, 3);
    const Anchored behind =
        anchor(real())->give(other->signed_checkpoint(), view("/other")).value();
    EXPECT_EQ(behind.kind, Anchored::Kind::ahead);
    EXPECT_EQ(behind.known, 9u);
    grow(*other, 5, 8);
    EXPECT_EQ(anchor(real())->give(other->signed_checkpoint(), view("/other")).value().kind,
              Anchored::Kind::contradicted);
    grow(*other, 1, 8);
    EXPECT_EQ(anchor(real())->give(other->signed_checkpoint(), view("/other")).value().kind,
              Anchored::Kind::contradicted);
}

TEST_F(AnchoringTest, answers_that_are_none_of_a_witness_are_errors) {
    const auto log = open("/log");
    grow(*log, 4);
    const auto give = [&](std::shared_ptr<Wire> wire) {
        return anchor(std::move(wire))->give(log->signed_checkpoint(), view("/log"));
    };
    EXPECT_EQ(give(always(403, "")).error().code, ErrorCode::denied);
    EXPECT_EQ(give(always(404, "")).error().code, ErrorCode::not_found);
    EXPECT_EQ(give(always(500, "")).error().code, ErrorCode::unavailable);
    EXPECT_EQ(give(always(301, "")).error().code, ErrorCode::unavailable);
    EXPECT_FALSE(give(always(409, "four\n")));
    EXPECT_FALSE(give(always(409, "")));
    for (const std::string body :
         {"", "ok\n", "\u2014 w.example/1 AAAAAAAA\n", "\u2014 x", "\xff\xfe\n"}) {
        EXPECT_EQ(give(always(200, body)).error().code, ErrorCode::invalid) << body;
    }
    const auto changing = std::make_shared<Wire>([n = 0](const upstream::FetchRequest&) mutable {
        return response(409, std::to_string(n++ % 2 + 1) + "\n");
    });
    EXPECT_EQ(give(changing).error().code, ErrorCode::unavailable);
    EXPECT_EQ(changing->asked, WitnessAnchor::kExchangesMax);
}

TEST_F(AnchoringTest, another_witness_behind_the_url_does_not_count) {
    const auto log = open("/log");
    grow(*log, 4);
    evidence::Cosigner stranger = evidence::Cosigner::make(key("w.example/1", 8)).value();
    const auto wire = std::make_shared<Wire>([&](const upstream::FetchRequest& request) {
        const auto asked = evidence::parse_add_checkpoint(request.body.text()).value();
        const auto text = evidence::parse_note(asked.note).value().text;
        return response(200, evidence::signature_lines({stranger.cosign(text, 5).value()}));
    });
    EXPECT_EQ(anchor(wire)->give(log->signed_checkpoint(), view("/log")).error().code,
              ErrorCode::invalid);
}

/// An anchor that says what it is told to.
class Puppet : public evidence::Anchor {
  public:
    using Say = std::function<Result<Anchored>(const SignedCheckpoint&)>;
    Puppet(std::string name, Say say) : name_(std::move(name)), say_(std::move(say)) {}
    const std::string& name() const override { return name_; }
    const char* kind() const override { return "directory"; }
    Result<Anchored> give(const SignedCheckpoint& checkpoint, const evidence::LogView&) override {
        return say_(checkpoint);
    }

  private:
    std::string name_;
    Say say_;
};

Result<Anchored> held(const SignedCheckpoint& checkpoint) {
    return Anchored{Anchored::Kind::held, checkpoint.checkpoint.size, std::nullopt, 0, ""};
}

AnchorPolicy quick() {
    AnchorPolicy policy;
    policy.every_ns = 1'000'000;
    policy.back_off_max_ns = 4'000'000;
    return policy;
}

TEST_F(AnchoringTest, one_that_hangs_or_fails_delays_nobody_and_is_tried_again) {
    const auto log = open("/log");
    grow(*log, 2);
    std::promise<void> release;
    std::shared_future<void> released = release.get_future().share();
    std::atomic<int> failures = 0;
    std::vector<std::unique_ptr<evidence::Anchor>> anchors;
    anchors.push_back(std::make_unique<Puppet>("hangs", [released](const SignedCheckpoint& given) {
        released.wait();
        return held(given);
    }));
    anchors.push_back(std::make_unique<Puppet>("good", held));
    anchors.push_back(
        std::make_unique<Puppet>("fails", [&](const SignedCheckpoint& given) -> Result<Anchored> {
            return ++failures < 4 ? fail(ErrorCode::io, "it is down") : held(given);
        }));
    std::atomic<int> told = 0;
    Anchoring anchoring(disk_, clock_, "/log", quick(), std::move(anchors),
                        [&](const evidence::EntryBody&) { ++told; });
    anchoring.offer(log->signed_checkpoint());
    EXPECT_TRUE(soon([&] { return told == 2; }));
    const auto states = anchoring.states();
    EXPECT_FALSE(states[0].age_ns);
    EXPECT_EQ(states[1].size, 3u);
    EXPECT_EQ(states[2].trouble, "");
    EXPECT_EQ(failures, 4);
    EXPECT_EQ(anchoring.age_ns(), 0);
    release.set_value();
    EXPECT_TRUE(soon([&] { return told == 3; }));
}

TEST_F(AnchoringTest, age_counts_from_the_newest_that_any_anchor_took) {
    const auto log = open("/log");
    grow(*log, 2);
    std::atomic<bool> down = false;
    std::vector<std::unique_ptr<evidence::Anchor>> anchors;
    anchors.push_back(
        std::make_unique<Puppet>("usb", [&](const SignedCheckpoint& given) -> Result<Anchored> {
            return down ? fail(ErrorCode::exhausted, "it is full") : held(given);
        }));
    AnchorPolicy policy = quick();
    policy.age_max_ns = 60 * kNsPerSecond;
    Anchoring anchoring(disk_, clock_, "/log", policy, std::move(anchors),
                        [](const evidence::EntryBody&) {});
    EXPECT_FALSE(anchoring.age_ns());
    clock_.advance(61 * kNsPerSecond);
    EXPECT_TRUE(anchoring.overdue()) << "counted from the start";
    anchoring.offer(log->signed_checkpoint());
    anchoring.await_first(1min);
    EXPECT_FALSE(anchoring.overdue());
    down = true;
    clock_.advance(59 * kNsPerSecond);
    grow(*log, 1);
    anchoring.offer(log->signed_checkpoint());
    EXPECT_TRUE(soon([&] { return !anchoring.states()[0].trouble.empty(); }));
    EXPECT_FALSE(anchoring.overdue());
    clock_.advance(2 * kNsPerSecond);
    EXPECT_TRUE(anchoring.overdue());
    EXPECT_EQ(anchoring.age_ns(), 61 * kNsPerSecond);
}

TEST_F(AnchoringTest, a_checkpoint_that_someone_else_gave_it_is_no_contradiction) {
    const auto log = open("/log");
    grow(*log, 9);
    std::atomic<std::uint64_t> known = 10;
    std::vector<std::unique_ptr<evidence::Anchor>> anchors;
    anchors.push_back(
        std::make_unique<Puppet>("w", [&](const SignedCheckpoint&) -> Result<Anchored> {
            return Anchored{Anchored::Kind::ahead, known, std::nullopt, 0, "it has more"};
        }));
    Anchoring anchoring(disk_, clock_, "/log", quick(), std::move(anchors),
                        [](const evidence::EntryBody&) {});
    anchoring.offer(log->signed_checkpoint());
    anchoring.await_first(1min);
    EXPECT_FALSE(anchoring.states()[0].contradicts);
    known = 11;
    EXPECT_TRUE(soon([&] { return anchoring.states()[0].contradicts; }));
}

/// The keeper of a data directory with one witness.
class KeeperTest : public AnchoringTest {
  protected:
    AnchorSetup setup(std::shared_ptr<Wire> wire, bool required = false) {
        AnchorSetup made;
        made.policy = quick();
        made.policy.age_max_ns = 60 * kNsPerSecond;
        made.policy.required = required;
        made.make = [this, wire](const evidence::VerifierKey& log) -> Result<AnchorSetup::Anchors> {
            if (!witness_) {
                witness_ =
                    evidence::Witness::open(witness_disk_, "/state",
                                            evidence::Cosigner::make(key("w.example/1", 9)).value(),
                                            {{"narrows/gw-1", {log}}}, clock_)
                        .value();
            }
            AnchorSetup::Anchors anchors;
            anchors.push_back(anchor(wire));
            return anchors;
        };
        return made;
    }
    Result<std::unique_ptr<EvidenceKeeper>> keep(const AnchorSetup& with) {
        if (!journal_) {
            journal_ = std::move(journal::testing::open(journal_disk_).value().journal);
        }
        NARROWS_TRY(evidence::KeySigner own,
                    evidence::open_key_file(disk_, "/data/log.key", "narrows/gw-1"));
        return EvidenceKeeper::open(disk_, clock_, "/data",
                                    std::make_unique<evidence::KeySigner>(std::move(own)), with,
                                    {*journal_, heads_, keys_});
    }
    void SetUp() override { witness_.reset(); }
    /// Like soon, while time passes.
    template <class Condition>
    bool in_time(Condition condition) {
        return soon([&] {
            clock_.advance(kNsPerMs);
            return condition();
        });
    }
    io::FaultyFileSystem journal_disk_;
    std::unique_ptr<journal::Journal> journal_;
    evidence::PartHeads heads_;
    evidence::KeyStore keys_{journal_disk_, system_clock(), "/data", "narrows/gw-1"};
    using Files = std::map<std::string, Bytes>;
    Files files() {
        Files found;
        for (const std::string folder :
             {"/data", "/data/log", "/data/log/tile/0/000.p", "/data/log/tile/entries/000.p"}) {
            const std::vector<std::string> names = disk_.list(folder).value();
            for (const std::string& name : names) {
                const std::string path = folder + "/" + name;
                found[path] = disk_.content(path);
            }
        }
        return found;
    }
    void roll_back_to(const Files& then) {
        for (const auto& [path, bytes] : files()) {
            if (!then.contains(path)) EXPECT_TRUE(disk_.remove(path));
        }
        for (const auto& [path, bytes] : then) disk_.set_content(path, bytes);
    }
    /// How many entries of a type the log under /data has.
    int entries(const std::string& type) {
        evidence::TileReader tiles(disk_, "/data/log");
        const auto note = evidence::parse_note(as_text(disk_.content("/data/log/checkpoint")));
        const std::uint64_t size = evidence::parse_checkpoint(note.value().text).value().size;
        const auto bundle = tiles.bundle(0, size).value();
        int found = 0;
        for (const Bytes& each : bundle) {
            found += evidence::name_of(evidence::decode_entry(each).value().body) == type ? 1 : 0;
        }
        return found;
    }
};

TEST_F(KeeperTest, cosignatures_stand_in_the_log_and_beside_it) {
    {
        const auto keeper = keep(setup(real())).value();
        EXPECT_TRUE(in_time([&] { return disk_.exists("/data/log/cosigned").value(); }));
        EXPECT_EQ(keeper->no_new_sessions(), "");
    }
    EXPECT_GT(entries("COSIGN"), 0);
    EXPECT_GT(entries("HEARTBEAT"), 0);
    const auto note = evidence::parse_note(as_text(disk_.content("/data/log/cosigned"))).value();
    const auto verified = evidence::verify_note(note, {witness_->key()}).value();
    EXPECT_GE(verified.cosigned_at.at(0), 1'764'000'000);
    EXPECT_LE(verified.cosigned_at.at(0), clock_.wall() / kNsPerSecond);
}

TEST_F(KeeperTest, a_rolled_back_directory_does_not_start_unless_the_operator_insists) {
    { const auto keeper = keep(setup(real())).value(); }
    const Files then = files();
    {
        const auto keeper = keep(setup(real())).value();
        const std::uint64_t size = keeper->size();
        EXPECT_TRUE(in_time([&] { return keeper->anchoring().states()[0].size > size; }));
    }
    roll_back_to(then);
    AnchorSetup again = setup(real());
    const auto refused = keep(again);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().what.find("--accept-rollback"), std::string::npos);
    again.accept_rollback = true;
    {
        const auto keeper = keep(again).value();
        EXPECT_EQ(keeper->no_new_sessions(), "");
        EXPECT_EQ(keeper->alarms().active().count("rollback accepted"), 1u);
    }
    EXPECT_EQ(entries("ALARM"), 1);
}

TEST_F(KeeperTest, required_anchors_refuse_sessions_first_and_operations_later) {
    std::atomic<bool> up = false;
    const auto through = real();
    const auto wire = std::make_shared<Wire>([&](const upstream::FetchRequest& request) {
        return up ? through->fetch(request)
                  : Result<upstream::FetchResponse>(fail(ErrorCode::timeout, "nobody answers"));
    });
    const auto keeper = keep(setup(wire, true)).value();
    EXPECT_NE(keeper->no_new_sessions(), "") << "none has been reached since the start";
    EXPECT_FALSE(keeper->refuses_operations());
    clock_.advance(239 * kNsPerSecond);
    EXPECT_FALSE(keeper->refuses_operations());
    clock_.advance(2 * kNsPerSecond);
    EXPECT_TRUE(keeper->refuses_operations());
    EXPECT_TRUE(soon([&] { return keeper->alarms().active().count("anchors overdue") == 1; }));
    up = true;
    EXPECT_TRUE(soon([&] { return keeper->no_new_sessions().empty(); }));
    EXPECT_FALSE(keeper->refuses_operations());
    EXPECT_TRUE(soon([&] { return keeper->alarms().active().empty(); }));
}

TEST_F(KeeperTest, a_clock_that_is_set_is_an_alarm_and_an_entry) {
    {
        const auto keeper = keep(setup(real())).value();
        const std::uint64_t size = keeper->size();
        clock_.advance(10 * kNsPerSecond);  // a heartbeat is due, and the clock is looked at
        EXPECT_TRUE(soon([&] { return keeper->size() > size; }));
        EXPECT_EQ(keeper->clock_jumps(), 0u);
        clock_.set_wall(clock_.wall() - 3600 * kNsPerSecond);
        EXPECT_TRUE(soon([&] { return keeper->clock_jumps() == 1; }));
        EXPECT_EQ(keeper->alarms().active().count("clock jump"), 1u);
        EXPECT_EQ(keeper->alarms().take_for_notices().size(), 1u);
    }
    EXPECT_EQ(entries("ALARM"), 1);
}

}  // namespace
}  // namespace narrows::gateway
