#include "protocols/aws/decode/withhold.h"

#include <gtest/gtest.h>

#include "codec/cbor.h"
#include "codec/json.h"

namespace narrows::aws {
namespace {

using codec::Map;

Operation entry(std::string_view service, std::string_view name) {
    return *Catalogue::embedded().service(service)->operation(name);
}

Recordable recordable(Operation operation, Protocol protocol, std::string_view body) {
    return withhold_outputs(operation, protocol, {200, {}}, as_bytes(body), as_bytes("key"));
}

// printf hunter2 | openssl dgst -sha256 -hmac key
constexpr std::string_view kCommitment =
    R"({"$withheld":{"hmac":"05d210d8af05129cb4bc04565faa72f94362ebaf20427cdf098059b5429d95bf","size":7}})";

TEST(Withhold, a_secret_leaves_its_size_and_a_keyed_digest) {
    EXPECT_EQ(codec::json_encode(commitment("hunter2", as_bytes("key"))), kCommitment);
    EXPECT_EQ(commitment(to_bytes("hunter2"), as_bytes("key")),
              commitment("hunter2", as_bytes("key")));
}

TEST(Withhold, values_in_json_answers) {
    const Operation get = entry("secretsmanager", "GetSecretValue");
    ASSERT_TRUE(has_secret_outputs(get));
    const auto record =
        recordable(get, Protocol::json, R"({"Name":"n","VersionId":"v","SecretString":"hunter2"})");
    EXPECT_EQ(as_text(record.body),
              R"({"Name":"n","SecretString":)" + std::string(kCommitment) + R"(,"VersionId":"v"})");
    EXPECT_EQ(record.withheld, (std::vector<std::string>{"SecretString"}));
}

TEST(Withhold, an_error_answer_has_nothing_to_withhold) {
    const auto record = recordable(entry("secretsmanager", "GetSecretValue"), Protocol::json,
                                   R"({"__type":"ResourceNotFoundException"})");
    EXPECT_EQ(as_text(record.body), R"({"__type":"ResourceNotFoundException"})");
    EXPECT_TRUE(record.withheld.empty());
}

TEST(Withhold, an_answer_that_cannot_be_read_is_withheld_whole) {
    const auto record =
        recordable(entry("secretsmanager", "GetSecretValue"), Protocol::json, "hunter2");
    EXPECT_EQ(as_text(record.body), kCommitment);
    EXPECT_EQ(record.withheld, (std::vector<std::string>{"@body"}));
}

TEST(Withhold, cbor_answers_stay_cbor) {
    const auto body = codec::cbor_encode(Map{{"SecretString", "hunter2"}});
    const auto record =
        recordable(entry("secretsmanager", "GetSecretValue"), Protocol::rpc_v2_cbor, as_text(body));
    EXPECT_EQ(codec::json_encode(codec::cbor_decode(record.body).value()),
              R"({"SecretString":)" + std::string(kCommitment) + "}");
}

TEST(Withhold, elements_of_xml_answers_wherever_they_stand) {
    const auto record = recordable(
        entry("secretsmanager", "GetSecretValue"), Protocol::query,
        "<R xmlns=\"urn:x\"><Name>n</Name><M><SecretString>hunter2</SecretString></M></R>");
    EXPECT_EQ(as_text(record.body).find("hunter2"), std::string_view::npos);
    EXPECT_NE(as_text(record.body).find("<Name>n</Name>"), std::string_view::npos);
    EXPECT_NE(as_text(record.body).find("$withheld"), std::string_view::npos);
}

TEST(Withhold, what_was_withheld_is_kept_apart_with_where_it_stood) {
    const auto get = recordable(entry("secretsmanager", "GetSecretValue"), Protocol::json,
                                R"({"Name":"n","SecretString":"hunter2"})");
    EXPECT_EQ(get.secrets, (SecretValues{{"SecretString", "hunter2"}}));
    const auto parameters =
        recordable(entry("ssm", "GetParameters"), Protocol::json,
                   R"({"Parameters":[{"Name":"a","Value":"one"},{"Name":"b","Value":"two"}]})");
    EXPECT_EQ(parameters.secrets,
              (SecretValues{{"Parameters[0].Value", "one"}, {"Parameters[1].Value", "two"}}));
    const auto xml =
        recordable(entry("secretsmanager", "GetSecretValue"), Protocol::query,
                   "<R><SecretString>one</SecretString><SecretString>two</SecretString></R>");
    EXPECT_EQ(xml.secrets, (SecretValues{{"SecretString#0", "one"}, {"SecretString#1", "two"}}));
    EXPECT_EQ(recordable(entry("secretsmanager", "GetSecretValue"), Protocol::json, "x").secrets,
              (SecretValues{{"@body", to_bytes("x")}}));
}

TEST(Withhold, secret_inputs_are_named_by_where_they_stand) {
    const codec::Value parameters = Map{
        {"FunctionName", "f"}, {"Environment", Map{{"Variables", Map{{"A", "1"}, {"B", "2"}}}}}};
    const SecretValues taken = secret_inputs_of(entry("lambda", "CreateFunction"), parameters);
    EXPECT_EQ(taken,
              (SecretValues{{"Environment.Variables.A", "1"}, {"Environment.Variables.B", "2"}}));
}

TEST(Withhold, finds_the_request_id_under_each_of_its_names) {
    EXPECT_EQ(aws_request_id({{"x-amzn-RequestId", "a"}}), "a");
    EXPECT_EQ(aws_request_id({{"x-amz-id-2", "b"}, {"x-amz-request-id", "c"}}), "c");
    EXPECT_EQ(aws_request_id({}), "");
}

}  // namespace
}  // namespace narrows::aws
