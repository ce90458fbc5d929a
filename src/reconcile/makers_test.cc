#include "reconcile/makers.h"

#include <gtest/gtest.h>

#include "codec/json.h"

namespace narrows::reconcile {
namespace {

using codec::Value;

/// "actor" of all that was made.
std::vector<std::string> actors(const std::vector<Made>& made) {
    std::vector<std::string> out;
    for (const Made& each : made) {
        out.push_back(each.actor);
    }
    return out;
}

std::vector<Made> made(const std::string& service, const std::string& operation,
                       const Value& request, const Value& answer) {
    return made_by({service, operation, "123456789012", "us-east-1", request, answer});
}

using Actors = std::vector<std::string>;

TEST(Makers, instances) {
    // As EC2's API reference shows the answer, and CloudTrail's guide the event.
    const Value answer = read_answer(
                             "<RunInstancesResponse xmlns=\"http://ec2\"><requestId>r"
                             "</requestId><instancesSet><item><instanceId>i-0a</instanceId>"
                             "<networkInterfaceSet><item><ownerId>1</ownerId></item>"
                             "</networkInterfaceSet></item><item><instanceId>i-0b"
                             "</instanceId></item></instancesSet></RunInstancesResponse>")
                             .value();
    const Actors expected{"123456789012:session/i-0a", "123456789012:session/i-0b"};
    EXPECT_EQ(actors(made("ec2", "RunInstances", Value(), answer)), expected);
    const Value logged =
        codec::json_decode(R"({"requestId":"r","instancesSet":{"items":[{"instanceId":"i-0a"},
                               {"instanceId":"i-0b"}]}})")
            .value();
    EXPECT_EQ(actors(made("ec2", "RunInstances", Value(), logged)), expected);
    const Value fleet = codec::json_decode(
                            R"({"CreateFleetResponse":{"fleetId":"fleet-1","fleetInstanceSet":
                                {"item":{"instanceIds":{"item":["i-0a","i-0b"]}}}}})")
                            .value();
    EXPECT_EQ(actors(made("ec2", "CreateFleet", Value(), fleet)), expected);
    EXPECT_TRUE(made("ec2", "RunInstances", answer, Value()).empty())
        << "a request names no instance";
    EXPECT_TRUE(made("ec2", "DescribeInstances", Value(), answer).empty());
}

TEST(Makers, functions) {
    const Value request =
        codec::Map{{"FunctionName", "arn:aws:lambda:us-east-1:123456789012:function:f"},
                   {"Role", "arn:aws:iam::123456789012:role/path/r"}};
    auto found = made("lambda", "CreateFunction", request, Value());
    ASSERT_EQ(actors(found), Actors{"123456789012:session/f"});
    EXPECT_EQ(found[0].role, "123456789012:role/r");
    EXPECT_EQ(found[0].region, "us-east-1");
    EXPECT_EQ(found[0].giver, "lambda.amazonaws.com");
    const Value answer = codec::Map{{"FunctionName", "g"}};
    EXPECT_EQ(actors(made("lambda", "CreateFunction", request, answer)),
              Actors{"123456789012:session/g"});
    const Value ended = codec::Map{{"functionName", "123456789012:function:f:1"}};
    EXPECT_EQ(
        actors(ended_by({"lambda", "DeleteFunction", "123456789012", "us-east-1", ended, Value()})),
        Actors{"123456789012:session/f"});
}

TEST(Makers, tasks_and_builds) {
    const Value tasks =
        codec::json_decode(
            R"({"tasks":[{"taskArn":"arn:aws:ecs:us-east-1:123456789012:task/main/0f1e"}],
                "failures":[]})")
            .value();
    EXPECT_EQ(actors(made("ecs", "RunTask", Value(), tasks)), Actors{"123456789012:session/0f1e"});
    const Value build = codec::json_decode(R"({"build":{"id":"project:12-34","arn":"x"}})").value();
    EXPECT_EQ(actors(made("codebuild", "StartBuild", Value(), build)),
              Actors{"123456789012:session/AWSCodeBuild-12-34"});
}

TEST(Makers, principals_and_keys) {
    const Value role = read_answer(
                           "<CreateRoleResponse><CreateRoleResult><Role><Path>/p/</Path>"
                           "<RoleName>r</RoleName></Role></CreateRoleResult>"
                           "</CreateRoleResponse>")
                           .value();
    EXPECT_EQ(actors(made("iam", "CreateRole", Value(), role)), Actors{"123456789012:role/r"});
    EXPECT_EQ(actors(made("iam", "CreateUser", codec::Map{{"UserName", "u"}}, Value())),
              Actors{"123456789012:user/u"});
    const Value key = codec::Map{{"accessKey", codec::Map{{"accessKeyId", "AKIAX"}}}};
    EXPECT_EQ(actors(made("iam", "CreateAccessKey", Value(), key)), Actors{"key/AKIAX"});
    const Value given = codec::Map{{"credentials", codec::Map{{"accessKeyId", "ASIAX"}}}};
    EXPECT_EQ(actors(made("sts", "AssumeRole", Value(), given)), Actors{"key/ASIAX"});
}

