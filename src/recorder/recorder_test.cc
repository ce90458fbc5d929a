#include "recorder/recorder.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "base/soon_test.h"
#include "codec/cbor.h"
#include "evidence/key_ring.h"
#include "evidence/logged_parts.h"
#include "evidence/verify.h"
#include "io/faulty.h"
#include "journal/reader.h"
#include "journal/store_test.h"
#include "recorder/options_test.h"
#include "recording/part_log.h"

namespace narrows::recorder {
namespace {

using journal::Await;
using journal::Lane;
using journal::testing::Outcome;
using model::RecordKind;

constexpr const char* kData = "/data";
constexpr const char* kCanary = "canary-5d1c";

class RecorderTest : public testing::Test {
  protected:
    RecorderOptions options() const { return small_recorder(kData, reviewer_); }
    std::unique_ptr<Recorder> open() {
        auto opened = open_recorder(disk_, system_clock(), options());
        EXPECT_TRUE(opened) << (opened ? "" : opened.error().what);
        return std::move(opened.value());
    }
    static bool put(Recorder& recorder, journal::Part& part, journal::Subject subject,
                    codec::Map observed) {
        Outcome outcome;
        const auto build = [&](model::PartNo, model::Sequence) {
            return codec::cbor_encode(recording::observed(observed));
        };
        const auto appended = recorder.append(part, Lane::control, subject, build, Await::durable,
                                              &outcome, journal::Use::normal);
        return appended && outcome.wait();
    }
    static std::shared_ptr<journal::Part> begin(Recorder& recorder) {
        auto part = recorder.begin_part({"session", "ns-a"});
        EXPECT_TRUE(put(recorder, *part, RecordKind::open,
                        {{"session", "ns-a"}, {"kind", "session"}, {"why", kCanary}}));
        return part;
    }
    evidence::Report verify(bool with_key) {
        evidence::VerifyOptions options;
        options.data_dir = kData;
        if (with_key) {
            options.keys.push_back(std::string(reviewer_.text().text()));
        }
        return evidence::verify(disk_, options);
    }
    bool stands_on_disk(std::string_view text) {
        std::size_t files = 0;
        for (const char* folder : {"/data/journal", "/data/keys", "/data/log"}) {
            const std::vector<std::string> names = disk_.list(folder).value();
            for (const std::string& name : names) {
                const Result<Bytes> bytes =
                    io::read_all(disk_, std::string(folder) + "/" + name, 1 << 26);
                files += bytes ? 1 : 0;
                if (bytes && as_text(bytes.value()).find(text) != std::string_view::npos) {
                    return true;
                }
            }
        }
        EXPECT_GE(files, 4u);
        return false;
    }

    io::FaultyFileSystem disk_;
    crypto::AgeIdentity reviewer_ = crypto::AgeIdentity::generate();
};

TEST_F(RecorderTest, an_open_that_was_told_durable_is_in_the_signed_log) {
    const auto recorder = open();
    begin(*recorder);
    const auto logged = evidence::logged_parts(disk_, kData);
    ASSERT_EQ(logged.size(), 1u);
    EXPECT_EQ(logged.begin()->second.session, "ns-a");
    EXPECT_EQ(logged.begin()->second.keys.size(), 2u);
}

TEST_F(RecorderTest, an_open_waits_for_the_log_also_while_a_disk_is_slow) {
    const auto recorder = open();
    const auto busy = begin(*recorder);
    // The log waits for both lanes; longer than one of its ticks does.
    disk_.set_hook([](io::FaultyFileSystem::Operation operation, const std::string& path) {
        if (operation == io::FaultyFileSystem::Operation::sync &&
            path.find("bulk-") != std::string::npos) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1'200));
        }
        return ok();
    });
    const Bytes head = codec::cbor_encode(recording::observed({{"op", 1}}));
    ASSERT_TRUE(recorder->append(*busy, Lane::bulk, RecordKind::head, head, Await::none, nullptr,
                                 journal::Use::closing));
    begin(*recorder);
    const std::size_t logged = evidence::logged_parts(disk_, kData).size();
    disk_.set_hook(nullptr);
    EXPECT_EQ(logged, 2u);
}

TEST_F(RecorderTest, who_waits_for_an_open_is_told_also_when_the_recorder_goes_first) {
    Outcome outcome;
    {
        const auto recorder = open();
        // On its way for longer than the log's last tick waits for the disk.
        disk_.set_hook([](io::FaultyFileSystem::Operation operation, const std::string& path) {
            if (operation == io::FaultyFileSystem::Operation::sync &&
                path.find("control-") != std::string::npos) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1'200));
            }
            return ok();
        });
        const auto part = recorder->begin_part({"session", "ns-a"});
        const auto build = [](model::PartNo, model::Sequence) {
            return codec::cbor_encode(
                recording::observed({{"session", "ns-a"}, {"kind", "session"}}));
        };
        ASSERT_TRUE(recorder->append(*part, Lane::control, RecordKind::open, build, Await::durable,
                                     &outcome, journal::Use::normal));
    }
    EXPECT_EQ(outcome.told(), 1);
    EXPECT_FALSE(outcome.wait()) << "it is on record, and not in the signed log";
    EXPECT_EQ(journal::testing::read_store(disk_).payloads.size(), 1u);
}

