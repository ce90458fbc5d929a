#include "protocols/aws/adapter/queue_urls.h"

#include <gtest/gtest.h>

namespace narrows::aws {
namespace {

constexpr std::string_view kGateway = "http://gw.example:8400";
constexpr std::string_view kAws = "https://sqs.eu-west-1.amazonaws.com";

Operation entry(std::string_view name) {
    return *Catalogue::embedded().service("sqs")->operation(name);
}

std::string answer(Protocol protocol, std::string_view body) {
    const auto changed = with_queues_at(protocol, as_bytes(body), kGateway);
    return changed ? std::string(as_text(*changed)) : "as it is";
}

std::string request(Protocol protocol, std::string_view body) {
    const auto changed = with_queue_of_aws(protocol, as_bytes(body), kAws);
    return changed ? std::string(as_text(*changed)) : "as it is";
}

TEST(QueueUrls, operations_whose_answers_name_queues) {
    EXPECT_TRUE(names_queues(entry("CreateQueue")));
    EXPECT_TRUE(names_queues(entry("ListDeadLetterSourceQueues")));
    EXPECT_FALSE(names_queues(entry("ReceiveMessage")));
    EXPECT_FALSE(names_queues(*Catalogue::embedded().service("sns")->operation("ListTopics")));
}

// Answers as the Amazon SQS API reference shows them, in both protocols.
TEST(QueueUrls, answers_name_the_endpoint_that_the_agent_used) {
    EXPECT_EQ(answer(Protocol::json,
                     R"({"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/177715257436/MyQueue"})"),
              R"({"QueueUrl":"http://gw.example:8400/177715257436/MyQueue"})");
    EXPECT_EQ(answer(Protocol::json, R"({"NextToken":"t","QueueUrls":["https://a/1/q","b"]})"),
              R"({"NextToken":"t","QueueUrls":["http://gw.example:8400/1/q","b"]})");
    EXPECT_EQ(answer(Protocol::json, R"({"queueUrls":["https://a/1/dead"]})"),
              R"({"queueUrls":["http://gw.example:8400/1/dead"]})");
    EXPECT_EQ(answer(Protocol::query,
                     "<R><QueueUrl>https://a/1/q</QueueUrl><QueueUrl>https://a/1/p</QueueUrl></R>"),
              "<R><QueueUrl>http://gw.example:8400/1/q</QueueUrl>"
              "<QueueUrl>http://gw.example:8400/1/p</QueueUrl></R>");
}

TEST(QueueUrls, what_cannot_be_read_goes_as_it_is) {
    EXPECT_EQ(answer(Protocol::json, "<html>"), "as it is");
    EXPECT_EQ(answer(Protocol::query, "<QueueUrl>https://a/1/q"),
              "<QueueUrl>http://gw.example:8400/1/q");
    EXPECT_EQ(answer(Protocol::query, "<QueueUrl>"), "<QueueUrl>");
    EXPECT_EQ(request(Protocol::json, "[]"), "as it is");
    EXPECT_EQ(request(Protocol::json, R"({"QueueUrl":5})"), "as it is");
    EXPECT_EQ(request(Protocol::json, R"({"QueueUrl":"jobs"})"), "as it is");
}

TEST(QueueUrls, aws_is_asked_with_its_own_url) {
    EXPECT_EQ(
        request(Protocol::json, R"({"MessageBody":"see http://gw.example:8400/1/q","QueueUrl":)"
                                R"("http://gw.example:8400/177715257436/MyQueue"})"),
        R"({"MessageBody":"see http://gw.example:8400/1/q","QueueUrl":)"
        R"("https://sqs.eu-west-1.amazonaws.com/177715257436/MyQueue"})");
    EXPECT_EQ(
        request(Protocol::query,
                "Action=SendMessage&QueueUrl=http%3A%2F%2Fgw.example%2F1%2Fq&MessageBody=a+b"),
        "Action=SendMessage&QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F1%2Fq&"
        "MessageBody=a+b");
    EXPECT_EQ(request(Protocol::json,
                      R"({"QueueUrl":"https://queue.amazonaws.com/177715257436/MyQueue"})"),
              "as it is");
}

}  // namespace
}  // namespace narrows::aws
