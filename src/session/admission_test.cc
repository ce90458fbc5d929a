#include "session/admission.h"

#include <gtest/gtest.h>

#include "recording/recorder_test.h"

namespace narrows::session {
namespace {

using recording::RecordKind;
using recording::testing::Record;
using recording::testing::Recorder;

constexpr WallNs kNow = 1'795'435'200 * kNsPerSecond;

constexpr const char* kScope =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]})";

Connection connection(Budget budget) {
    return Connection{"c1",
                      "aws",
                      "123456789012",
                      "aws",
                      {"us-east-1"},
                      "",
                      "",
                      "",
                      "",
                      {},
                      budget,
                      policy::Scope::parse(kScope).value(),
                      "",
                      "ASIA",
                      Secret()};
}

class Admission : public ::testing::Test {
  protected:
    SessionPtr session(Budget budget) {
        Terms terms;
        terms.id = model::SessionId("ns-test");
        terms.agent = "agent";
        terms.started_at = kNow;
        terms.expires_at = kNow + 3600 * kNsPerSecond;
        terms.connections.push_back(connection(budget));
        return std::make_shared<Session>(std::move(terms), recorder.opened_part());
    }
    static Asked asked(const char* action, std::size_t body = 0) {
        Asked asked;
        asked.seen.body = Bytes(body, 'x');
        asked.operation.emplace();
        asked.operation->accesses.push_back({action, {{"arn:aws:s3:::bucket/key", true}}});
        return asked;
    }
    Result<session::Admission> admit(const SessionPtr& session, Asked asked) {
        return recorder.wait<Result<session::Admission>>(
            [&]() -> net::Task<Result<session::Admission>> {
                co_return co_await session::admit(session, 0, gate, clock, std::move(asked));
            });
    }

    Recorder recorder;
    Gate gate{8};
    ManualClock clock{kNow};
};

TEST_F(Admission, a_permit_given_up_leaves_unknown) {
    const SessionPtr one = session({});
    admit(one, asked("s3:GetObject")).value();
    const std::vector<Record> records = recorder.records(one->log().no());
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[2].kind, RecordKind::unknown);
    EXPECT_EQ(gate.inside(), 0u);
}

TEST_F(Admission, a_body_that_cannot_be_recorded_is_not_sent) {
    const SessionPtr one = session({});
    // The INTENT is a write and a sync of its own; the body's write comes after them.
    recorder.fs.set_faults({.write_error_at = recorder.fs.writes() + 2, .times = 1'000'000});
    EXPECT_FALSE(admit(one, asked("s3:PutObject", kInlineBodyMax + 1)).has_value());
    recorder.fs.set_faults({});
    while (!recorder.journal->can_open_session()) {
        std::this_thread::yield();
    }
    recorder.wait<bool>([&]() -> net::Task<bool> {
        const auto closed = co_await one->log().close({{"reason", "ended"}});
        co_return closed.has_value();
    });
    const std::vector<Record> records = recorder.records(one->log().no());
    EXPECT_EQ(records.at(records.size() - 2).kind, RecordKind::not_sent);
}

}  // namespace
}  // namespace narrows::session
