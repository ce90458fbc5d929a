#include "reconcile/follower.h"

#include <gtest/gtest.h>

namespace narrows::reconcile {
namespace {

constexpr WallNs at(std::int64_t seconds) {
    return (1'000'000 + seconds) * kNsPerSecond;
}

/// What a session made: the instance i-1 at second 10, and the function f, in the role fr, at 20.
class FollowerTest : public testing::Test {
  protected:
    FollowerTest() : state_(Database::open("").value()), follower_(state_) {
        const codec::Value none;
        const codec::Value instances =
            codec::Map{{"instancesSet", codec::Map{{"instanceId", "i-1"}}}};
        const codec::Value function =
            codec::Map{{"functionName", "f"}, {"role", "arn:aws:iam::1:role/fr"}};
        EXPECT_TRUE(follower_.make({"ec2", "RunInstances", "1", "us-east-1", none, instances},
                                   {.session = "ns-a", .record = "3/7", .since = at(10)}, ""));
        EXPECT_TRUE(follower_.make({"lambda", "CreateFunction", "1", "us-east-1", none, function},
                                   {.session = "ns-a", .record = "3/9", .since = at(20)}, ""));
    }

    static Event event(const std::string& id, std::int64_t second, const std::string& name,
                       const std::string& role) {
        Event made;
        made.id = id;
        made.source = "ec2.amazonaws.com";
        made.name = "DescribeRegions";
        made.account = "1";
        made.region = "us-east-1";
        made.time = at(second);
        made.key_id = "ASIA" + id;
        made.session_name = name;
        made.principal = "1:role/" + role;
        return made;
    }
    Follower::Followed followed(const Event& event) {
        EXPECT_TRUE(follower_.note(event));
        return follower_.follow(event).value();
    }

