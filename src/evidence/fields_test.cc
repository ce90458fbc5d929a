#include "evidence/fields.h"

#include <gtest/gtest.h>

#include "codec/cbor.h"
#include "codec/text.h"

namespace narrows::evidence {
namespace {

using codec::List;
using codec::Map;

std::vector<std::string> fields_of(const Bytes& payload) {
    const Fields fields = Fields::of(payload).value();
    std::vector<std::string> out;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        Bytes field;
        fields.append_field(field, i);
        out.push_back(codec::hex(field));
    }
    return out;
}

TEST(Fields, are_the_values_at_the_ends_of_paths) {
    const Bytes payload = codec::cbor_encode(
        Map{{"observed", Map{{"op", 7}, {"list", List{"a", Map{}}}, {"none", List{}}}}});
    // Written by hand from RFC 8949: {"observed": {"op": 7, "list": ["a", {}], "none": []}}
    const std::string observed = "686f62736572766564";
    const std::vector<std::string> expected = {
        "8282" + observed + "626f7007",
        "8283" + observed + "646c697374006161",
        "8283" + observed + "646c69737401a0",
        "8282" + observed + "646e6f6e6580",
    };
    EXPECT_EQ(fields_of(payload), expected);
}

TEST(Fields, one_is_found_by_its_keys_if_it_is_the_only_one) {
    const Bytes payload = codec::unhex("a26161a1616203616304").value();  // {"a": {"b": 3}, "c": 4}
    const Fields fields = Fields::of(payload).value();
    EXPECT_EQ(codec::hex(fields.only({"a", "b"}).value()), "03");
    EXPECT_EQ(codec::hex(fields.only({"c"}).value()), "04");
    EXPECT_FALSE(fields.only({"a"}));
    EXPECT_FALSE(fields.only({"b"}));
    EXPECT_FALSE(fields.only({"a", "b", "c"}));
    const Bytes twice = codec::unhex("a2616303616304").value();  // {"c": 3, "c": 4}
    EXPECT_FALSE(Fields::of(twice).value().only({"c"}));
}

TEST(Fields, deep_and_wide_values_are_whole) {
    const codec::Value deep = Map{{"b", Map{{"c", Map{{"d", Map{{"e", 1}}}}}}}};
    const auto fields = fields_of(codec::cbor_encode(Map{{"a", deep}}));
    EXPECT_EQ(fields, std::vector<std::string>{"82846161616261636164a1616501"});
    EXPECT_EQ(fields_of(codec::cbor_encode(Map{{"a", List(65, codec::Value(1))}})).size(), 1u);
    EXPECT_EQ(fields_of(codec::cbor_encode(Map{{"a", List(64, codec::Value(1))}})).size(), 64u);
}

TEST(Fields, long_byte_strings_are_cut_into_numbered_blocks) {
    Bytes bytes(4096 + 3, 0x55);
    const auto fields = fields_of(codec::cbor_encode(Map{{"bytes", bytes}}));
    ASSERT_EQ(fields.size(), 2u);
    EXPECT_TRUE(
        fields[0].starts_with("8282656279746573"
                              "20"
                              "591000"
                              "55"));
    EXPECT_EQ(fields[1],
              "8282656279746573"
              "21"
              "43555555");
    bytes.resize(4096);
    EXPECT_EQ(fields_of(codec::cbor_encode(Map{{"bytes", bytes}})).size(), 1u);
}

TEST(Fields, whatever_is_no_whole_map_is_refused) {
    for (const char* bad :
         {"", "01", "80", "a1", "a16161", "a1616159ffff", "bf616101ff", "a16161819f",
          "a1616101"
          "00",
          "a161619bffffffffffffffff"}) {
        EXPECT_FALSE(Fields::of(codec::unhex(bad).value())) << bad;
    }
}

}  // namespace
}  // namespace narrows::evidence
