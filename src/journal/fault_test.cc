#include <chrono>
#include <mutex>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/soon_test.h"
#include "journal/store_test.h"
#include "journal/verify.h"

namespace narrows::journal::testing {
namespace {

using model::RecordKind;
using Faults = io::FaultyFileSystem::Faults;

bool becomes(const Journal& journal, Condition condition) {
    return soon([&] { return journal.state().condition == condition; });
}

int declarations(io::FaultyFileSystem& fs) {
    int count = 0;
    for (const auto& [key, payload] : read_store(fs).payloads) {
        count += key.first == 0 && payload.find("VOLUME_FAULT") != std::string::npos ? 1 : 0;
    }
    return count;
}

/// One fault under a control append: that append fails, the next ones work in a fresh segment that
/// declares it, and nothing of the part is lost.
void one_fault(Lane lane, Await await, const std::function<Faults(io::FaultyFileSystem&)>& faults) {
    io::FaultyFileSystem fs;
    {
        auto opened = open(fs).value();
        Journal& journal = *opened.journal;
        const auto part = journal.begin_part();
        ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
        fs.set_faults(faults(fs));
        EXPECT_FALSE(put(journal, *part, lane, RecordKind::body, "b", await));
        EXPECT_TRUE(put(journal, *part, lane, RecordKind::body, "c", await));
        EXPECT_TRUE(put(journal, *part, Lane::control, RecordKind::close, "d"));
        EXPECT_TRUE(becomes(journal, Condition::ok));
        const Counters counters = journal.counters();
        EXPECT_EQ(counters.control.faults + counters.bulk.faults, 1u);
    }
    EXPECT_EQ(declarations(fs), 1);
    fs.power_cut();
    const auto opened = open(fs).value();
    ASSERT_EQ(opened.report.parts.size(), 1u);
    EXPECT_EQ(opened.report.parts[0].next.value(), 4u);
    EXPECT_TRUE(opened.report.parts[0].missing.empty());
    EXPECT_EQ(verify_chain(fs, kDirectory).value().findings_total, 0u);
}

TEST(Fault, failed_sync) {
    const auto faults = [](auto& fs) { return Faults{.sync_error_at = fs.syncs() + 1}; };
    one_fault(Lane::control, Await::durable, faults);
    one_fault(Lane::bulk, Await::durable, faults);
}

TEST(Fault, failed_write) {
    const auto faults = [](auto& fs) { return Faults{.write_error_at = fs.writes() + 1}; };
    one_fault(Lane::control, Await::durable, faults);
    one_fault(Lane::bulk, Await::held, faults);
}

TEST(Fault, short_write) {
    const auto faults = [](auto& fs) { return Faults{.write_short_at = fs.writes() + 1}; };
    one_fault(Lane::control, Await::durable, faults);
    one_fault(Lane::bulk, Await::held, faults);
}

// A held bulk frame whose sync fails later is written again: it was promised.
TEST(Fault, what_was_held_survives_a_failed_sync) {
    io::FaultyFileSystem fs;
    {
        auto opened = open(fs).value();
        const auto part = opened.journal->begin_part();
        ASSERT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "a"));
        fs.set_faults({.sync_error_at = fs.syncs() + 1});
        ASSERT_TRUE(put(*opened.journal, *part, Lane::bulk, RecordKind::body, "b", Await::held));
    }
    fs.power_cut();
    EXPECT_EQ((read_store(fs).payloads.at({1, 1})), "b");
    EXPECT_EQ(declarations(fs), 1);
}

TEST(Fault, refuses_while_the_disk_is_ill_and_gets_well_alone) {
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    const auto part = journal.begin_part();
    ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
    fs.set_faults({.write_error_at = fs.writes() + 1, .times = 1'000'000});
    EXPECT_FALSE(put(journal, *part, Lane::control, RecordKind::intent, "b"));
    ASSERT_TRUE(becomes(journal, Condition::refusing));
    EXPECT_FALSE(journal.can_open_session());
    EXPECT_FALSE(journal.state().why.empty());
    Outcome outcome;
    const auto refused =
        journal.append(*part, Lane::bulk, RecordKind::body, to_bytes("x"), Await::held, &outcome);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_EQ(outcome.told(), 0);
    fs.set_faults({});
    ASSERT_TRUE(becomes(journal, Condition::ok));
    EXPECT_TRUE(put(journal, *part, Lane::control, RecordKind::not_sent, "c"));
    const Stored stored = read_store(fs);
    EXPECT_EQ((stored.payloads.at({1, 1})), "b");
    EXPECT_EQ((stored.payloads.at({1, 2})), "c");
    EXPECT_EQ(verify_chain(fs, kDirectory).value().parts.at(model::PartNo(1)).next.value(), 3u);
}

