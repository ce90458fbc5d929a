#include "protocols/aws/decode/leading_keys.h"

#include "protocols/aws/decode/key_condition.h"
#include "protocols/aws/decode/test_support.h"

namespace narrows::aws {
namespace {

using testing::json;
using Values = std::optional<std::vector<std::string>>;

const PartitionKeys kNames{{"orders", "customer"}, {"orders/index/by-day", "day"}};

struct Case {
    const char* operation;
    const char* parameters;
    Values expected;
};

void check(const std::vector<Case>& cases, const PartitionKeys& names) {
    for (const Case& one : cases) {
        EXPECT_EQ(leading_keys(one.operation, json(one.parameters), names), one.expected)
            << one.operation << " " << one.parameters;
    }
}

TEST(LeadingKeys, a_key_of_one_attribute_is_the_partition_key) {
    check({{"GetItem", R"({"TableName":"t","Key":{"id":{"S":"u1"}}})", {{"u1"}}},
           {"UpdateItem", R"({"TableName":"t","Key":{"id":{"N":"-12"}}})", {{"-12"}}},
           {"DeleteItem", R"({"TableName":"t","Key":{"id":{"S":"a"},"at":{"S":"b"}}})", {}},
           {"GetItem", R"({"TableName":"t","Key":{"id":{"N":"1.0"}}})", {}},
           {"GetItem", R"({"TableName":"t","Key":{"id":{"N":"01"}}})", {}},
           {"GetItem", R"({"TableName":"t","Key":{"id":{"N":"-0"}}})", {}},
           {"GetItem", R"({"TableName":"t","Key":{"id":{"B":"AA=="}}})", {}},
           {"GetItem", R"({"TableName":"t","Key":{"id":{"S":"a","N":"1"}}})", {}},
           {"GetItem", R"({"TableName":"t","Key":{}})", {}},
           {"GetItem", R"({"TableName":"t"})", {}},
           {"PutItem", R"({"TableName":"t","Item":{"id":{"S":"u1"}}})", {}},
           {"Scan", R"({"TableName":"t"})", {}},
           {"ExecuteStatement", R"({"Statement":"SELECT * FROM t"})", {}}},
          {});
}

TEST(LeadingKeys, of_a_table_whose_partition_key_is_named) {
    check({{"PutItem",
            R"({"TableName":"orders","Item":{"day":{"S":"d"},"customer":{"S":"c7"}}})",
            {{"c7"}}},
           {"GetItem",
            R"({"TableName":"arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
                "Key":{"at":{"S":"x"},"customer":{"S":"c7"}}})",
            {{"c7"}}},
           {"GetItem", R"({"TableName":"orders","Key":{"other":{"S":"c7"}}})", {}},
           {"PutItem", R"({"TableName":"t","Item":{"customer":{"S":"c7"}}})", {}}},
          kNames);
}

TEST(LeadingKeys, of_batches_and_transactions_are_those_of_all_items) {
    check({{"BatchGetItem",
            R"({"RequestItems":{"t":{"Keys":[{"id":{"S":"a"}},{"id":{"S":"b"}}]}}})",
            {{"a", "b"}}},
           {"BatchGetItem",
            R"({"RequestItems":{"t":{"Keys":[{"id":{"S":"a"}}]},"u":{"Keys":[{"id":{"S":"a"}}]}}})",
            {}},
           {"BatchGetItem",
            R"({"RequestItems":{"t":{"Keys":[{"id":{"S":"a"}},{"id":{"B":"AA=="}}]}}})",
            {}},
           {"BatchWriteItem",
            R"({"RequestItems":{"orders":[{"PutRequest":{"Item":{"customer":{"S":"a"}}}},
                {"DeleteRequest":{"Key":{"customer":{"S":"b"},"at":{"S":"x"}}}}]}})",
            {{"a", "b"}}},
           {"BatchWriteItem",
            R"({"RequestItems":{"t":[{"PutRequest":{"Item":{"id":{"S":"a"}}}}]}})",
            {}},
           {"BatchWriteItem", R"({"RequestItems":{"t":[{}]}})", {}},
           {"TransactGetItems",
            R"({"TransactItems":[{"Get":{"TableName":"t","Key":{"id":{"S":"a"}}}}]})",
            {{"a"}}},
           {"TransactWriteItems",
            R"({"TransactItems":[{"Put":{"TableName":"orders","Item":{"customer":{"S":"a"}}}},
                {"Update":{"TableName":"orders","Key":{"customer":{"S":"b"}}}},
                {"ConditionCheck":{"TableName":"orders","Key":{"customer":{"S":"c"}}}},
                {"Delete":{"TableName":"orders","Key":{"customer":{"S":"d"}}}}]})",
            {{"a", "b", "c", "d"}}},
           {"TransactWriteItems",
            R"({"TransactItems":[{"Update":{"TableName":"t","Key":{"id":{"S":"a"}}}},
                {"Update":{"TableName":"u","Key":{"id":{"S":"a"}}}}]})",
            {}},
           {"TransactWriteItems", R"({"TransactItems":[]})", {}}},
          kNames);
}

