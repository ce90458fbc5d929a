#include "reconcile/matcher.h"

#include <optional>

#include <gtest/gtest.h>

namespace narrows::reconcile {
namespace {

constexpr WallNs at(std::int64_t seconds) {
    return (1'000'000 + seconds) * kNsPerSecond;
}

/// A session "ns-a" with the key ASIAKEY, as "narrows-a", in the role agents since second 0.
class MatcherTest : public testing::Test {
  protected:
    MatcherTest() : state_(Database::open("").value()) {
        EXPECT_TRUE(
            state_
                .prepare("INSERT INTO credential VALUES('ASIAKEY', 3, 'ns-a', "
                         "'1:role/agents', 'narrows-a', 'req-sts', '1', 'us-east-1', ?, NULL)")
                .run(at(0)));
        EXPECT_TRUE(
            state_.prepare("INSERT INTO principal VALUES('1:role/agents', 'connection', '', 0, ?)")
                .run(at(0)));
        Follower follower(state_);
        EXPECT_TRUE(
            follower.pass("1:role/passed", {.session = "ns-a", .record = "3/7", .since = at(100)}));
        EXPECT_TRUE(state_.prepare("INSERT INTO source_identity VALUES('ada', ?)").run(at(0)));
        matcher_.emplace(state_, std::set<std::string>{"1:user/gateway"}, std::set<std::string>());
    }

    void recorded(std::int64_t op, const std::string& request_id, std::int64_t asked,
                  std::int64_t ended, std::int64_t attempts = 1) {
        Query query = state_.prepare(
            "INSERT INTO operation VALUES(?, 3, ?, 'ns-a', '1', 'us-east-1', 's3', 'GetObject', ?, "
            "'ASIAKEY', "
            "?, ?, 0, ?, 0, 'arn:aws:s3:::b', '{\"Bucket\":\"b\",\"Key\":\"k\"}', NULL, NULL, 0)");
        EXPECT_TRUE(query.run(op, op, request_id, at(asked), ended == 0 ? 0 : at(ended), attempts));
    }

    static Event event(const std::string& id, std::int64_t second) {
        Event made;
        made.id = id;
        made.request_id = "of " + id;
        made.source = "s3.amazonaws.com";
        made.name = "GetObject";
        made.account = "1";
        made.region = "us-east-1";
        made.time = at(second);
        made.key_id = "ASIAKEY";
        made.principal = "1:role/agents";
        made.session_name = "narrows-a";
        made.parameters = codec::Map{{"bucketName", "b"}, {"key", "k"}};
        return made;
    }

    /// What the event is found to be; "" if it leaves no trace.
    std::string taken(const Event& event) {
        EXPECT_TRUE(matcher_->take(event, "text", "file", true));
        Query query = state_.prepare("SELECT class FROM event WHERE id = ?");
        EXPECT_TRUE(query.begin(event.id));
        return query.next().value() ? query.text(0) : std::string();
    }

    std::int64_t number(const char* sql) {
        Query query = state_.prepare(sql);
        return query.next().value() ? query.number(0) : -1;
    }