/// A key that lies elsewhere: while it is away it signs nothing.
class FarSigner final : public evidence::NoteSigner {
  public:
    struct State {
        std::atomic<bool> away = false;
        std::atomic<int> asked = 0;
    };
    explicit FarSigner(State& state) : state_(state) {}
    const evidence::VerifierKey& key() const override { return key_.key(); }
    Result<crypto::Signature> sign(ByteView text) override {
        ++state_.asked;
        if (state_.away) {
            return fail(ErrorCode::unavailable, "nobody answers there");
        }
        return key_.sign(text);
    }

  private:
    State& state_;
    evidence::KeySigner key_ =
        evidence::KeySigner::make(journal::testing::kOrigin, crypto::SigningKey::generate())
            .value();
};

class FarKeyTest : public RecorderTest {
  protected:
    std::unique_ptr<Recorder> open() {
        RecorderOptions with = options();
        with.open_signer = [this]() -> Result<std::unique_ptr<evidence::NoteSigner>> {
            return std::unique_ptr<evidence::NoteSigner>(std::make_unique<FarSigner>(far_));
        };
        return open_recorder(disk_, system_clock(), std::move(with)).value();
    }
    bool asked_again() {
        const int before = far_.asked;
        return soon([&] { return far_.asked > before + 1; });
    }
    FarSigner::State far_;
};

TEST_F(FarKeyTest, while_it_does_not_sign_no_session_opens_and_what_runs_goes_on) {
    {
        const auto recorder = open();
        const auto running = begin(*recorder);
        far_.away = true;
        const auto refused = recorder->begin_part({"session", "ns-b"});
        EXPECT_FALSE(
            put(*recorder, *refused, RecordKind::open, {{"session", "ns-b"}, {"kind", "session"}}));
        EXPECT_EQ(recorder->status().alarms.count("log key"), 1u);
        EXPECT_EQ(recorder->status().alarms.count("evidence log"), 0u);
        EXPECT_NE(recorder->status().no_new_sessions.find("nobody answers there"),
                  std::string::npos);
        EXPECT_FALSE(recorder->status().refuses_operations);
        EXPECT_TRUE(put(*recorder, *running, RecordKind::notice, {{"what", "it goes on"}}));
        far_.away = false;
        EXPECT_TRUE(soon([&] { return recorder->status().alarms.empty(); }));
        EXPECT_EQ(recorder->status().no_new_sessions, "");
        begin(*recorder);
    }
    const evidence::Report report = verify(true);
    EXPECT_EQ(report.verdict, evidence::Verdict::consistent);
    EXPECT_EQ(report.findings.count(), 0u);
    EXPECT_FALSE(disk_.exists("/data/log.key").value());
}

TEST_F(FarKeyTest, a_log_that_was_full_meanwhile_takes_and_signs_what_waited) {
    constexpr int kMany = 10'000;  // twice that is more than may wait
    const auto recorder = open();
    far_.away = true;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < kMany; ++i) {
            recorder->configured("digest", "boot");
        }
        ASSERT_TRUE(asked_again());
    }
    EXPECT_NE(recorder->status().log_trouble, "");
    far_.away = false;
    EXPECT_TRUE(soon([&] { return recorder->status().log_size > 2 * kMany; }));
    EXPECT_TRUE(soon([&] { return recorder->status().log_trouble.empty(); }));
}

TEST_F(RecorderTest, what_is_recorded_is_sealed_and_opens_with_the_reviewers_key_alone) {
    {
        const auto recorder = open();
        const auto part = begin(*recorder);
        EXPECT_TRUE(put(*recorder, *part, RecordKind::close,
                        {{"reason", "ended"}, {"counts", codec::Map{{"OPEN", 1}}}}));
    }
    EXPECT_FALSE(stands_on_disk(kCanary));
    const evidence::Report keyless = verify(false);
    EXPECT_EQ(keyless.verdict, evidence::Verdict::consistent);
    EXPECT_EQ(keyless.checked.sealed, 2u);
    const evidence::Report keyed = verify(true);
    EXPECT_EQ(keyed.verdict, evidence::Verdict::consistent);
    EXPECT_EQ(keyed.checked.sealed, 0u);
    EXPECT_EQ(keyed.findings.count(), 0u);
}

TEST_F(RecorderTest, an_exchanged_envelope_is_found) {
    {
        const auto recorder = open();
        begin(*recorder);
        begin(*recorder);
    }
    ASSERT_TRUE(
        disk_.rename("/data/keys/00000001.operations.age", "/data/keys/00000002.operations.age"));
    const evidence::Report report = verify(false);
    EXPECT_EQ(report.verdict, evidence::Verdict::wanting);
    EXPECT_TRUE(report.findings.has(evidence::FindingKind::tampering));
    EXPECT_TRUE(report.findings.has(evidence::FindingKind::missing_key));
}

TEST_F(RecorderTest, a_restart_declares_what_was_left_open_without_any_key) {
    {
        const auto recorder = open();
        const auto part = begin(*recorder);
        EXPECT_TRUE(put(*recorder, *part,
                        {RecordKind::intent, journal::kOwn, journal::kFlagAllowed},
                        {{"op", 1}, {"decision", codec::Map{{"verdict", "allow"}}}}));
    }
    {
        const auto recorder = open();
        EXPECT_EQ(recorder->found().parts_interrupted, 1u);
        EXPECT_EQ(recorder->found().operations_unknown, 1u);
        EXPECT_TRUE(recorder->found().may_go_on.contains(model::PartNo(1)));
    }
    const evidence::Report report = verify(true);
    EXPECT_EQ(report.verdict, evidence::Verdict::consistent);
    EXPECT_EQ(report.checked.unknown, 1u);
    EXPECT_EQ(report.checked.parts_open, 0u);
}

}  // namespace
}  // namespace narrows::recorder
