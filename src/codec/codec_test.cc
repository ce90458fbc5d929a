#include <cmath>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"

namespace narrows::codec {
namespace {

Bytes raw(std::string_view digits) {
    return unhex(digits).value();
}

// ---- text

TEST(Cbor, a_text_that_is_not_utf8_is_written_as_bytes_and_comes_back) {
    const Value value = Map{{"user-agent", "caf\xE9"}};
    EXPECT_EQ(hex(cbor_encode(value)), "a16a757365722d6167656e7444636166e9");
    const auto read = cbor_decode(cbor_encode(value));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read.value().text("user-agent"), "caf\xE9");
}

TEST(Cbor, a_byte_string_beside_a_map_stands_where_its_key_belongs) {
    // {"a": 1, "bytes": h'0102', "index": 2}, written out after RFC 8949 section 4.2.1.
    const Map fields = {{"a", 1}, {"index", 2}};
    EXPECT_EQ(hex(cbor_encode(fields, "bytes", Bytes{1, 2})),
              "a3616101656279746573420102"
              "65696e64657802");
    EXPECT_EQ(hex(cbor_encode({{"op", 1}}, "bytes", {})), "a2626f700165627974657340");
}

TEST(Text, base64_has_the_vectors_of_rfc4648) {
    const std::vector<std::pair<std::string, std::string>> vectors = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [plain, encoded] : vectors) {
        EXPECT_EQ(base64(as_bytes(plain)), encoded);
        EXPECT_EQ(to_string(unbase64(encoded).value()), plain);
    }
    EXPECT_EQ(base32(as_bytes("foobar")), "MZXW6YTBOI");
    EXPECT_EQ(base64url(raw("fbff")), "-_8");
    EXPECT_EQ(unbase64url("-_8").value(), raw("fbff"));
}

TEST(Text, base64_refuses_what_no_encoder_writes) {
    for (const char* bad : {"Zg", "Zg=", "Z===", "Zh==", "Zm9", "Zm9v\n", "Zm 9", "=Zm9", "Z=g="}) {
        EXPECT_FALSE(unbase64(bad)) << bad;
    }
    EXPECT_FALSE(unbase64url("Zg=="));
    EXPECT_FALSE(unbase64url("A"));
}

TEST(Text, hex_reads_both_cases_and_refuses_the_rest) {
    EXPECT_EQ(hex(raw("00ffA5")), "00ffa5");
    EXPECT_FALSE(unhex("abc"));
    EXPECT_FALSE(unhex("0g"));
}

