#include "journal/journal.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "base/soon_test.h"
#include "journal/store_test.h"
#include "journal/verify.h"

namespace narrows::journal::testing {
namespace {

using model::RecordKind;

TEST(Journal, what_was_appended_is_read_back_in_order) {
    io::FaultyFileSystem fs;
    {
        auto opened = open(fs).value();
        const auto part = opened.journal->begin_part();
        EXPECT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "open"));
        EXPECT_TRUE(put(*opened.journal, *part, Lane::bulk, RecordKind::body, "body"));
        EXPECT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::close, "close"));
        EXPECT_EQ(part->no().value(), 1u);
        EXPECT_EQ(part->next().value(), 3u);
    }
    auto index = PartIndex::build(fs, kDirectory, model::PartNo(1)).value();
    ASSERT_EQ(index.entries().size(), 3u);
    EXPECT_EQ(as_text(index.read(index.entries()[1]).value().payload), "body");
    EXPECT_EQ(as_text(index.read(index.entries()[2]).value().payload), "close");
    EXPECT_TRUE(index.missing().empty());
    EXPECT_EQ(index.origin(), kOrigin);
    const ChainReport report = verify_chain(fs, kDirectory).value();
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.frames, 3u);
}

TEST(Journal, reopens_and_reports_what_it_found) {
    io::FaultyFileSystem fs;
    crypto::Digest last{};
    for (int boot = 0; boot < 3; ++boot) {
        int seen = 0;
        Options options = small_options();
        options.on_recovered = [&](const Frame&) { ++seen; };
        auto opened = open(fs, options).value();
        EXPECT_EQ(seen, boot * 2);
        ASSERT_EQ(opened.report.parts.size(), static_cast<std::size_t>(boot));
        if (boot > 0) {
            const PartReport& found = opened.report.parts.back();
            EXPECT_EQ(found.next.value(), 2u);
            EXPECT_EQ(found.last_leaf, last);
            EXPECT_EQ(found.closed, boot == 2);
        }
        const auto part = opened.journal->begin_part();
        EXPECT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "a"));
        const auto kind = boot == 1 ? RecordKind::close : RecordKind::notice;
        last =
            opened.journal->append(*part, Lane::control, kind, to_bytes("b"), Await::none, nullptr)
                .value()
                .leaf;
        EXPECT_EQ(part->no().value(), static_cast<std::uint64_t>(boot + 1));
    }
    EXPECT_EQ(verify_chain(fs, kDirectory).value().findings_total, 0u);
}

TEST(Journal, a_resumed_part_continues_its_chain) {
    io::FaultyFileSystem fs;
    {
        auto opened = open(fs).value();
        const auto part = opened.journal->begin_part();
        EXPECT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "a"));
    }
    {
        auto opened = open(fs).value();
        const auto part = opened.journal->resume_part(opened.report.parts.at(0));
        EXPECT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::close, "b"));
        const auto fresh = opened.journal->begin_part();
        EXPECT_TRUE(put(*opened.journal, *fresh, Lane::control, RecordKind::open, "c"));
        EXPECT_EQ(fresh->no().value(), 2u);
    }
    const ChainReport report = verify_chain(fs, kDirectory).value();
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.parts.at(model::PartNo(1)).next.value(), 2u);
}

TEST(Journal, a_builder_learns_the_number_it_gets) {
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    const auto part = opened.journal->begin_part();
    for (std::uint64_t i = 0; i < 3; ++i) {
        Outcome outcome;
        const auto kind = i == 0 ? RecordKind::open : RecordKind::intent;
        const PayloadBuilder build = [](model::PartNo no, model::Sequence sequence) {
            return Bytes{static_cast<std::uint8_t>(no.value()),
                         static_cast<std::uint8_t>(sequence.value())};
        };
        ASSERT_TRUE(
            opened.journal->append(*part, Lane::control, kind, build, Await::durable, &outcome));
        EXPECT_TRUE(outcome.wait());
        EXPECT_EQ((read_store(fs).payloads.at({1, i})), std::string({'\1', static_cast<char>(i)}));
    }
}

