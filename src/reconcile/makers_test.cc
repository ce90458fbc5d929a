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
    EXPECT_EQ(without_role("cloudformation", "CreateStack"), Without::in_callers_name);
    EXPECT_EQ(without_role("lambda", "CreateFunction"), Without::name_is_missing);
}

TEST(Makers, pods_of_a_service_account) {
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
}

TEST(Makers, what_runs_later_in_the_roles_of_its_definition) {
    const Value answer = codec::json_decode(
                             R"({"taskDefinition":{"taskDefinitionArn":
                "arn:aws:ecs:us-east-1:123456789012:task-definition/job:3",
                "taskRoleArn":"arn:aws:iam::123456789012:role/t",
                "executionRoleArn":"arn:aws:iam::123456789012:role/e"}})")
                             .value();
    const Value asks = codec::Map{{"family", "job"}, {"taskRoleArn", "t"}};
    const auto tasks = made("ecs", "RegisterTaskDefinition", asks, answer);
    ASSERT_EQ(actors(tasks), (Actors{"123456789012:role/t@ecs-tasks.amazonaws.com",
                                     "123456789012:role/e@ecs-tasks.amazonaws.com"}));
    EXPECT_EQ(tasks[0].name, "job:3");
    EXPECT_TRUE(tasks[0].is_shared);
    const Value service = codec::json_decode(R"({"service":{"taskDefinition":
        "arn:aws:ecs:us-east-1:123456789012:task-definition/job:3"}})")
                              .value();
    EXPECT_EQ(sets_off({"ecs", "CreateService", "123456789012", "us-east-1", Value(), service}),
              tasks[0].thing);
    const Value by_name = codec::Map{{"taskDefinition", "job:2"}};
    EXPECT_NE(sets_off({"ecs", "CreateService", "123456789012", "us-east-1", by_name, Value()}),
              tasks[0].thing);
    EXPECT_TRUE(
        made("ecs", "RegisterTaskDefinition", codec::Map{{"family", "job"}}, Value()).empty());
    EXPECT_EQ(without_role("ecs", "RegisterTaskDefinition"), Without::acts_in_none);

    const Value job = codec::json_decode(R"({"jobDefinitionName":"j","containerProperties":{
        "jobRoleArn":"arn:aws:iam::123456789012:role/b"}})")
                          .value();
    const Value registered =
        codec::Map{{"jobDefinitionArn", "arn:aws:batch:us-east-1:123456789012:job-definition/j:1"}};
    const auto jobs = made("batch", "RegisterJobDefinition", job, registered);
    ASSERT_EQ(actors(jobs), Actors{"123456789012:role/b@ecs-tasks.amazonaws.com"});
    const Value submits = codec::Map{{"jobDefinition", "j:1"}};
    EXPECT_EQ(sets_off({"batch", "SubmitJob", "123456789012", "us-east-1", submits, Value()}),
              jobs[0].thing);
    EXPECT_NE(sets_off({"batch", "SubmitJob", "123456789012", "eu-west-1", submits, Value()}),
              jobs[0].thing);
}

TEST(Makers, state_machines_are_set_off_by_their_arn) {
    const Value machine =
        codec::Map{{"name", "m"}, {"roleArn", "arn:aws:iam::123456789012:role/r"}};
    const auto machines = made("states", "CreateStateMachine", machine, Value());
    const Value starts =
        codec::Map{{"stateMachineArn", "arn:aws:states:us-east-1:123456789012:stateMachine:m"}};
    EXPECT_EQ(sets_off({"states", "StartExecution", "123456789012", "us-east-1", starts, Value()}),
              machines[0].thing);
}

TEST(Makers, groups_and_clusters_by_the_tag_of_their_instances) {
    const Value group = codec::Map{{"AutoScalingGroupName", "g"}};
    const Actors expected{"123456789012:tag/us-east-1/aws:autoscaling:groupName=g"};
    const auto groups = made("autoscaling", "CreateAutoScalingGroup", group, Value());
    ASSERT_EQ(actors(groups), expected);
    EXPECT_FALSE(groups[0].is_shared);
    EXPECT_EQ(actors(ended_by({"autoscaling", "DeleteAutoScalingGroup", "123456789012", "us-east-1",
                               group, Value()})),
              expected);
    const Value cluster = codec::Map{{"Name", "c"}, {"ServiceRole", "EMR_DefaultRole"}};
    const Value runs = codec::Map{{"JobFlowId", "j-1"}};
    EXPECT_EQ(actors(made("elasticmapreduce", "RunJobFlow", cluster, runs)),
              (Actors{"123456789012:tag/us-east-1/aws:elasticmapreduce:job-flow-id=j-1",
                      "123456789012:role/EMR_DefaultRole@elasticmapreduce.amazonaws.com"}));
}

TEST(Makers, stack_sets_have_a_role_even_if_none_is_named) {
    const Value named = codec::Map{
        {"stackSetName", "s"}, {"administrationRoleARN", "arn:aws:iam::123456789012:role/admin"}};
    EXPECT_EQ(actors(made("cloudformation", "CreateStackSet", named, Value())),
              Actors{"123456789012:role/admin@cloudformation.amazonaws.com"});
    const Value unnamed = codec::Map{{"stackSetName", "s"}};
    EXPECT_EQ(actors(made("cloudformation", "CreateStackSet", unnamed, Value())),
              Actors{"123456789012:role/AWSCloudFormationStackSetAdministrationRole"
                     "@cloudformation.amazonaws.com"});
}

TEST(Makers, providers_and_whom_they_are_let_in_by) {
    const Value provider = codec::Map{
        {"OpenIDConnectProviderArn", "arn:aws:iam::123456789012:oidc-provider/idp.example/x"}};
    const auto providers = made("iam", "CreateOpenIDConnectProvider", Value(), provider);
    ASSERT_EQ(actors(providers), Actors{"123456789012:oidc/idp.example/x"});
    EXPECT_FALSE(providers[0].is_shared);
    const Value trust =
        codec::Map{{"roleName", "r"},
                   {"policyDocument", R"({"Statement":[{"Effect":"Allow","Principal":{"Federated":
            "arn:aws:iam::123456789012:oidc-provider/idp.example/x"}}]})"}};
    const auto opened = made("iam", "UpdateAssumeRolePolicy", trust, Value());
    ASSERT_EQ(actors(opened), Actors{"123456789012:role/r@oidc/idp.example/x"});
    EXPECT_TRUE(opened[0].is_shared) << "it may have let them in before";
    EXPECT_EQ(opened[0].role, "");
    EXPECT_EQ(without_role("iam", "UpdateAssumeRolePolicy"), Without::lets_nobody_in);
}

TEST(Makers, what_no_trail_leads_back_from_is_said) {
    EXPECT_TRUE(makes_unnamed("ecs", "CreateService"));
    EXPECT_TRUE(makes_unnamed("states", "StartExecution"));
    EXPECT_TRUE(makes_unnamed("emr-containers", "StartJobRun"));
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