    Database state_;
    Follower follower_;
};

TEST_F(FollowerTest, a_name_alone_could_be_and_proof_is_certain) {
    Event made = event("a", 30, "i-1", "any");
    auto found = followed(made);
    EXPECT_EQ(found.rank, Follower::by_name);
    EXPECT_FALSE(found.is_certain);
    EXPECT_EQ(found.story, "instance i-1, which the session created in operation 3/7");
    made.is_instance = true;
    EXPECT_TRUE(followed(made).is_certain);
    made.is_instance = false;
    made.issued_to = "arn:aws:ec2:eu-west-1:1:instance/i-1";
    EXPECT_TRUE(followed(made).is_certain);
    made.issued_to = "arn:aws:ec2:eu-west-1:1:instance/i-2";
    EXPECT_EQ(followed(made).made, 0) << "it says to be another one";

    made = event("b", 30, "f", "fr");
    EXPECT_FALSE(followed(made).is_certain);
    made.issued_to = "arn:aws:lambda:us-east-1:1:function:f";
    EXPECT_TRUE(followed(made).is_certain);
    made.issued_to = "arn:aws:lambda:eu-west-1:1:function:f";
    EXPECT_EQ(followed(made).made, 0) << "another region's function of that name";
    made.issued_to = "arn:aws:lambda:us-east-1:2:function:f";
    EXPECT_EQ(followed(made).made, 0) << "another account's";
}

TEST_F(FollowerTest, an_arn_of_another_kind_neither_proves_nor_refutes) {
    Event made = event("a", 30, "i-1", "any");
    made.issued_to = "arn:aws:autoscaling:us-east-1:1:autoScalingGroup/g";
    EXPECT_EQ(followed(made).rank, Follower::by_name);
    const codec::Value none;
    const codec::Value build = codec::Map{{"build", codec::Map{{"id", "project:12-34"}}}};
    EXPECT_TRUE(follower_.make({"codebuild", "StartBuild", "1", "us-east-1", none, build},
                               {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    made = event("b", 30, "AWSCodeBuild-12-34", "any");
    made.issued_to = "arn:aws:codebuild:us-east-1:1:build/project:12-34";
    EXPECT_EQ(followed(made).rank, Follower::by_proof);
    made.issued_to = "arn:aws:codebuild:us-east-1:1:build/project:56-12-34";
    EXPECT_EQ(followed(made).made, 0);
}

TEST_F(FollowerTest, a_role_that_is_passed_often_is_one_row_a_session) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(follower_.pass(
            "1:role/p", {.session = "ns-b", .record = std::to_string(i), .since = at(20 + i)}));
    }
    EXPECT_TRUE(follower_.pass("1:role/p", {.session = "ns-c", .record = "9", .since = at(40)}));
    Query made = state_.prepare("SELECT session, record FROM made WHERE passed = 1 ORDER BY id");
    EXPECT_TRUE(made.next().value());
    EXPECT_EQ(made.text(1), "0");
    EXPECT_TRUE(made.next().value());
    EXPECT_EQ(made.text(0), "ns-c");
    EXPECT_FALSE(made.next().value());
}

TEST_F(FollowerTest, what_only_looks_alike_is_not_taken) {
    Event made = event("a", 30, "i-1", "any");
    made.account = "2";
    made.principal = "2:role/any";
    EXPECT_EQ(followed(made).made, 0) << "another account's";
    EXPECT_EQ(followed(event("b", 30, "i-2", "any")).made, 0) << "another instance";
    EXPECT_EQ(followed(event("c", 30, "f", "other")).made, 0) << "the function has another role";
    EXPECT_EQ(followed(event("d", 3, "i-1", "any")).made, 0) << "before it was made";
    EXPECT_EQ(followed(event("e", 30, "1", "any")).made, 0);
}

TEST_F(FollowerTest, a_chain_is_followed_through_what_the_trail_answers) {
    follower_.take_news();
    Event runs = event("a", 40, "f", "fr");
    runs.issued_to = "arn:aws:lambda:us-east-1:1:function:f";
    runs.name = "RunInstances";
    runs.response = codec::Map{
        {"instancesSet", codec::Map{{"items", codec::List{codec::Map{{"instanceId", "i-3"}}}}}}};
    EXPECT_TRUE(followed(runs).is_certain);
    EXPECT_EQ(follower_.take_news(), at(40));
    Event second = event("b", 50, "i-3", "any");
    second.is_instance = true;
    const auto found = followed(second);
    EXPECT_TRUE(found.is_certain);
    EXPECT_EQ(found.session, "ns-a");
    EXPECT_EQ(found.story,
              "instance i-3, which was created in event a by function f, which the "
              "session created in operation 3/9");
    EXPECT_TRUE(followed(runs).is_certain);
    EXPECT_EQ(follower_.take_news(), 0) << "seen again it is nothing new";

    runs = event("c", 60, "i-3", "any");
    runs.source = "sts.amazonaws.com";
    runs.name = "AssumeRole";
    runs.assumed = "1:role/next";
    runs.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIANEXT"}}}};
    EXPECT_FALSE(followed(runs).is_certain);
    second = event("d", 70, "whatever", "next");
    second.key_id = "ASIANEXT";
    EXPECT_EQ(followed(second).rank, Follower::by_key);
    EXPECT_FALSE(followed(second).is_certain) << "nor is it certain who asked for the key";
}

TEST_F(FollowerTest, what_was_refused_made_nothing) {
    Event runs = event("a", 40, "f", "fr");
    runs.name = "RunInstances";
    runs.error = "AccessDenied";
    runs.response = codec::Map{{"instancesSet", codec::Map{{"instanceId", "i-3"}}}};
    EXPECT_NE(followed(runs).made, 0);
    EXPECT_EQ(followed(event("b", 50, "i-3", "any")).made, 0);
}

TEST_F(FollowerTest, there_is_a_limit_and_it_is_said) {
    Follower small(state_, 3);
    const codec::Value none;
    for (int i = 0; i < 4; ++i) {
        const codec::Value request = codec::Map{{"RoleName", "r" + std::to_string(i)}};
        EXPECT_TRUE(small.make({"iam", "CreateRole", "1", "us-east-1", request, none},
                               {.session = "ns-a", .record = "4/" + std::to_string(i)}, ""));
        EXPECT_TRUE(small.make({"ecs", "CreateService", "1", "us-east-1", none, none},
                               {.session = "ns-a", .record = "5/" + std::to_string(i)}, ""));
    }
    Query made = state_.prepare("SELECT count(*) FROM made");
    EXPECT_TRUE(made.next().value());
    EXPECT_EQ(made.number(0), 3);
    Query lost = state_.prepare("SELECT record FROM unfollowed");
    EXPECT_TRUE(lost.next().value());
    EXPECT_EQ(lost.text(0), kUnfollowedLimit);
    EXPECT_FALSE(lost.next().value());
}

}  // namespace
}  // namespace narrows::reconcile
