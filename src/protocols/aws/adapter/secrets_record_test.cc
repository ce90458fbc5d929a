#include "protocols/aws/adapter/secrets_record.h"

#include <gtest/gtest.h>

#include "codec/cbor.h"

namespace narrows::aws {
namespace {

using recording::Direction;
using recording::Sequence;

const codec::Map& values_of(const codec::Value& record) {
    return *record.find("observed")->find("values")->as<codec::Map>();
}

TEST(SecretsRecord, holds_operation_direction_and_values_by_path) {
    const auto records =
        secrets_records(Sequence(7), Direction::request, {{"A.B", "hunter2"}}, as_bytes("key"));
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0],
              codec::Value(codec::Map{
                  {"observed", codec::Map{{"op", 7},
                                          {"dir", "request"},
                                          {"values", codec::Map{{"A.B", "hunter2"}}}}}}));
    EXPECT_TRUE(secrets_records(Sequence(7), Direction::request, {}, as_bytes("key")).empty());
}

TEST(SecretsRecord, many_values_take_several_records_that_each_fit) {
    SecretValues values;
    for (int i = 0; i < 10; ++i) {
        values.emplace(std::to_string(i), std::string(50'000, 'x'));
    }
    const auto records = secrets_records(Sequence(7), Direction::response, values, as_bytes("key"));
    std::size_t count = 0;
    for (const codec::Value& each : records) {
        EXPECT_LE(codec::cbor_encode(each).size(), kSecretsMax);
        count += values_of(each).size();
    }
    EXPECT_EQ(count, 10u);
    EXPECT_GE(records.size(), 4u);
}

TEST(SecretsRecord, a_value_that_fits_no_record_stays_withheld) {
    const std::string large(kSecretsMax, 'x');
    const auto records = secrets_records(Sequence(7), Direction::request,
                                         {{"A", large}, {"B", "b"}}, as_bytes("key"));
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(values_of(records[0]).at("A"), commitment(large, as_bytes("key")));
    EXPECT_EQ(values_of(records[0]).at("B"), codec::Value("b"));
}

}  // namespace
}  // namespace narrows::aws