TEST(LeadingKeys, of_a_query_is_what_its_partition_key_must_equal) {
    const char* values = R"("ExpressionAttributeValues":{":c":{"S":"c7"},":d":{"S":"d1"}})";
    const auto query = [&](const std::string& more) {
        return leading_keys("Query", json("{" + std::string(values) + "," + more + "}"), kNames);
    };
    const Values c7{{"c7"}};
    EXPECT_EQ(query(R"("TableName":"t","KeyConditionExpression":"x = :c")"), c7);
    EXPECT_EQ(query(R"("TableName":"t","KeyConditionExpression":"x = :c AND y = :d")"), Values());
    EXPECT_EQ(query(R"("TableName":"t","IndexName":"i","KeyConditionExpression":"x = :c")"),
              Values());
    EXPECT_EQ(query(R"("TableName":"orders","KeyConditionExpression":"at = :d and customer = :c")"),
              c7);
    EXPECT_EQ(query(R"("TableName":"orders","KeyConditionExpression":"#p = :c",)"
                    R"("ExpressionAttributeNames":{"#p":"customer"})"),
              c7);
    EXPECT_EQ(query(R"("TableName":"orders","KeyConditionExpression":"customer = :d",)"
                    R"("ExpressionAttributeNames":{"#p":"customer"})"),
              Values({"d1"}));
    EXPECT_EQ(query(R"("TableName":"orders","KeyConditionExpression":"#p = :c")"), Values());
    EXPECT_EQ(query(R"("TableName":"orders","KeyConditionExpression":"customer > :c")"), Values());
    EXPECT_EQ(
        query(R"("TableName":"orders","KeyConditionExpression":"customer = :c AND customer = :d")"),
        Values());
    EXPECT_EQ(query(R"("TableName":"orders","KeyConditionExpression":"customer = :none")"),
              Values());
    EXPECT_EQ(
        query(R"("TableName":"orders","IndexName":"by-day","KeyConditionExpression":"day=:d")"),
        Values({"d1"}));
    EXPECT_EQ(query(R"("TableName":"t")"), Values());
}

TEST(LeadingKeys, of_a_query_of_the_older_form) {
    const char* one = R"({"TableName":"t","KeyConditions":{"id":{"ComparisonOperator":"EQ",)"
                      R"("AttributeValueList":[{"S":"a"}]}}})";
    const char* two = R"({"TableName":"orders","KeyConditions":{"customer":{"ComparisonOperator":)"
                      R"("EQ","AttributeValueList":[{"S":"a"}]},"at":{"ComparisonOperator":"GT",)"
                      R"("AttributeValueList":[{"S":"b"}]}}})";
    const char* both = R"({"TableName":"t","KeyConditionExpression":"id = :a","KeyConditions":)"
                       R"({"id":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]}}})";
    const char* greater = R"({"TableName":"t","KeyConditions":{"id":{"ComparisonOperator":"GT",)"
                          R"("AttributeValueList":[{"S":"a"}]}}})";
    check({{"Query", one, {{"a"}}},
           {"Query", two, {{"a"}}},
           {"Query", both, {}},
           {"Query", greater, {}}},
          kNames);
}

/// "a=:x b- …": names, and values of equalities.
std::string read(std::string_view expression) {
    const auto conditions = read_key_condition(expression);
    if (!conditions) return "none";
    std::string text;
    for (const KeyCondition& each : *conditions) {
        text += std::string(each.name) + "=" + std::string(each.value) + ";";
    }
    return text;
}

// The forms are those of the page that key_condition.h names.
TEST(KeyCondition, forms) {
    EXPECT_EQ(read("a = :x"), "a=:x;");
    EXPECT_EQ(read(" ( #a=:x )\n AND b BETWEEN :y AND :z"), "#a=:x;b=;");
    EXPECT_EQ(read("a = :x and begins_with(b, :y)"), "a=:x;b=;");
    EXPECT_EQ(read("a = :x AND b <= :y"), "a=:x;b=;");
    EXPECT_EQ(read("(a = :x) AND (b > :y)"), "a=:x;b=;");
    for (const char* odd : {"",
                            "a",
                            "a =",
                            "a = x",
                            "a = :x OR b = :y",
                            "a <> :x",
                            "NOT a = :x",
                            "a = :x AND",
                            "a = :x b = :y",
                            "(a = :x",
                            "a = :x)",
                            "a.b = :x",
                            "a = :x AND b IN (:y)",
                            "a == :x",
                            "a = :x;",
                            "# = :x",
                            "a = :",
                            "size(a) = :x",
                            "a BETWEEN :x",
                            ":x = a"}) {
        EXPECT_EQ(read(odd), "none") << odd;
    }
    EXPECT_EQ(read(std::string(17, '(') + "a = :x" + std::string(17, ')')), "none");
    EXPECT_EQ(read("a = :x" + std::string(kKeyConditionMax, ' ')), "none");
}

}  // namespace
}  // namespace narrows::aws
