#include "recording/part_log.h"

#include <gtest/gtest.h>

#include "base/soon_test.h"
#include "recording/barrier.h"
#include "recording/recorder_test.h"

namespace narrows::recording {
namespace {

using testing::Record;
using testing::Recorder;

codec::Value any_intent(Sequence op) {
    return observed({{"op", op.value()}});
}

Result<PartLog::Intent> intent(Recorder& recorder, PartLog& log, bool allowed) {
    return recorder.wait<Result<PartLog::Intent>>([&]() -> net::Task<Result<PartLog::Intent>> {
        co_return co_await log.intent(any_intent, crypto::Digest(), allowed);
    });
}

/// The places that were told of, and when the INTENT's fate was known.
Result<PartLog::Intent> intent_noting(Recorder& recorder, PartLog& log, bool allowed,
                                      std::vector<std::string>& events) {
    return recorder.wait<Result<PartLog::Intent>>([&]() -> net::Task<Result<PartLog::Intent>> {
        const PartLog::Placed placed = [&](model::PartNo part, Sequence op) {
            EXPECT_EQ(part, log.no());
            events.push_back("placed " + std::to_string(op.value()));
        };
        Result<PartLog::Intent> made =
            co_await log.intent(any_intent, crypto::Digest(), allowed, placed);
        events.push_back(made.has_value() ? "durable" : "failed");
        co_return made;
    });
}

Result<void> outcome(Recorder& recorder, PartLog& log, Sequence op) {
    return recorder.wait<Result<void>>([&]() -> net::Task<Result<void>> {
        codec::Map fields = {{"status", 200}};
        co_return co_await log.outcome(RecordKind::result, op, std::move(fields), Await::held);
    });
}

Result<void> close(Recorder& recorder, PartLog& log) {
    return recorder.wait<Result<void>>([&]() -> net::Task<Result<void>> {
        codec::Map fields = {{"reason", "ended"}};
        co_return co_await log.close(std::move(fields), false);
    });
}

TEST(PartLog, close_gives_open_operations_an_outcome_and_counts_it) {
    Recorder recorder;
    const auto log = recorder.opened_part();
    const Sequence done = intent(recorder, *log, true).value().op;
    const Sequence open = intent(recorder, *log, true).value().op;
    intent(recorder, *log, false).value();
    ASSERT_TRUE(outcome(recorder, *log, done).has_value());
    const auto closed = close(recorder, *log);
    ASSERT_TRUE(closed.has_value());
    EXPECT_EQ(log->counts().at("UNKNOWN"), 1u);
    EXPECT_FALSE(outcome(recorder, *log, open).has_value());

    const std::vector<Record> records = recorder.records(log->no());
    ASSERT_EQ(records.size(), 7u);
    EXPECT_EQ(records[5].kind, RecordKind::unknown);
    EXPECT_EQ(records[5].observed().number("op"), std::int64_t(open.value()));
    EXPECT_EQ(records[6].kind, RecordKind::close);
    EXPECT_EQ(records[6].observed().find("counts")->number("UNKNOWN"), 1);
    EXPECT_EQ(records[6].observed().find("counts")->number("INTENT"), 3);
}

TEST(PartLog, an_operation_has_one_outcome) {
    Recorder recorder;
    const auto log = recorder.opened_part();
    const Sequence op = intent(recorder, *log, true).value().op;
    EXPECT_TRUE(outcome(recorder, *log, op).has_value());
    EXPECT_FALSE(outcome(recorder, *log, op).has_value());
    EXPECT_FALSE(log->outcome_unawaited(RecordKind::unknown, op, {}));
    const Sequence denied = intent(recorder, *log, false).value().op;
    EXPECT_FALSE(outcome(recorder, *log, denied).has_value());
}

TEST(PartLog, a_close_whose_sync_failed_is_waited_for_and_stands_once) {
    for (std::uint64_t which = 1; which <= 3; ++which) {
        Recorder recorder;
        const auto log = recorder.opened_part();
        recorder.fs.set_faults({.sync_error_at = recorder.fs.syncs() + which});
        EXPECT_TRUE(soon([&] { return close(recorder, *log).has_value(); }));
        EXPECT_TRUE(log->closed());
        EXPECT_FALSE(close(recorder, *log).has_value());
        const std::vector<Record> records = recorder.records(log->no());
        ASSERT_EQ(records.size(), 2u) << "sync " << which;
        EXPECT_EQ(records[1].kind, RecordKind::close);
    }
}

TEST(PartLog, a_barrier_is_durable_with_the_disk_and_fails_with_it) {
    Recorder recorder;
    const auto log = recorder.opened_part();
    const auto settled = [&] {
        return Barrier::begin(*recorder.journal)->wait(std::chrono::minutes(1));
    };
    ASSERT_TRUE(log->bulk_unawaited(RecordKind::head, observed({{"op", 1}})));
    EXPECT_EQ(settled(), Barrier::State::durable);
    recorder.fs.set_faults({.sync_error_at = recorder.fs.syncs() + 1, .times = 1'000'000});
    ASSERT_TRUE(log->bulk_unawaited(RecordKind::head, observed({{"op", 2}})));
    EXPECT_EQ(settled(), Barrier::State::failed);
    recorder.fs.set_faults({});
}

TEST(PartLog, the_place_of_an_intent_is_told_before_its_fate_and_of_allowed_ones_only) {
    Recorder recorder;
    const auto log = recorder.opened_part();
    std::vector<std::string> events;
    EXPECT_TRUE(intent_noting(recorder, *log, true, events).has_value());
    EXPECT_TRUE(intent_noting(recorder, *log, false, events).has_value());
    recorder.fs.set_faults({.sync_error_at = recorder.fs.syncs() + 1, .times = 1'000'000});
    EXPECT_FALSE(intent_noting(recorder, *log, true, events).has_value());
    recorder.fs.set_faults({});
    EXPECT_EQ(events,
              (std::vector<std::string>{"placed 1", "durable", "durable", "placed 3", "failed"}));
}

TEST(PartLog, an_intent_whose_sync_failed_was_not_sent) {
    Recorder recorder;
    const auto log = recorder.opened_part();
    recorder.fs.set_faults({.sync_error_at = recorder.fs.syncs() + 1, .times = 1'000'000});
    ASSERT_FALSE(intent(recorder, *log, true).has_value());
    recorder.fs.set_faults({});
    ASSERT_TRUE(soon([&] { return close(recorder, *log).has_value(); }));
    const std::vector<Record> records = recorder.records(log->no());
    ASSERT_EQ(records.size(), 4u);
    EXPECT_EQ(records[1].kind, RecordKind::intent);
    EXPECT_EQ(records[2].kind, RecordKind::not_sent);
    EXPECT_EQ(records[2].observed().number("op"), 1);
}

TEST(PartLog, a_long_stretch_of_a_body_is_several_records_in_order) {
    Recorder recorder;
    const auto log = recorder.opened_part();
    const Sequence op = intent(recorder, *log, true).value().op;
    const Bytes stretch(150'000, 'x');
    EXPECT_EQ(body_parts(stretch.size()), 3u);
    EXPECT_TRUE(recorder.wait<bool>([&]() -> net::Task<bool> {
        const Result<void> held =
            co_await log->body(op, Direction::response, 5, stretch, Await::held);
        co_return held.has_value();
    }));
    const std::vector<Record> records = recorder.records(log->no());
    ASSERT_EQ(records.size(), 5u);
    const std::size_t sizes[] = {65'536, 65'536, 18'928};
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(records[2 + i].payload.number("index"), std::int64_t(5 + i));
        EXPECT_EQ(records[2 + i].payload.find("bytes")->as<Bytes>()->size(), sizes[i]);
    }
}

}  // namespace
}  // namespace narrows::recording