    Database state_;
    std::optional<Matcher> matcher_;  ///< made when records are read
};

TEST_F(MatcherTest, an_operation_without_a_request_id_is_found_by_session_time_and_content_once) {
    recorded(1, "", 10, 12);
    Event other = event("other", 11);
    other.parameters = codec::Map{{"bucketName", "b"}, {"key", "another"}};
    EXPECT_EQ(taken(other), "stray");
    EXPECT_EQ(taken(event("early", 4)), "stray");
    EXPECT_EQ(taken(event("late", 18)), "stray");
    Event unnamed = event("one", 12);
    unnamed.key_id.clear();
    EXPECT_EQ(taken(unnamed), "matched");
    EXPECT_EQ(taken(event("again", 11)), "stray");
}

TEST_F(MatcherTest, an_operation_that_never_ended_may_have_gone_on) {
    recorded(1, "", 10, 0);
    EXPECT_EQ(taken(event("one", 3'000)), "matched");
}

TEST_F(MatcherTest, an_operation_that_was_sent_twice_may_have_two_events) {
    recorded(1, "of second", 10, 12, 2);
    EXPECT_EQ(taken(event("second", 12)), "matched");
    EXPECT_EQ(taken(event("first", 11)), "more");
    recorded(2, "of only", 20, 22, 1);
    EXPECT_EQ(taken(event("only", 21)), "matched");
    EXPECT_EQ(taken(event("forged", 21)), "stray");
}

TEST_F(MatcherTest, it_has_no_more_events_than_it_was_sent) {
    recorded(1, "of third", 10, 12, 3);
    EXPECT_EQ(taken(event("third", 12)), "matched");
    EXPECT_EQ(taken(event("first", 11)), "more");
    EXPECT_EQ(taken(event("second", 11)), "more");
    EXPECT_EQ(taken(event("around the gateway", 11)), "stray");
    recorded(2, "", 20, 22, 2);
    EXPECT_EQ(taken(event("one", 21)), "matched");
    EXPECT_EQ(taken(event("two", 21)), "more");
    EXPECT_EQ(taken(event("three", 21)), "stray");
}

TEST_F(MatcherTest, which_of_several_events_comes_first_says_nothing) {
    recorded(1, "of one", 10, 12);
    Event object = event("an object of it", 11);
    object.request_id = "of one";
    object.name = "DeleteObject";
    EXPECT_EQ(taken(object), "matched") << "as long as there is none that fits better";
    EXPECT_EQ(number("SELECT count(*) FROM difference"), 1);
    EXPECT_EQ(taken(event("one", 11)), "matched");
    EXPECT_EQ(number("SELECT count(*) FROM difference"), 0);
    EXPECT_EQ(number("SELECT count(*) FROM event WHERE class = 'more'"), 1);
    object.id = "another object";
    EXPECT_EQ(taken(object), "more");
}

TEST_F(MatcherTest, a_request_id_excuses_nobody_with_another_key) {
    recorded(1, "of one", 10, 12);
    Event other = event("another's", 11);
    other.request_id = "of one";
    other.key_id = "ASIAOTHER";
    EXPECT_EQ(taken(event("one", 11)), "matched");
    EXPECT_EQ(taken(other), "stray");
    recorded(2, "of two", 20, 22);
    other.id = "another's, which comes first";
    other.request_id = "of two";
    EXPECT_EQ(taken(other), "stray");
    EXPECT_EQ(taken(event("two", 21)), "matched");
}

TEST_F(MatcherTest, no_second_event_of_an_operation_excuses_one_that_differs) {
    for (const bool is_first : {true, false}) {
        const std::string name = is_first ? "first" : "second";
        recorded(is_first ? 1 : 2, "of " + name, 10, 12);
        Event differs = event(name + ", which differs", 11);
        differs.request_id = "of " + name;
        differs.parameters = codec::Map{{"bucketName", "salaries"}, {"key", "k"}};
        if (is_first) {
            EXPECT_EQ(taken(differs), "matched");
        }
        EXPECT_EQ(taken(event(name, 11)), is_first ? "more" : "matched");
        if (!is_first) {
            EXPECT_EQ(taken(differs), "more");
        }
    }
    EXPECT_EQ(number("SELECT count(DISTINCT operation) FROM difference"), 2);
}

TEST_F(MatcherTest, an_id_hides_no_other_event) {
    recorded(1, "of one", 10, 12);
    EXPECT_EQ(taken(event("one", 11)), "matched");
    Event other = event("one", 50);
    other.name = "DeleteObject";
    other.request_id = "another";
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(taken(other), "matched") << "under the id that both have";
        EXPECT_EQ(number("SELECT count(*) FROM event WHERE class = 'stray'"), 1);
    }
}

TEST_F(MatcherTest, what_an_earlier_look_found_is_looked_at_again) {
    Event made = event("before", -60);
    made.key_id = "ASIAOTHER";
    made.session_name = "x";
    EXPECT_EQ(taken(made), "before");
    EXPECT_TRUE(state_.execute("UPDATE principal SET since = 0"));  // older records were restored
    EXPECT_EQ(taken(made), "before") << "which comes twice is not";
    EXPECT_TRUE(matcher_->take(made, "text", "file", false));
    EXPECT_EQ(number("SELECT count(*) FROM event WHERE class = 'stray'"), 1);
}

TEST_F(MatcherTest, what_the_gateway_does_with_its_own_is_little) {
    matcher_.emplace(state_, std::set<std::string>{"1:user/gateway"},
                     std::set<std::string>{"archive", "alias/log"});
    Event made = event("put", 50);
    made.key_id = "AKIAGATEWAY";
    made.session_name.clear();
    made.principal = "1:user/gateway";
    made.name = "PutObject";
    made.parameters = codec::Map{{"bucketName", "archive"}};
    EXPECT_EQ(taken(made), "own");
    made.id = "delete";
    made.name = "DeleteBucketLifecycle";
    EXPECT_EQ(taken(made), "stray");
    made.source = "kms.amazonaws.com";
    made.parameters = codec::Map{{"keyId", "alias/log"}};
    made.id = "sign";
    made.name = "Sign";
    EXPECT_EQ(taken(made), "own");
    made.id = "disable";
    made.name = "DisableKey";
    EXPECT_EQ(taken(made), "stray");
}

TEST_F(MatcherTest, a_person_in_the_console_is_no_service) {
    Event made = event("console", 50);
    made.invoked_by = "signin.amazonaws.com";
    EXPECT_EQ(taken(made), "stray");
    made.id = "a service in China";
    made.invoked_by = "cloudformation.amazonaws.com.cn";
    EXPECT_EQ(taken(made), "consequence");
}

TEST_F(MatcherTest, a_source_identity_counts_since_a_session_had_it) {
    Event made = event("before", -60);
    made.key_id = "ASIAOTHER";
    made.session_name = "x";
    made.principal = "1:role/other";
    made.source_identity = "ada";
    EXPECT_EQ(taken(made), "");
    made.id = "since";
    made.time = at(50);
    EXPECT_EQ(taken(made), "stray");
}

TEST_F(MatcherTest, a_job_that_hands_the_source_identity_on_could_be_the_sessions) {
    Follower follower(state_);
    const codec::Value job =
        codec::Map{{"TrainingJobName", "t"}, {"RoleArn", "arn:aws:iam::1:role/training"}};
    EXPECT_TRUE(follower.make({"sagemaker", "CreateTrainingJob", "1", "us-east-1", job, {}},
                              {.session = "ns-a", .record = "3/8", .since = at(10)}, ""));
    matcher_.emplace(state_, std::set<std::string>{"1:user/gateway"}, std::set<std::string>());
    Event made = event("the job", 50);
    made.key_id = "ASIAOTHER";
    made.session_name = "SageMaker";
    made.principal = "1:role/training";
    made.source_identity = "ada";
    EXPECT_EQ(taken(made), "consequence");
    made.id = "under another name";
    made.session_name = "x";
    EXPECT_EQ(taken(made), "stray");
    made.id = "in a role that was passed on, which says nothing";
    made.principal = "1:role/passed";
    made.time = at(150);
    EXPECT_EQ(taken(made), "stray");
}

TEST_F(MatcherTest, another_accounts_trail_tells_a_sessions_name_alone) {
    Event made = event("elsewhere", 50);
    made.key_id.clear();
    made.principal.clear();
    EXPECT_EQ(taken(made), "stray");
    made.id = "of another account's caller";
    made.account = "9";
    EXPECT_EQ(taken(made), "");
    made.account = "1";
    made.id = "of another name";
    made.session_name = "narrows-b";
    EXPECT_EQ(taken(made), "");
}

TEST_F(MatcherTest, who_assumes_a_role_for_a_session_is_not_the_gateway) {
    EXPECT_TRUE(
        state_
            .prepare("INSERT INTO credential VALUES('ASIADERIVED', 3, 'ns-a', '1:role/derived', "
                     "'x', 'of one', '1', 'us-east-1', ?, NULL)")
            .run(at(0)));
    recorded(1, "of one", 10, 12);
    Event assumes = event("one", 11);
    assumes.assumed = "1:role/derived";
    EXPECT_FALSE(matcher_->learn_gateway(assumes).value()) << "the session did";
    assumes.request_id = "req-sts";
    assumes.principal = "1:role/gateway";
    EXPECT_TRUE(matcher_->learn_gateway(assumes).value());
}

TEST_F(MatcherTest, an_event_is_counted_once_however_often_it_comes) {
    recorded(1, "of one", 10, 12);
    EXPECT_EQ(taken(event("one", 11)), "matched");
    EXPECT_EQ(taken(event("one", 11)), "matched");
    EXPECT_TRUE(matcher_->save_tallies());
    Query query = state_.prepare("SELECT count FROM tally WHERE name = 'duplicates'");
    EXPECT_TRUE(query.begin());
    EXPECT_TRUE(query.next().value());
    EXPECT_EQ(query.number(0), 1);
}

TEST_F(MatcherTest, who_else_it_may_be) {
    Event made = event("unknown key", 50);
    made.key_id = "ASIAOTHER";
    made.session_name = "mallory";
    EXPECT_EQ(taken(made), "stray");
    made.id = "before the recordings";
    made.time = at(-60);
    EXPECT_EQ(taken(made), "before");
    made = event("a service", 50);
    made.key_id = "ASIAOTHER";
    made.invoked_by = "cloudformation.amazonaws.com";
    EXPECT_EQ(taken(made), "consequence");
    made.id = "who says to be one";
    made.invoked_by = "mallory";
    EXPECT_EQ(taken(made), "stray");

    made = event("before it was passed", 50);
    made.key_id = "ASIAFUNCTION";
    made.session_name = "f";
    made.principal = "1:role/passed";
    EXPECT_EQ(taken(made), "");
    made.id = "passed";
    made.time = at(150);
    EXPECT_EQ(taken(made), "consequence");
    made.id = "somebody else";
    made.principal = "1:role/other";
    EXPECT_EQ(taken(made), "");
    made.id = "with a session's source identity";
    made.source_identity = "ada";
    EXPECT_EQ(taken(made), "stray");
}

TEST_F(MatcherTest, the_trails_answer_tells_what_was_made_where_the_record_does_not) {
    recorded(1, "of one", 10, 12);
    Event made = event("one", 11);
    made.source = "ec2.amazonaws.com";
    made.name = "RunInstances";
    made.response = codec::Map{{"instancesSet", codec::Map{{"instanceId", "i-1"}}}};
    EXPECT_EQ(taken(made), "matched");
    Event acts = event("two", 20);
    acts.key_id = "ASIAINSTANCE";
    acts.session_name = "i-1";
    acts.principal = "1:role/other";
    EXPECT_EQ(taken(acts), "consequence");
    Query query = state_.prepare("SELECT session, root FROM made WHERE name = 'i-1'");
    EXPECT_TRUE(query.next().value());
    EXPECT_EQ(query.text(0), "ns-a");
    EXPECT_EQ(query.text(1), "3/1");
}

TEST_F(MatcherTest, a_service_that_acts_for_nobody_on_record_is_no_consequence) {
    Event made = event("for somebody else in the role", 50);
    made.key_id = "ASIAOTHER";
    made.session_name = "mallory";
    made.invoked_by = "cloudformation.amazonaws.com";
    EXPECT_EQ(taken(made), "stray");
    made = event("a service assumes the role", 50);
    made.source = "sts.amazonaws.com";
    made.name = "AssumeRole";
    made.key_id.clear();
    made.session_name.clear();
    made.principal.clear();
    made.invoked_by = "ec2.amazonaws.com";
    made.is_service = true;
    made.assumed = "1:role/agents";
    EXPECT_EQ(taken(made), "stray");
}

TEST_F(MatcherTest, a_sessions_name_in_another_role_is_not_the_sessions) {
    Event made = event("another account's", 50);
    made.key_id = "ASIAOTHER";
    made.account = "9";
    made.principal = "9:role/agents";
    EXPECT_EQ(taken(made), "");
    made.id = "another role";
    made.account = "1";
    made.principal = "1:role/other";
    EXPECT_EQ(taken(made), "");
    // A role that the session assumed through the gateway, under a name that others take too.
    EXPECT_TRUE(
        state_
            .prepare("INSERT INTO credential VALUES('ASIADERIVED', 3, 'ns-a', '1:role/derived', "
                     "'botocore-session', 'req-2', '1', 'us-east-1', ?, NULL)")
            .run(at(0)));
    made = event("somebody else's key", 50);
    made.key_id = "ASIAOTHER";
    made.principal = "1:role/derived";
    made.session_name = "botocore-session";
    EXPECT_EQ(taken(made), "");
    made.id = "the session's key";
    made.key_id = "ASIADERIVED";
    EXPECT_EQ(taken(made), "stray");
    made.id = "no key, which leaves the name";
    made.key_id.clear();
    EXPECT_EQ(taken(made), "stray");
    made.id = "a service in its name";
    made.key_id = "ASIAFORWARDED";
    made.invoked_by = "kms.amazonaws.com";
    EXPECT_EQ(taken(made), "consequence");
}

TEST_F(MatcherTest, assumed_roles) {
    Event made = event("ours", 1);
    made.source = "sts.amazonaws.com";
    made.name = "AssumeRole";
    made.key_id = "AKIAGATEWAY";
    made.session_name.clear();
    made.principal = "1:user/gateway";
    made.assumed = "1:role/agents";
    made.request_id = "req-sts";
    EXPECT_EQ(taken(made), "matched");
    made.id = "not on record";
    made.request_id = "another";
    EXPECT_EQ(taken(made), "stray");
    made.id = "refused";
    made.error = "AccessDenied";
    EXPECT_EQ(taken(made), "own");
    made.id = "refused, and the role left out";
    made.assumed.clear();
    EXPECT_EQ(taken(made), "own");
    made.id = "granted, and the role left out";
    made.error.clear();
    EXPECT_EQ(taken(made), "stray");
    made.id = "refused to somebody else";
    made.error = "AccessDenied";
    made.assumed = "1:role/agents";
    made.principal = "1:user/mallory";
    EXPECT_EQ(taken(made), "stray");
}

TEST_F(MatcherTest, a_stray_is_explained_by_a_record_that_comes_later) {
    const std::string text =
        R"({"eventID":"one","eventTime":"1970-01-12T13:46:50Z","eventSource":"s3.amazonaws.com","eventName":"GetObject",
            "requestID":"r","awsRegion":"us-east-1","userIdentity":{"type":"AssumedRole","accountId":"1",
            "arn":"arn:aws:sts::1:assumed-role/agents/narrows-a","accessKeyId":"ASIAKEY"}})";
    const Event made = read_event(text).value();
    EXPECT_TRUE(matcher_->take(made, text, "file", true));
    const auto class_now = [&] {
        Query query = state_.prepare("SELECT class FROM event WHERE id = 'one'");
        EXPECT_TRUE(query.begin());
        return query.next().value() ? query.text(0) : std::string();
    };
    EXPECT_EQ(class_now(), "stray");
    EXPECT_TRUE(matcher_->retry_strays());
    EXPECT_EQ(class_now(), "stray");
    recorded(1, "r", 8, 12);
    EXPECT_TRUE(matcher_->retry_strays());
    EXPECT_EQ(class_now(), "matched");
}

}  // namespace
}  // namespace narrows::reconcile
