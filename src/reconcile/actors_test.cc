#include "reconcile/actors.h"

#include <gtest/gtest.h>

namespace narrows::reconcile {
namespace {

using Actors = std::vector<std::string>;

/// An event as a trail has it, with an id and a time.
Event event(std::string_view identity, std::string_view name, std::string_view parameters) {
    const std::string text = std::string(R"({"eventID":"e","eventTime":"2026-11-26T00:00:00Z",
        "eventSource":"sts.amazonaws.com","awsRegion":"us-east-1","eventName":")")
                                 .append(name)
                                 .append(R"(","userIdentity":)")
                                 .append(identity)
                                 .append(R"(,"requestParameters":)")
                                 .append(parameters)
                                 .append("}");
    return read_event(text).value();
}

// As EKS's workshop shows the event.
TEST(Actors, pods_are_told_by_the_tags_of_their_sessions) {
    constexpr std::string_view kTagged = R"({"roleArn":"arn:aws:iam::123456789012:role/pod",
        "roleSessionName":"eks-c-p-0","tags":[{"key":"eks-cluster-arn","value":"arn:x"},
        {"key":"eks-cluster-name","value":"c"},{"key":"kubernetes-namespace","value":"ns-a"},
        {"key":"kubernetes-service-account","value":"sa1"}]})";
    constexpr std::string_view kEks =
        R"({"type":"AWSService","invokedBy":"pods.eks.amazonaws.com"})";
    EXPECT_EQ(receivers_of(event(kEks, "AssumeRole", kTagged)),
              Actors{"123456789012:role/pod@pods.eks.amazonaws.com/c/ns-a/sa1"});
    EXPECT_EQ(pod_actor("123456789012:role/pod", "c", "", "sa1"), "");
    constexpr std::string_view kAnybody =
        R"({"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/u","accountId":"123456789012"})";
    EXPECT_TRUE(receivers_of(event(kAnybody, "AssumeRole", kTagged)).empty())
        << "anybody may give such tags";
}

TEST(Actors, services_get_credentials_for_what_they_run) {
    constexpr std::string_view kTask =
        R"({"roleArn":"arn:aws:iam::123456789012:role/t","roleSessionName":"0f1e"})";
    EXPECT_EQ(receivers_of(event(R"({"type":"AWSService","invokedBy":"ecs-tasks.amazonaws.com"})",
                                 "AssumeRole", kTask)),
              Actors{"123456789012:role/t@ecs-tasks.amazonaws.com"});
    EXPECT_EQ(
        receivers_of(event(R"({"type":"AWSService","invokedBy":"ecs-tasks.amazonaws.com.cn"})",
                           "AssumeRole", kTask)),
        Actors{"123456789012:role/t@ecs-tasks.amazonaws.com"})
        << "as China has it";
}

// As events of EKS's service accounts are, and IAM's user guide shows those of providers.
TEST(Actors, service_accounts_are_told_by_their_provider) {
    constexpr std::string_view kPod = R"({"type":"WebIdentityUser",
        "principalId":"arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/A8:sts.amazonaws.com:system:serviceaccount:argo:x",
        "userName":"system:serviceaccount:argo:x",
        "identityProvider":"arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/A8"})";
    const Event assumes =
        event(kPod, "AssumeRoleWithWebIdentity",
              R"({"roleArn":"arn:aws:iam::123456789012:role/p/r","roleSessionName":"s"})");
    const Actors expected{
        "123456789012:role/r@oidc/oidc.eks.us-west-2.amazonaws.com/id/A8#system:serviceaccount:"
        "argo:x",
        "123456789012:role/r@oidc/oidc.eks.us-west-2.amazonaws.com/id/A8",
        "123456789012:oidc/oidc.eks.us-west-2.amazonaws.com/id/A8"};
    EXPECT_EQ(receivers_of(assumes), expected);
    EXPECT_EQ(provider_actor("123456789012", "https://oidc.eks.us-west-2.amazonaws.com/id/A8/"),
              expected[2]);
}

// The policy is the EKS user guide's.
TEST(Actors, whom_a_trust_policy_lets_in) {
    const std::string head = R"({"Version":"2012-10-17","Statement":)";
    const std::string pod = R"({"Effect":"Allow","Principal":{"Federated":
        "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/0F"},
        "Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{
        "oidc.eks.us-east-1.amazonaws.com/id/0F:sub":"system:serviceaccount:default:sa",
        "oidc.eks.us-east-1.amazonaws.com/id/0F:aud":"sts.amazonaws.com"}}})";
    const Actors expected{
        "111122223333:role/r@oidc/oidc.eks.us-east-1.amazonaws.com/id/0F#system:serviceaccount:"
        "default:sa"};
    EXPECT_EQ(web_actors("111122223333:role/r", head + "[" + pod + "]}"), expected);
    EXPECT_EQ(web_actors("111122223333:role/r", head + pod + "}"), expected);
    const std::string open =
        R"([{"Effect":"Allow","Principal":{"Federated":["accounts.google.com"]}},
            {"Effect":"Deny","Principal":{"Federated":"www.amazon.com"}},
            {"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}},
            {"Effect":"Allow","Principal":"*"}, 7]})";
    EXPECT_EQ(web_actors("1:role/r", head + open), Actors{"1:role/r@oidc/accounts.google.com"});
    for (const char* none : {"", "{", "[]", "7", R"({"Statement":7})", R"({"Statement":[[]]})"}) {
        EXPECT_TRUE(web_actors("1:role/r", none).empty()) << none;
    }
    EXPECT_TRUE(web_actors("1:role/r", std::string(65 * 1024, ' ') + head + pod + "}").empty());
}

// As a published event of Auto Scaling's RunInstances has it.
TEST(Actors, instances_are_told_by_the_tags_that_only_aws_gives) {
    constexpr std::string_view kTags = R"({"tagSpecificationSet":{"items":[{
        "resourceType":"instance","tags":[{"key":"aws:autoscaling:groupName","value":"g"},
        {"key":"Name","value":"aws:autoscaling:groupName"}]}]}})";
    const Event runs =
        event(R"({"type":"AssumedRole","accountId":"1","invokedBy":"autoscaling.amazonaws.com"})",
              "RunInstances", kTags);
    EXPECT_EQ(tag_actors_of(runs), Actors{"1:tag/us-east-1/aws:autoscaling:groupName=g"});
    EXPECT_TRUE(is_tag_actor(tag_actors_of(runs).front()));
    EXPECT_TRUE(tag_actors_of(event(R"({"type":"IAMUser","accountId":"1"})", "RunInstances", kTags))
                    .empty())
        << "no service stands between";
}

}  // namespace
}  // namespace narrows::reconcile
