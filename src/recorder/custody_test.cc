#include "recorder/custody.h"

#include <atomic>

#include <gtest/gtest.h>

#include "codec/cbor.h"
#include "evidence/key_ring.h"
#include "evidence/logged_parts.h"
#include "evidence/verify.h"
#include "io/faulty.h"
#include "journal/store_test.h"
#include "recorder/options_test.h"
#include "recorder/recorder.h"
#include "recording/part_log.h"

namespace narrows::recorder {
namespace {

using evidence::HoldEntry;
using journal::KeyClass;
using journal::testing::Outcome;
using model::RecordKind;

constexpr const char* kData = "/data";
constexpr std::int64_t kDay = 24 * 3600 * kNsPerSecond;

evidence::KeySigner officer(const char* name) {
    return evidence::KeySigner::make(name, crypto::SigningKey::generate()).value();
}

/// A recorder on a disk in memory: bodies are kept for 30 days, operations for 90.
class CustodyTest : public testing::Test {
  protected:
    CustodyTest() { open(); }

    void open() {
        RecorderOptions options = small_recorder(kData, reviewer_);
        options.retention.least_ns = {90 * kDay, 30 * kDay, 7 * kDay};
        options.retention.officers = {legal_.key(), audit_.key()};
        auto opened = open_recorder(disk_, clock_, std::move(options));
        ASSERT_TRUE(opened) << opened.error().what;
        recorder_ = std::move(opened.value());
    }
    void put(journal::Part& part, RecordKind kind, codec::Map fields) {
        Outcome outcome;
        const auto build = [&](model::PartNo, model::Sequence) {
            return codec::cbor_encode(recording::observed(fields));
        };
        const auto appended = recorder_->append(part, journal::Lane::control, kind, build,
                                                journal::Await::durable, &outcome);
        ASSERT_TRUE(appended && outcome.wait());
    }
    std::shared_ptr<journal::Part> begin(const std::string& session) {
        auto part = recorder_->begin_part({"session", session});
        put(*part, RecordKind::open, {{"session", session}, {"kind", "session"}});
        return part;
    }
    void end(journal::Part& part) {
        put(part, RecordKind::close, {{"reason", "ended"}, {"counts", codec::Map{{"OPEN", 1}}}});
        shred("ns-none");  // which waits until the log has the CLOSE, before time goes on
    }
    HoldEntry word(evidence::KeySigner& by, bool released, const std::string& session) {
        HoldEntry made{released,      session, "case 7", evidence::vkey_text(by.key()),
                       clock_.wall(), {}};
        const std::string text = evidence::hold_text(journal::testing::kOrigin, made);
        const crypto::Signature signature = by.sign(as_bytes(text)).value();
        made.signature.assign(signature.begin(), signature.end());
        clock_.advance(1);
        return made;
    }
    /// Why not; nothing if it is done.
    std::optional<ErrorCode> shred(const std::string& session, std::optional<KeyClass> key = {}) {
        const auto shredded = recorder_->shred({session, key, "somebody"});
        why_ = shredded ? "" : shredded.error().what;
        return shredded ? std::nullopt : std::optional(shredded.error().code);
    }
    bool has(const std::string& envelope) {
        return disk_.exists(std::string(kData) + "/keys/" + envelope).value();
    }
    evidence::Report verify() {
        evidence::VerifyOptions options;
        options.data_dir = kData;
        options.keys.push_back(std::string(reviewer_.text().text()));
        options.trust = evidence::Trust{{log_key()}, {}, 0, {legal_.key(), audit_.key()}};
        return evidence::verify(disk_, options);
    }
    evidence::VerifierKey log_key() {
        const std::string skey = to_string(disk_.content(std::string(kData) + "/log.key"));
        return evidence::KeySigner::parse_skey(skey).value().key();
    }
    std::size_t logged(const char* type) {
        const auto entries = evidence::logged_entries(
            disk_, kData, [&](ByteView entry) { return evidence::mentions(entry, type); });
        return entries ? entries.value().size() : 0;
    }