TEST(Journal, one_directory_one_gateway) {
    io::FaultyFileSystem fs;
    {
        auto opened = open(fs).value();
        EXPECT_EQ(open(fs).error().code, ErrorCode::conflict);
        const auto part = opened.journal->begin_part();
        EXPECT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "a"));
    }
    Options other = small_options();
    other.origin = "narrows/gw-2";
    EXPECT_EQ(open(fs, other).error().code, ErrorCode::conflict);
}

TEST(Journal, bounds) {
    std::atomic<bool> go = false;  // outlives the journal: its threads wait on it
    io::FaultyFileSystem fs;
    Options options = small_options();
    options.queue_bytes_max = 300'000;
    auto opened = open(fs, options).value();
    const auto part = opened.journal->begin_part();
    const auto append = [&](std::size_t size) {
        return opened.journal->append(*part, Lane::control, RecordKind::open, Bytes(size),
                                      Await::none, nullptr);
    };
    EXPECT_EQ(append(kPayloadMax + 1).error().code, ErrorCode::invalid);
    fs.set_hook([&](io::FaultyFileSystem::Operation, const std::string&) {
        go.wait(false);
        return ok();
    });
    EXPECT_TRUE(append(kPayloadMax));
    EXPECT_EQ(append(kPayloadMax).error().code, ErrorCode::exhausted);
    EXPECT_EQ(part->next().value(), 1u);
    go = true;
    go.notify_all();
}

TEST(Journal, neither_lane_waits_for_the_other) {
    std::atomic<bool> go = false;  // outlives the journal: its threads wait on it
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    const auto part = journal.begin_part();
    ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
    fs.set_hook([&](io::FaultyFileSystem::Operation, const std::string& path) {
        if (path.find("bulk-") != std::string::npos) {
            go.wait(false);
        }
        return ok();
    });
    Outcome body;
    ASSERT_TRUE(
        journal.append(*part, Lane::bulk, RecordKind::body, to_bytes("b"), Await::held, &body));
    EXPECT_TRUE(put(journal, *part, Lane::control, RecordKind::intent, "c"));
    EXPECT_EQ(body.told(), 0);
    go = true;
    go.notify_all();
    EXPECT_TRUE(body.wait());
}

TEST(Journal, sync_is_told_when_all_before_it_is_durable) {
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    const auto part = journal.begin_part();
    ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
    ASSERT_TRUE(journal.append(*part, Lane::bulk, RecordKind::body, to_bytes("unawaited"),
                               Await::none, nullptr));
    Outcome synced;
    ASSERT_TRUE(journal.sync(Lane::bulk, synced));
    EXPECT_TRUE(synced.wait());
    fs.power_cut();
    EXPECT_TRUE(read_store(fs).payloads.contains({1, 1}));
}

TEST(Journal, sync_fails_with_the_disk_and_works_when_that_is_well) {
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    const auto part = journal.begin_part();
    ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
    ASSERT_TRUE(put(journal, *part, Lane::bulk, RecordKind::body, "b"));
    // All fail until told otherwise: the first may be the lane's own, which nobody waits for.
    fs.set_faults({.sync_error_at = fs.syncs() + 1, .times = 1'000'000});
    ASSERT_TRUE(
        journal.append(*part, Lane::bulk, RecordKind::body, to_bytes("c"), Await::none, nullptr));
    Outcome failed;
    ASSERT_TRUE(journal.sync(Lane::bulk, failed));
    EXPECT_FALSE(failed.wait());
    fs.set_faults({});
    EXPECT_TRUE(soon([&] {
        Outcome synced;
        return journal.sync(Lane::bulk, synced).has_value() && synced.wait();
    }));
    fs.power_cut();
    EXPECT_TRUE(read_store(fs).payloads.contains({1, 2}));
}

TEST(Journal, what_nobody_awaits_is_written_all_the_same) {
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    const auto part = journal.begin_part();
    ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
    ASSERT_TRUE(put(journal, *part, Lane::bulk, RecordKind::body, "b"));
    ASSERT_TRUE(
        journal.append(*part, Lane::bulk, RecordKind::body, to_bytes("c"), Await::none, nullptr));
    EXPECT_TRUE(soon([&] { return read_store(fs).payloads.contains({1, 2}); }));
}