TEST(Text, percent_encoding_is_rfc3986s) {
    EXPECT_EQ(percent_encode("a b/~é+"), "a%20b%2F~%C3%A9%2B");
    EXPECT_EQ(percent_encode("a/b", "/"), "a/b");
    EXPECT_EQ(percent_decode("a%20b+%2f").value(), "a b+/");
    for (const char* bad : {"%", "a%", "%2", "%zz", "%2"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

TEST(Text, form_keeps_order_duplicates_and_blank_values) {
    const auto pairs = form_decode("b=1&a=x+y%2B&b=&c").value();
    const std::vector<Pair> expected = {{"b", "1"}, {"a", "x y+"}, {"b", ""}, {"c", ""}};
    EXPECT_EQ(pairs, expected);
    EXPECT_TRUE(form_decode("").value().empty());
    EXPECT_FALSE(form_decode("a=%"));
}

TEST(Text, utf8_follows_rfc3629) {
    EXPECT_TRUE(is_utf8("aé€\xF0\x9F\x98\x80"));
    for (const char* bad :
         {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80", "\xFF"}) {
        EXPECT_FALSE(is_utf8(bad));
    }
}

TEST(Text, printable_shows_what_a_terminal_would_obey) {
    EXPECT_EQ(printable("a\x1b[31m\né"), "a\\x1b[31m\\x0aé");
    EXPECT_EQ(printable("\xC2\x9B"
                        "x"),
              "\\xc2\\x9bx");
    EXPECT_EQ(printable("\xE2\x80\xAE"), "\\xe2\\x80\\xae");
    EXPECT_EQ(printable("\xFF"), "\\xff");
}

TEST(Text, trim_split_and_ascii_case) {
    EXPECT_EQ(trim(" \ta b\t "), "a b");
    EXPECT_EQ(trim("  "), "");
    EXPECT_EQ(split("a,,b", ',').size(), 3U);
    EXPECT_TRUE(iequals("X-Amz-Date", "x-amz-DATE"));
    EXPECT_FALSE(iequals("a", "ab"));
}

// ---- CBOR: literals are RFC 8949 appendix A

TEST(Cbor, writes_and_reads_the_examples_of_rfc8949) {
    const std::vector<std::pair<Value, std::string>> examples = {
        {Value(0), "00"},
        {Value(23), "17"},
        {Value(24), "1818"},
        {Value(1000), "1903e8"},
        {Value(1000000), "1a000f4240"},
        {Value(std::int64_t{1000000000000}), "1b000000e8d4a51000"},
        {Value(-1), "20"},
        {Value(-1000), "3903e7"},
        {Value(0.0), "f90000"},
        {Value(-0.0), "f98000"},
        {Value(1.1), "fb3ff199999999999a"},
        {Value(1.5), "f93e00"},
        {Value(65504.0), "f97bff"},
        {Value(100000.0), "fa47c35000"},
        {Value(3.4028234663852886e+38), "fa7f7fffff"},
        {Value(1.0e+300), "fb7e37e43c8800759c"},
        {Value(5.960464477539063e-8), "f90001"},
        {Value(0.00006103515625), "f90400"},
        {Value(-4.1), "fbc010666666666666"},
        {Value(std::numeric_limits<double>::infinity()), "f97c00"},
        {Value(false), "f4"},
        {Value(nullptr), "f6"},
        {Value(raw("01020304")), "4401020304"},
        {Value("IETF"), "6449455446"},
        {Value("ü"), "62c3bc"},
        {Value(List{1, List{2, 3}, List{4, 5}}), "8301820203820405"},
        {Value(Map{{"a", 1}, {"b", List{2, 3}}}), "a26161016162820203"},
    };
    for (const auto& [value, digits] : examples) {
        EXPECT_EQ(hex(cbor_encode(value)), digits);
        const auto back = cbor_decode(raw(digits));
        ASSERT_TRUE(back) << digits;
        EXPECT_EQ(back.value(), value) << digits;
    }
    EXPECT_EQ(hex(cbor_encode(std::nan(""))), "f97e00");
}

TEST(Cbor, orders_keys_by_their_encoding) {
    EXPECT_EQ(hex(cbor_encode(Map{{"aa", 1}, {"b", 2}})),
              "a2616202626161"
              "01");
}

TEST(Cbor, deterministic_form_refuses_every_other_encoding) {
    for (const char* bad : {
             "1817",
             "190018",
             "1a0000ffff",
             "1b00000000ffffffff",
             "5801ff",
             "5f42010243030405ff",
             "9fff",
             "bfff",
             "a2616201616101",
             "a2616101616102",
             "fa3fc00000",
             "fb3ff8000000000000",
             "f97e01",
             "fb7ff8000000000000",
             "c11a514b67b0",
             "c074323031",
             "f7",
             "f0",
             "f8ff",
             "0000",
             "1bffffffffffffffff",
             "3bffffffffffffffff",
             "a10102",
             "61ff",
             "62c3",
             "",
             "81",
             "1c",
             "ff",
             "5bffffffffffffffff00",
             "9bffffffffffffffff",
             "bb7fffffffffffffff",
         }) {
        EXPECT_FALSE(cbor_decode(raw(bad))) << bad;
    }
}

TEST(Cbor, any_form_reads_indefinite_lengths_epoch_tag_and_short_floats) {
    const auto any = [](std::string_view digits) { return cbor_decode(raw(digits), Form::any); };
    EXPECT_EQ(any("5f42010243030405ff").value(), Value(raw("0102030405")));
    EXPECT_EQ(any("7f657374726561646d696e67ff").value(), Value("streaming"));
    EXPECT_EQ(any("9f018202039f0405ffff").value(), Value(List{1, List{2, 3}, List{4, 5}}));
    EXPECT_EQ(any("bf6346756ef563416d7421ff").value(), Value(Map{{"Fun", true}, {"Amt", -2}}));
    EXPECT_EQ(any("c11a514b67b0").value(), Value(1363896240));
    EXPECT_EQ(any("c1fb41d452d9ec200000").value(), Value(1363896240.5));
    EXPECT_EQ(any("1817").value(), Value(23));
    for (const char* bad : {"c11b", "c16161", "c074", "bf6161f5", "5f4101", "5f6161ff",
                            "bf616101616102ff", "7f7fffff", "0000", "fc", "bf6161ff"}) {
        EXPECT_FALSE(any(bad)) << bad;
    }
}

TEST(Cbor, bounds_the_depth) {
    EXPECT_TRUE(cbor_decode(Bytes(kCborDepthMax, 0x81), Form::any).has_error());
    Bytes deep(kCborDepthMax, 0x81);
    deep.push_back(0x80);
    EXPECT_TRUE(cbor_decode(deep));
    deep.insert(deep.begin(), 0x81);
    EXPECT_FALSE(cbor_decode(deep));
}

// ---- JSON

TEST(Json, reads_one_document) {
    const auto value = json_decode(R"( {"a":[1,-2.5,true,null,"x\u00e9\n"],"b":{}} )").value();
    const Value expected(Map{{"a", List{1, -2.5, true, nullptr, "xé\n"}}, {"b", Map{}}});
    EXPECT_EQ(value, expected);
    EXPECT_EQ(json_decode("9223372036854775807").value(), Value(std::int64_t{9223372036854775807}));
    EXPECT_EQ(json_decode("9223372036854775808").value(), Value(9223372036854775808.0));
    EXPECT_EQ(json_decode("1.0").value(), Value(1.0));
    EXPECT_EQ(json_decode("0.1").value(), Value(0.1));
    EXPECT_EQ(json_decode("\"\"").value(), Value(""));
}

TEST(Json, refuses_two_meanings_and_bad_bytes) {
    for (const char* bad : {
             R"({"a":1,"a":2})",
             R"({"a":1,"\u0061":2})",
             R"([{"b":{"x":1,"x":1}}])",
             "{} {}",
             "1 2",
             "",
             " ",
             "{",
             R"({"a":1,})",
             "[1,]",
             "// c\n1",
             "NaN",
             "Infinity",
             "01",
             "+1",
             ".5",
             "1.",
             "'a'",
             "\"\xC3\"",
             "\"\xED\xA0\x80\"",
             R"("\ud800")",
             "\"a\nb\"",
             "1e999",
             "tru",
             "\xEF\xBB\xBF{}",
         }) {
        EXPECT_FALSE(json_decode(bad)) << bad;
    }
    EXPECT_FALSE(json_decode(std::string_view("1\0", 2)));
}

TEST(Json, says_what_is_wrong) {
    const auto result = json_decode(R"({"a":1,"a":2})");
    EXPECT_NE(result.error().what.find("a member stands twice"), std::string::npos);
}

TEST(Json, says_where_each_value_stands) {
    const std::string text = "{\n  \"a.b\": [1, {\"c\": \"x\\\"]\"}],\n  \"\\u00e9\": null\n}";
    const auto places = json_places(text);
    const auto line_and_column = [&](const char* path) {
        const TextPlace place = place_at(text, places.at(path));
        return std::pair(place.line, place.column);
    };
    EXPECT_EQ(places.size(), 6U);
    EXPECT_EQ(line_and_column(""), std::pair(std::size_t{1}, std::size_t{1}));
    EXPECT_EQ(line_and_column("a.b"), std::pair(std::size_t{2}, std::size_t{3}));
    EXPECT_EQ(line_and_column("a.b[0]"), std::pair(std::size_t{2}, std::size_t{11}));
    EXPECT_EQ(line_and_column("a.b[1]"), std::pair(std::size_t{2}, std::size_t{14}));
    EXPECT_EQ(line_and_column("a.b[1].c"), std::pair(std::size_t{2}, std::size_t{15}));
    EXPECT_EQ(line_and_column("\u00e9"), std::pair(std::size_t{3}, std::size_t{3}));
}

TEST(Json, of_a_broken_text_it_knows_what_stands_before_the_mistake) {
    for (const char* bad : {"", "{", "[", "{\"", "{\"a", "{\"a\"", "{\"a\":", "[1", "[1,", "\"",
                            "{\"a\\", "{\"a\":1 2}", "]"}) {
        for (const auto& [path, at] : json_places(bad)) EXPECT_LT(at, std::strlen(bad)) << bad;
    }
    EXPECT_TRUE(json_places("{\"a\": 1, x").contains("a"));
    EXPECT_EQ(json_places(std::string(1'000'000, '[')).size(), kJsonDepthMax + 1);
    std::size_t at = 0;
    EXPECT_FALSE(json_decode("{\"a\": tru}", &at));
    EXPECT_EQ(at, 6U);
    EXPECT_EQ(place_at("\u00e9\n\u00e9x", 5).column, 2U);
}

TEST(Json, bounds_the_depth) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(json_decode(nested(kJsonDepthMax)));
    EXPECT_FALSE(json_decode(nested(kJsonDepthMax + 1)));
    EXPECT_FALSE(json_decode(std::string(1'000'000, '[')));
}

TEST(Json, writes_compact_text) {
    const Value value(
        Map{{"b", List{1, 2.0, 0.1, false, nullptr}}, {"a", "q\"\\\x01\n€"}, {"c", Bytes{255}}});
    EXPECT_EQ(json_encode(value),
              R"({"a":"q\"\\\u0001\n€","b":[1,2.0,0.1,false,null],"c":"/w=="})");
    EXPECT_EQ(json_encode("\xFFz\xE2\x82"), "\"\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(json_encode(1e21), "1e+21");
}

// ---- XML

TEST(Xml, reads_elements_text_and_attributes) {
    const auto root = xml_decode(
                          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<a xmlns=\"urn:x\" xmlns:p=\"urn:p\">\n <p:b p:t=\"1\">x&amp;&lt;y&gt;"
                          "&#233;</p:b><b/></a>")
                          .value();
    EXPECT_EQ(root.name, "a");
    EXPECT_EQ(root.text, "");
    ASSERT_EQ(root.children.size(), 2U);
    EXPECT_EQ(root.children[0].text, "x&<y>é");
    EXPECT_EQ(root.children[0].attributes, (std::vector<Pair>{{"t", "1"}}));
    EXPECT_EQ(root.child("b"), &root.children[0]);
    EXPECT_EQ(root.child("c"), nullptr);
}

TEST(Xml, refuses_what_could_mean_more_than_it_says) {
    for (const char* bad : {
             "<!DOCTYPE a><a/>",
             "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
             "<a>&e;</a>",
             "<a><?php x?></a>",
             "<!-- c --><a/>",
             "<a>x<!-- c -->y</a>",
             "<a/><!-- c -->",
             "<a><![CDATA[x]]></a>",
             "<a>x<![CDATA[]]></a>",
             "<a/><b/>",
             "<a/>x",
             "<a>",
             "<a></b>",
             "",
             "<a>x<b/></a>",
             "<a><b/>x</a>",
             "<a x=\"1\" x=\"2\"/>",
             "<a xmlns:p=\"u\" xmlns:q=\"v\" p:x=\"1\" q:x=\"2\"/>",
             "<p:a/>",
             "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>",
             "<?xml version=\"1.0\" encoding=\"latin1\"?><a/>",
             "<a>\xFF</a>",
             "<a>\x01</a>",
         }) {
        EXPECT_FALSE(xml_decode(bad)) << bad;
    }
}

TEST(Xml, bounds_depth_and_nodes) {
    std::string deep;
    for (std::size_t i = 0; i <= kXmlDepthMax; ++i) deep += "<a>";
    EXPECT_NE(xml_decode(deep).error().what.find("too deeply"), std::string::npos);
    std::string wide = "<a>";
    for (std::size_t i = 0; i < kXmlNodesMax; ++i) wide += "<b/>";
    EXPECT_NE(xml_decode(wide + "</a>").error().what.find("too many nodes"), std::string::npos);
}

TEST(Xml, escapes_for_text_and_attributes) {
    EXPECT_EQ(xml_escape("<a b=\"c\" d='e'>&\x01\r\n"),
              "&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;&#13;\n");
}

}  // namespace
}  // namespace narrows::codec
