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

    std::int64_t number(const char* sql) {
        Query query = state_.prepare(sql);
        return query.next().value() ? query.number(0) : -1;
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
        EXPECT_TRUE(small.make({"ecs", "CreateService", "1", "us-east-1", none, none},
                               {.session = "ns-a", .record = "5/" + std::to_string(i)}, ""));
        EXPECT_TRUE(small.make({"iam", "CreateRole", "1", "us-east-1", request, none},
                               {.session = "ns-a", .record = "6/" + std::to_string(i)}, ""));
    }
    EXPECT_EQ(number("SELECT count(*) FROM made"), 3);
    EXPECT_EQ(number("SELECT count(*) FROM unfollowed WHERE record = 'limit'"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM unfollowed WHERE record LIKE '5/%'"), 4)
        << "what is not followed takes nothing of it";
}

TEST_F(FollowerTest, a_service_in_the_role_that_it_was_given_could_be) {
    const codec::Value none;
    const codec::Value stack =
        codec::Map{{"stackName", "s"}, {"roleARN", "arn:aws:iam::1:role/cfn"}};
    const Follower::Origin origin{.session = "ns-a", .record = "3/11", .since = at(20)};
    EXPECT_TRUE(follower_.make({"cloudformation", "CreateStack", "1", "us-east-1", stack, none},
                               origin, ""));
    Event made = event("a", 30, "AWSCloudFormation", "cfn");
    EXPECT_EQ(followed(made).rank, Follower::by_role) << "no service stands between";
    made.invoked_by = "cloudformation.amazonaws.com";
    const auto found = followed(made);
    EXPECT_EQ(found.rank, Follower::by_name);
    EXPECT_FALSE(found.is_certain);
    EXPECT_EQ(found.story, "stack s, which the session created in operation 3/11");
    made.source_arn = "arn:aws:cloudformation:us-east-1:1:stack/s/0f1e";
    EXPECT_TRUE(followed(made).is_certain) << "it says which stack it acts for";
    made.source_arn = "arn:aws:cloudformation:us-east-1:1:stack/another/0f1e";
    EXPECT_EQ(followed(made).rank, Follower::by_role);
    made.source_arn = "arn:aws:cloudformation:us-east-1:2:stack/s/0f1e";
    EXPECT_FALSE(followed(made).is_certain);
    made = event("b", 30, "AWSCloudFormation", "cfn");
    made.invoked_by = "cloudformation.amazonaws.com.cn";
    EXPECT_NE(followed(made).made, 0) << "as China has it";
    made = event("c", 30, "AWSCloudFormation", "other");
    made.invoked_by = "cloudformation.amazonaws.com";
    EXPECT_EQ(followed(made).made, 0) << "another role";
    made = event("d", 30, "AWSCloudFormation", "cfn");
    made.invoked_by = "states.amazonaws.com";
    EXPECT_EQ(followed(made).rank, Follower::by_role) << "another service";
    made = event("e", 40, "somebody", "theirs");
    made.source = "cloudformation.amazonaws.com";
    made.name = "CreateStack";
    made.parameters = stack;
    followed(made);
    EXPECT_EQ(number("SELECT count(*) FROM ended"), 0) << "others' stacks in that role end nothing";
}

TEST_F(FollowerTest, a_role_by_name_is_passed_on_too) {
    const codec::Value none;
    const codec::Value job = codec::Map{{"Name", "j"}, {"Role", "glue"}};
    EXPECT_TRUE(follower_.make({"glue", "CreateJob", "1", "us-east-1", job, none},
                               {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    EXPECT_EQ(followed(event("a", 30, "me", "glue")).rank, Follower::by_role);
}

TEST_F(FollowerTest, another_regions_function_proves_nothing) {
    const codec::Value none;
    const codec::Value function =
        codec::Map{{"functionName", "f"}, {"role", "arn:aws:iam::1:role/fr"}};
    EXPECT_TRUE(follower_.make({"lambda", "CreateFunction", "1", "eu-west-1", none, function},
                               {.session = "ns-b", .record = "4/9", .since = at(25)}, ""));
    Event assumes = event("s", 30, "", "");
    assumes.source = "sts.amazonaws.com";
    assumes.name = "AssumeRole";
    assumes.is_service = true;
    assumes.invoked_by = "lambda.amazonaws.com";
    assumes.assumed = "1:role/fr";
    assumes.parameters = codec::Map{{"roleSessionName", "f"}};
    assumes.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIAa"}}}};
    EXPECT_TRUE(follower_.note(assumes));
    EXPECT_EQ(number("SELECT count(*) FROM issued"), 1);
    const auto found = followed(event("a", 40, "f", "fr"));
    EXPECT_EQ(found.session, "ns-a");
    EXPECT_TRUE(found.is_certain);
}

TEST_F(FollowerTest, a_name_that_many_have_is_never_certain) {
    const codec::Value none;
    const codec::Value job = codec::Map{{"Name", "j"}, {"Role", "glue"}};
    EXPECT_TRUE(follower_.make({"glue", "CreateJob", "1", "us-east-1", job, none},
                               {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    Event assumes = event("s", 25, "", "");
    assumes.source = "sts.amazonaws.com";
    assumes.name = "AssumeRole";
    assumes.is_service = true;
    assumes.invoked_by = "glue.amazonaws.com";
    assumes.assumed = "1:role/glue";
    assumes.parameters = codec::Map{{"roleSessionName", "GlueJobRunnerSession"}};
    assumes.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIAa"}}}};
    EXPECT_TRUE(follower_.note(assumes));
    EXPECT_EQ(number("SELECT count(*) FROM issued"), 0) << "Glue does so for every job";
    EXPECT_EQ(followed(event("a", 30, "GlueJobRunnerSession", "glue")).rank, Follower::by_name);
    EXPECT_EQ(followed(event("b", 30, "GlueJobRunnerSession", "other")).made, 0);
    assumes.is_service = false;
    assumes.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIAb"}}}};
    EXPECT_TRUE(follower_.note(assumes));
    EXPECT_EQ(number("SELECT count(*) FROM issued WHERE key_id = 'ASIAb' AND made = 0"), 1);
}

TEST_F(FollowerTest, a_pod_is_known_by_the_key_that_eks_got_for_it) {
    const codec::Value none;
    const codec::Value request =
        codec::Map{{"clusterName", "c"}, {"namespace", "n"}, {"serviceAccount", "s"}};
    const codec::Value answer =
        codec::Map{{"association",
                    codec::Map{{"associationId", "a-1"}, {"roleArn", "arn:aws:iam::1:role/pod"}}}};
    EXPECT_TRUE(
        follower_.make({"eks", "CreatePodIdentityAssociation", "1", "us-east-1", request, answer},
                       {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    follower_.take_news();
    Event assumes = event("s", 25, "", "");
    assumes.source = "sts.amazonaws.com";
    assumes.name = "AssumeRole";
    assumes.is_service = true;
    assumes.invoked_by = "pods.eks.amazonaws.com";
    assumes.assumed = "1:role/pod";
    const auto tag = [](const char* key, const char* value) {
        return codec::Value(codec::Map{{"key", key}, {"value", value}});
    };
    assumes.parameters = codec::Map{
        {"roleSessionName", "eks-c-pod-0000"},
        {"tags", codec::List{tag("eks-cluster-name", "c"), tag("kubernetes-namespace", "n"),
                             tag("kubernetes-service-account", "s")}}};
    assumes.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIAa"}}}};
    const Event acts = event("a", 30, "eks-c-pod-0000", "pod");
    EXPECT_EQ(followed(acts).made, 0) << "its key is not known yet";
    EXPECT_TRUE(follower_.note(assumes));
    EXPECT_EQ(follower_.take_news(), at(25)) << "so that logs since then are read again";
    EXPECT_TRUE(followed(acts).is_certain);
    assumes.is_service = false;
    assumes.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIAb"}}}};
    EXPECT_TRUE(follower_.note(assumes));
    EXPECT_EQ(followed(event("b", 30, "eks-c-pod-0000", "pod")).made, 0)
        << "anybody may give such tags";
}

TEST_F(FollowerTest, a_key_that_a_service_got_for_one_of_many_could_be) {
    const codec::Value none;
    const codec::Value answer = codec::Map{
        {"taskDefinition", codec::Map{{"taskDefinitionArn", "arn:aws:ecs:us-east-1:1:x/job:3"},
                                      {"taskRoleArn", "arn:aws:iam::1:role/t"}}}};
    EXPECT_TRUE(follower_.make({"ecs", "RegisterTaskDefinition", "1", "us-east-1", none, answer},
                               {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    Event assumes = event("s", 25, "", "");
    assumes.source = "sts.amazonaws.com";
    assumes.name = "AssumeRole";
    assumes.is_service = true;
    assumes.invoked_by = "ecs-tasks.amazonaws.com";
    assumes.assumed = "1:role/t";
    assumes.parameters = codec::Map{{"roleSessionName", "0f1e"}};
    assumes.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIAa"}}}};
    const Event acts = event("a", 30, "0f1e", "t");
    EXPECT_EQ(followed(acts).rank, Follower::by_role) << "nothing says yet whose key it is";
    EXPECT_TRUE(follower_.note(assumes));
    const auto found = followed(acts);
    EXPECT_EQ(found.rank, Follower::by_name);
    EXPECT_FALSE(found.is_certain) << "others may run tasks in that role";
    EXPECT_EQ(found.story, "task definition job:3, which the session registered in operation 3/11");
    EXPECT_EQ(followed(event("b", 30, "0f1e", "t")).rank, Follower::by_role) << "another key";
}

TEST_F(FollowerTest, a_groups_instances_are_told_by_a_tag_that_only_aws_gives) {
    const codec::Value none;
    const codec::Value group = codec::Map{{"autoScalingGroupName", "g"}};
    EXPECT_TRUE(
        follower_.make({"autoscaling", "CreateAutoScalingGroup", "1", "us-east-1", group, none},
                       {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    const auto tags = [](const char* name) {
        const codec::Value tag = codec::Map{{"key", "aws:autoscaling:groupName"}, {"value", name}};
        const codec::Value set = codec::Map{{"tags", codec::List{tag}}};
        return codec::Value(
            codec::Map{{"tagSpecificationSet", codec::Map{{"items", codec::List{set}}}}});
    };
    Event runs = event("a", 30, "AutoScaling", "AWSServiceRoleForAutoScaling");
    runs.parameters = tags("g");
    runs.invoked_by = "autoscaling.amazonaws.com";
    const auto found = followed(runs);
    EXPECT_TRUE(found.is_certain);
    EXPECT_EQ(found.story, "group g, which the session created in operation 3/11");
    runs.invoked_by = "ec2.amazonaws.com";
    EXPECT_EQ(followed(runs).made, 0) << "another service";
    runs.invoked_by = "";
    EXPECT_EQ(followed(runs).made, 0) << "no service";
    runs.invoked_by = "autoscaling.amazonaws.com";
    runs.parameters = tags("h");
    EXPECT_EQ(followed(runs).made, 0) << "another group";
    runs.parameters = tags("g");
    runs.region = "eu-west-1";
    EXPECT_EQ(followed(runs).made, 0) << "another region's group of that name";
}

TEST_F(FollowerTest, whom_a_role_was_opened_to_could_be_and_a_provider_of_its_own_is_certain) {
    const codec::Value none;
    const codec::Value trust =
        codec::Map{{"roleName", "r"},
                   {"policyDocument",
                    R"({"Statement":[{"Effect":"Allow","Principal":{"Federated":"p.example"}}]})"}};
    const codec::Value provider = codec::Map{{"url", "https://own.example"}};
    EXPECT_TRUE(follower_.make({"iam", "UpdateAssumeRolePolicy", "1", "us-east-1", trust, none},
                               {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    EXPECT_TRUE(
        follower_.make({"iam", "CreateOpenIDConnectProvider", "1", "us-east-1", provider, none},
                       {.session = "ns-a", .record = "3/13", .since = at(20)}, ""));
    const auto assumes = [](const char* by, const char* key) {
        Event made = event("s", 25, "", "");
        made.assumed = "1:role/r";
        made.provider = by;
        made.subject = "somebody";
        made.response = codec::Map{{"credentials", codec::Map{{"accessKeyId", key}}}};
        return made;
    };
    EXPECT_TRUE(follower_.note(assumes("p.example", "ASIAa")));
    EXPECT_TRUE(follower_.note(assumes("own.example", "ASIAb")));
    EXPECT_TRUE(follower_.note(assumes("other.example", "ASIAc")));
    const auto opened = followed(event("a", 30, "s", "r"));
    EXPECT_EQ(opened.rank, Follower::by_name);
    EXPECT_FALSE(opened.is_certain) << "it may have let them in before";
    EXPECT_TRUE(followed(event("b", 30, "s", "r")).is_certain);
    EXPECT_EQ(followed(event("c", 30, "s", "r")).made, 0);
}

TEST_F(FollowerTest, what_is_set_off_is_said_unless_its_making_is_known) {
    const codec::Value none;
    const auto starts = [&](const char* machine, const char* record) {
        const codec::Value request = codec::Map{{"stateMachineArn", machine}};
        EXPECT_TRUE(follower_.make({"states", "StartExecution", "1", "us-east-1", request, none},
                                   {.session = "ns-a", .record = record}, ""));
    };
    starts("arn:aws:states:us-east-1:1:stateMachine:m", "5/1");
    starts("arn:aws:states:us-east-1:1:stateMachine:old", "5/2");
    const codec::Value machine = codec::Map{{"name", "m"}, {"roleArn", "arn:aws:iam::1:role/x"}};
    EXPECT_TRUE(follower_.make({"states", "CreateStateMachine", "1", "us-east-1", machine, none},
                               {.session = "ns-a", .record = "3/11", .since = at(20)}, ""));
    EXPECT_EQ(number("SELECT count(*) FROM unfollowed"), 2);
    EXPECT_EQ(number("SELECT count(*) FROM unfollowed JOIN made ON thing = sets_off"), 1);
}

}  // namespace
}  // namespace narrows::reconcile