    io::FaultyFileSystem disk_;
    ManualClock clock_{1'764'000'000 * kNsPerSecond};
    crypto::AgeIdentity reviewer_ = crypto::AgeIdentity::generate();
    evidence::KeySigner legal_ = officer("legal");
    evidence::KeySigner audit_ = officer("audit");
    std::unique_ptr<Recorder> recorder_;
    std::string why_;
};

TEST_F(CustodyTest, a_session_is_shredded_past_its_retention_class_by_class) {
    const auto part = begin("ns-a");
    EXPECT_EQ(shred("ns-a"), ErrorCode::conflict);
    EXPECT_NE(why_.find("not over"), std::string::npos) << why_;
    end(*part);
    EXPECT_EQ(shred("ns-a", KeyClass::bodies), ErrorCode::conflict);
    EXPECT_NE(why_.find("30.0 days"), std::string::npos) << why_;
    clock_.advance(31 * kDay);
    EXPECT_EQ(shred("ns-a"), ErrorCode::conflict) << "operations are kept longer";
    EXPECT_EQ(shred("ns-a", KeyClass::secrets), ErrorCode::not_found);
    EXPECT_EQ(shred("ns-a", KeyClass::bodies), std::nullopt);
    EXPECT_FALSE(has("00000001.bodies.age"));
    EXPECT_TRUE(has("00000001.operations.age"));
    clock_.advance(60 * kDay);
    EXPECT_EQ(shred("ns-a"), std::nullopt);
    EXPECT_FALSE(has("00000001.operations.age"));
    EXPECT_EQ(shred("ns-a"), std::nullopt) << "asking again harms nothing";
    EXPECT_EQ(logged("SHRED"), 2u);
    recorder_.reset();
    const evidence::Report report = verify();
    EXPECT_EQ(report.verdict, evidence::Verdict::verified);
    EXPECT_EQ(report.checked.shredded, 2u);
    EXPECT_EQ(report.checked.sealed, 2u) << "nothing opens it any more";
}

TEST_F(CustodyTest, retention_does_not_shrink_while_the_recorder_runs) {
    const auto part = begin("ns-a");
    end(*part);
    Retention shorter;
    shorter.least_ns = {0, 60 * kDay, 0};
    recorder_->set_retention(shorter);
    clock_.advance(59 * kDay);
    EXPECT_EQ(shred("ns-a", KeyClass::operations), ErrorCode::conflict);
    EXPECT_EQ(shred("ns-a", KeyClass::bodies), ErrorCode::conflict) << "but it grows";
}

TEST_F(CustodyTest, nothing_but_a_known_whole_session_is_shredded) {
    const auto part = begin("ns-a");
    end(*part);
    clock_.advance(91 * kDay);
    EXPECT_EQ(shred(""), ErrorCode::not_found);
    EXPECT_EQ(shred("ns-"), ErrorCode::not_found);
    EXPECT_EQ(shred("ns-b"), ErrorCode::not_found);
    EXPECT_TRUE(has("00000001.operations.age"));
}

TEST_F(CustodyTest, a_session_with_an_open_part_is_not_over) {
    const auto first = begin("ns-a");
    end(*first);
    begin("ns-a");
    clock_.advance(91 * kDay);
    EXPECT_EQ(shred("ns-a"), ErrorCode::conflict);
}

TEST_F(CustodyTest, a_hold_outlives_retention_and_restarts_until_its_officer_releases_it) {
    const auto part = begin("ns-a");
    EXPECT_TRUE(recorder_->hold(word(legal_, false, "ns-a")));
    EXPECT_TRUE(recorder_->hold(word(audit_, false, "ns-a")));
    end(*part);
    recorder_.reset();
    clock_.advance(91 * kDay);
    open();
    EXPECT_EQ(shred("ns-a"), ErrorCode::conflict);
    EXPECT_NE(why_.find("case 7"), std::string::npos) << why_;
    EXPECT_TRUE(recorder_->hold(word(legal_, true, "ns-a")));
    EXPECT_EQ(shred("ns-a"), ErrorCode::conflict) << "the other officer's hold goes on";
    EXPECT_EQ(recorder_->hold(word(legal_, true, "ns-a")).error().code, ErrorCode::conflict);
    EXPECT_TRUE(recorder_->hold(word(audit_, true, "ns-a")));
    EXPECT_EQ(shred("ns-a"), std::nullopt);
    recorder_.reset();
    EXPECT_EQ(verify().verdict, evidence::Verdict::verified);
}

TEST_F(CustodyTest, only_an_officers_own_fresh_word_on_a_known_session_counts) {
    begin("ns-a");
    evidence::KeySigner stranger = officer("legal");
    EXPECT_EQ(recorder_->hold(word(stranger, false, "ns-a")).error().code, ErrorCode::denied);
    HoldEntry changed = word(legal_, false, "ns-a");
    changed.released = true;
    EXPECT_EQ(recorder_->hold(changed).error().code, ErrorCode::denied);
    EXPECT_EQ(recorder_->hold(word(legal_, false, "ns-b")).error().code, ErrorCode::not_found);
    EXPECT_EQ(recorder_->hold(word(legal_, true, "ns-a")).error().code, ErrorCode::conflict);
    const HoldEntry old = word(legal_, false, "ns-a");
    clock_.advance(Custody::kWordNs + kNsPerSecond);
    EXPECT_EQ(recorder_->hold(old).error().code, ErrorCode::invalid);
    EXPECT_EQ(logged("HOLD") + logged("RELEASE"), 0u);
}

TEST_F(CustodyTest, a_word_is_taken_once) {
    begin("ns-a");
    const HoldEntry hold = word(legal_, false, "ns-a");
    const HoldEntry release = word(legal_, true, "ns-a");
    EXPECT_TRUE(recorder_->hold(hold));
    EXPECT_TRUE(recorder_->hold(hold)) << "asked twice, on record once";
    EXPECT_TRUE(recorder_->hold(release));
    EXPECT_TRUE(recorder_->hold(word(legal_, false, "ns-a")));
    EXPECT_EQ(recorder_->hold(release).error().code, ErrorCode::conflict) << "replayed";
    EXPECT_EQ(logged("HOLD"), 2u);
    EXPECT_EQ(logged("RELEASE"), 1u);
}

TEST_F(CustodyTest, the_log_says_it_before_a_key_goes_and_a_restart_finishes_it) {
    const auto part = begin("ns-a");
    end(*part);
    clock_.advance(91 * kDay);
    std::atomic<std::size_t> said = 99;
    disk_.set_hook([&](io::FaultyFileSystem::Operation operation, const std::string& path) {
        if (path.ends_with(".age") && said == 99) {
            said = logged("SHRED");
        }
        if (path.ends_with(".age") && operation == io::FaultyFileSystem::Operation::remove) {
            disk_.set_faults({.die_at = disk_.operations() + 1});
        }
        return ok();
    });
    EXPECT_EQ(shred("ns-a"), ErrorCode::io);
    EXPECT_EQ(said, 2u);
    recorder_.reset();
    disk_.set_hook(nullptr);
    disk_.set_faults({});
    disk_.power_cut();
    const Bytes left = disk_.content("/data/keys/00000001.bodies.age");
    EXPECT_EQ(left, Bytes(left.size())) << "overwritten before it goes";
    EXPECT_TRUE(has("00000001.operations.age"));
    open();
    EXPECT_FALSE(has("00000001.operations.age"));
    EXPECT_FALSE(has("00000001.bodies.age"));
    recorder_.reset();
    EXPECT_EQ(verify().verdict, evidence::Verdict::verified);
}

}  // namespace
}  // namespace narrows::recorder