TEST(Journal, a_clock_that_was_set_back_does_not_part_the_lanes) {
    io::FaultyFileSystem fs;
    ManualClock clock(1'000 * kNsPerSecond);
    {
        auto opened = Journal::open(fs, clock, small_options()).value();
        Journal& journal = *opened.journal;
        const auto part = journal.begin_part();
        ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "0"));
        for (const char* payload : {"1", "3"}) {
            clock.advance(kNsPerSecond);
            ASSERT_TRUE(put(journal, *part, Lane::bulk, RecordKind::body, payload));
            clock.advance(kNsPerSecond);
            clock.set_wall(clock.wall() - 500 * kNsPerSecond);
            ASSERT_TRUE(put(journal, *part, Lane::control, RecordKind::intent, "2"));
        }
    }
    std::vector<std::uint64_t> order;
    auto reader = Reader::open(fs, kDirectory);
    while (auto item = reader.value().next().value()) {
        order.push_back(std::get<Frame>(*item).sequence.value());
    }
    EXPECT_EQ(order, (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST(Journal, one_sync_commits_all_who_wait) {
    std::atomic<bool> go = false;  // outlives the journal: its threads wait on it
    io::FaultyFileSystem fs;
    auto opened = open(fs).value();
    Journal& journal = *opened.journal;
    std::vector<std::shared_ptr<Part>> parts;
    for (int i = 0; i < 100; ++i) {
        parts.push_back(journal.begin_part());
    }
    fs.set_hook([&](io::FaultyFileSystem::Operation, const std::string&) {
        go.wait(false);
        return ok();
    });
    std::vector<Outcome> outcomes(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        ASSERT_TRUE(journal.append(*parts[i], Lane::control, RecordKind::open, Bytes(100),
                                   Await::durable, &outcomes[i]));
    }
    const std::uint64_t before = journal.counters().control.syncs;
    go = true;
    go.notify_all();
    for (Outcome& outcome : outcomes) {
        EXPECT_TRUE(outcome.wait());
        EXPECT_EQ(outcome.told(), 1);
    }
    EXPECT_LE(journal.counters().control.syncs - before, 2u);
}

TEST(Journal, rolls_over_many_segments_and_stays_readable_meanwhile) {
    io::FaultyFileSystem fs;
    {
        auto opened = open(fs).value();
        const auto part = opened.journal->begin_part();
        ASSERT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "a"));
        for (int i = 0; i < 40; ++i) {
            const Lane lane = i % 2 == 0 ? Lane::bulk : Lane::control;
            ASSERT_TRUE(put(*opened.journal, *part, lane, RecordKind::body,
                            std::string(200'000, static_cast<char>('a' + i % 26)),
                            i % 3 == 0 ? Await::held : Await::durable));
            if (i % 10 == 0) {
                EXPECT_GE(read_store(fs).payloads.size(), static_cast<std::size_t>(i));
            }
        }
        EXPECT_EQ(opened.journal->state().condition, Condition::ok);
    }
    const ChainReport report = verify_chain(fs, kDirectory).value();
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.frames, 41u);
    EXPECT_GE(report.segments, 8u);
}

TEST(Journal, threads_and_a_real_disk) {
    const std::string directory = "/var/tmp/narrows-journal-" + std::to_string(::getpid());
    Options options = small_options();
    options.directory = directory;
    {
        auto opened = open(io::posix(), options).value();
        Journal& journal = *opened.journal;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&journal] {
                const auto part = journal.begin_part();
                EXPECT_TRUE(put(journal, *part, Lane::control, RecordKind::open, "a"));
                for (int i = 0; i < 50; ++i) {
                    EXPECT_TRUE(put(journal, *part, Lane::bulk, RecordKind::body,
                                    std::string(30'000, 'b'), Await::none));
                    EXPECT_TRUE(put(journal, *part, Lane::control, RecordKind::result, "c",
                                    i % 2 == 0 ? Await::held : Await::durable));
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
    const ChainReport report = verify_chain(io::posix(), directory).value();
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.frames, 4u * 101u);
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace narrows::journal::testing