TEST(Fault, does_not_fill_the_disk_with_segments_that_carry_nothing) {
    // Outlive the journal: its writer and the thread that prepares spares both call the hook.
    std::mutex mutex;
    std::string segment = kDirectory + "/spare-control-1";
    int writes = 1;
    bool ill = true;
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    const auto part = journal.begin_part();
    ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
    // Each segment's header and declaration can be written; the records behind them cannot.
    using Operation = io::FaultyFileSystem::Operation;
    fs.set_hook([&](Operation operation, const std::string& path) -> Result<void> {
        const std::lock_guard guard(mutex);
        if (operation == Operation::rename && path.find("spare-control") != std::string::npos) {
            segment = path;
            writes = 0;
        } else if (operation == Operation::write && path == segment && ++writes > 1 && ill) {
            return fail(ErrorCode::io, path + ": ill");
        }
        return ok();
    });
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(put(journal, *part, Lane::control, RecordKind::intent, "b"));
    ASSERT_TRUE(becomes(journal, Condition::refusing));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const std::uint64_t faults = journal.counters().control.faults;
    const auto retries = (std::chrono::steady_clock::now() - begin) / std::chrono::milliseconds(5);
    EXPECT_LE(faults, 3u + static_cast<std::uint64_t>(retries));
    {
        const std::lock_guard guard(mutex);
        ill = false;
    }
    // What fails now began to fail before; each retry makes the lane well for a moment.
    int tries = 1;
    while (!put(journal, *part, Lane::control, RecordKind::not_sent, "c")) {
        ASSERT_LT(++tries, 100);
        ASSERT_TRUE(becomes(journal, Condition::ok));
    }
    EXPECT_EQ((read_store(fs).payloads.at({1, 1})), "b");
}

TEST(Fault, a_full_disk_refuses_to_open) {
    io::FaultyFileSystem fs;
    fs.set_faults({.capacity = 3 << 20});
    EXPECT_EQ(open(fs).error().code, ErrorCode::exhausted);
}

// When nothing more can be reserved, no session may open; normal records end before the reserved
// tail, closing records still fit; with space back, all is well without a hand. Also where the disk
// answers so late that a segment would be full before it is known that none follows.
void keeps_room_for_endings(std::chrono::milliseconds reserving_takes) {
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    const auto part = journal.begin_part();
    ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
    fs.set_faults({.capacity = 4 << 20});
    fs.set_hook([=](io::FaultyFileSystem::Operation operation, const std::string&) {
        if (operation == io::FaultyFileSystem::Operation::allocate) {
            std::this_thread::sleep_for(reserving_takes);
        }
        return ok();
    });
    const std::string payload(30'000, 'x');
    EXPECT_TRUE(journal.has_room_for(1 << 20));
    int taken = 0;
    while (put(journal, *part, Lane::control, RecordKind::intent, payload)) {
        ASSERT_LT(++taken, 1000);
    }
    EXPECT_GT(taken, 30);
    EXPECT_EQ(journal.state().condition, Condition::low_space);
    EXPECT_FALSE(journal.can_open_session());
    EXPECT_FALSE(journal.has_room_for(0));
    EXPECT_TRUE(put(journal, *part, Lane::control, RecordKind::not_sent, "no", Await::durable,
                    Use::closing));
    fs.set_faults({});
    ASSERT_TRUE(becomes(journal, Condition::ok));
    EXPECT_TRUE(put(journal, *part, Lane::control, RecordKind::intent, payload));
    EXPECT_EQ(verify_chain(fs, kDirectory).value().findings_total, 0u);
}

TEST(Fault, a_disk_that_fills_up_keeps_room_for_endings) {
    keeps_room_for_endings(std::chrono::milliseconds(0));
}

TEST(Fault, a_slow_disk_that_fills_up_keeps_room_for_endings) {
    keeps_room_for_endings(std::chrono::milliseconds(300));
}

}  // namespace
}  // namespace narrows::journal::testing