TEST(Makers, services_that_act_in_a_role) {
    const Value machine =
        codec::Map{{"name", "m"}, {"roleArn", "arn:aws:iam::123456789012:role/p/r"}};
    const auto machines = made("states", "CreateStateMachine", machine, Value());
    ASSERT_EQ(actors(machines), Actors{"123456789012:role/r@states.amazonaws.com"});
    EXPECT_TRUE(machines[0].is_shared);
    const Value targets = codec::json_decode(R"({"Rule":"x","Targets":[
        {"Id":"1","RoleArn":"arn:aws:iam::123456789012:role/a"},{"Id":"2"},
        {"Id":"3","RoleArn":"arn:aws:iam::123456789012:role/b"}]})")
                              .value();
    EXPECT_EQ(actors(made("events", "PutTargets", targets, Value())),
              (Actors{"123456789012:role/a@events.amazonaws.com",
                      "123456789012:role/b@events.amazonaws.com"}));
    // Glue takes a role's name, too.
    const Value job = codec::Map{{"Name", "j"}, {"Role", "r"}};
    const auto jobs = made("glue", "CreateJob", job, Value());
    ASSERT_EQ(actors(jobs), Actors{"123456789012:session/GlueJobRunnerSession"});
    EXPECT_EQ(jobs[0].role, "123456789012:role/r");
    const Value roleless = codec::Map{{"stackName", "s"}};
    EXPECT_TRUE(made("cloudformation", "CreateStack", roleless, Value()).empty());
    EXPECT_TRUE(acts_in_role("cloudformation", "CreateStack"));
    EXPECT_FALSE(acts_in_role("lambda", "CreateFunction"));
}

TEST(Makers, pods_are_told_by_the_tags_of_their_sessions) {
    const Value request = codec::json_decode(
                              R"({"name":"c","namespace":"ns-a","serviceAccount":"sa1",
                                  "roleArn":"arn:aws:iam::123456789012:role/pod"})")
                              .value();
    const Value answer = codec::json_decode(
                             R"({"association":{"clusterName":"c","namespace":"ns-a",
                                 "serviceAccount":"sa1","associationId":"a-1",
                                 "roleArn":"arn:aws:iam::123456789012:role/pod"}})")
                             .value();
    const Actors expected{"123456789012:role/pod@pods.eks.amazonaws.com/c/ns-a/sa1"};
    EXPECT_EQ(actors(made("eks", "CreatePodIdentityAssociation", request, answer)), expected);
    // As EKS's workshop shows the event.
    const Value assumes = codec::json_decode(R"({"tags":[{"key":"eks-cluster-arn","value":"arn:x"},
            {"key":"eks-cluster-name","value":"c"},{"key":"kubernetes-namespace","value":"ns-a"},
            {"key":"kubernetes-service-account","value":"sa1"}]})")
                              .value();
    EXPECT_EQ(pod_actor("123456789012:role/pod", assumes), expected.front());
    EXPECT_EQ(pod_actor("123456789012:role/pod", Value()), "");
}

TEST(Makers, what_no_trail_leads_back_from_is_said) {
    EXPECT_TRUE(makes_unnamed("ecs", "CreateService"));
    EXPECT_TRUE(makes_unnamed("states", "StartExecution"));
    EXPECT_TRUE(makes_unnamed("elasticmapreduce", "RunJobFlow"));
    EXPECT_FALSE(makes_unnamed("ecs", "RunTask"));
    EXPECT_FALSE(is_maker("ecs", "CreateService"));
}

TEST(Makers, hostile_answers_make_little) {
    for (const char* text : {"", " ", "{", "<a", "[]x", "<a><b></a></b>"}) {
        EXPECT_FALSE(read_answer(text).has_value()) << text;
    }
    Value deep = "i-0";
    for (int i = 0; i < 100; ++i) {
        deep = codec::Map{{"item", std::move(deep)}};
    }
    const Value answer = codec::Map{{"instancesSet", codec::Map{{"instanceId", deep}}}};
    EXPECT_TRUE(made("ec2", "RunInstances", Value(), answer).empty());
    const Value many =
        codec::Map{{"instancesSet", codec::Map{{"instanceId", codec::List(10'000, "i-0")}}}};
    EXPECT_EQ(made("ec2", "RunInstances", Value(), many).size(), kMadeByOneMax);
}

}  // namespace
}  // namespace narrows::reconcile
