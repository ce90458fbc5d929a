#include "protocols/aws/upstream/dial.h"

#include <gtest/gtest.h>

namespace narrows::upstream {
namespace {

TEST(EndpointUrl, reads_scheme_host_and_port) {
    const auto target = [](std::string_view url) { return parse_endpoint_url(url).value(); };
    EXPECT_EQ(target("https://s3.eu-west-1.amazonaws.com"),
              (Target{"s3.eu-west-1.amazonaws.com", 443, true, true}));
    EXPECT_EQ(target("http://127.0.0.1:5000/"), (Target{"127.0.0.1", 5000, false, true}));
    EXPECT_EQ(target("https://VPCE-1.example"), (Target{"vpce-1.example", 443, true, true}));
    EXPECT_EQ(target("http://[::1]:5000"), (Target{"::1", 5000, false, true}));
    EXPECT_EQ(target("http://[::1]:5000").authority(), "[::1]:5000");
    EXPECT_EQ(target("http://localhost:80").authority(), "localhost");
    EXPECT_EQ(target("https://localhost:80").authority(), "localhost:80");
}

TEST(EndpointUrl, refuses_everything_else) {
    for (const char* url : {"",
                            "localhost",
                            "ftp://h",
                            "HTTPS://h",
                            "https://",
                            "https:///",
                            "https://h/path",
                            "https://h?x",
                            "https://h#x",
                            "https://u@h",
                            "https://u:p@h",
                            "https://h:0",
                            "https://h:65536",
                            "https://h:",
                            "https://h:1x",
                            "https://h:1:2",
                            "https://h //",
                            "https://h\\x",
                            "https://%68",
                            "https://-h",
                            "https://h-",
                            "https://h..x",
                            "https://.h",
                            "https://[::1",
                            "https://::1",
                            "https://[127.0.0.1]",
                            "https://[h]",
                            "https://[::1]x",
                            "https://2130706433",
                            "https://127.1",
                            "https://0x7f.1",
                            "https://1.2.3.256",
                            "https://h\n",
                            "https://h\tx",
                            "https://\xc3\xa9"}) {
        EXPECT_FALSE(parse_endpoint_url(url)) << url;
    }
}

TEST(ChooseTarget, the_catalogue_gives_a_name_unless_the_connection_has_an_endpoint) {
    EXPECT_EQ(choose_target("sqs.us-east-1.amazonaws.com", "").value(),
              (Target{"sqs.us-east-1.amazonaws.com", 443, true, false}));
    EXPECT_EQ(choose_target("sqs.us-east-1.amazonaws.com", "http://127.0.0.1:5000").value(),
              (Target{"127.0.0.1", 5000, false, true}));
    for (const char* host : {"", "127.0.0.1", "h:1", "[::1]", "a/b", "2130706433"}) {
        EXPECT_FALSE(choose_target(host, "")) << host;
    }
}

TEST(MayDial, addresses_of_this_host_and_link_need_configuration) {
    const Target computed{"s3.amazonaws.com", 443, true, false};
    const Target configured{"s3.amazonaws.com", 443, true, true};
    for (const char* ip : {"127.0.0.1",
                           "127.255.0.9",
                           "0.0.0.0",
                           "169.254.169.254",
                           "169.254.170.2",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::1",
                           "::",
                           "::127.0.0.1",
                           "::ffff:127.0.0.1",
                           "::ffff:169.254.169.254",
                           "64:ff9b::7f00:1",
                           "64:ff9b::a9fe:a9fe",
                           "2002:7f00:1::",
                           "fe80::1",
                           "febf::1",
                           "ff02::1",
                           "fd00:ec2::254",
                           "fd00:ec2::23"}) {
        EXPECT_FALSE(may_dial(computed, ip, {})) << ip;
        EXPECT_TRUE(may_dial(configured, ip, {})) << ip;
    }
    for (const char* ip : {"52.216.1.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1",
                           "2600:1f00::1", "fd12:3456::1", "64:ff9b::34d8:101", "170.254.0.1"}) {
        EXPECT_TRUE(may_dial(computed, ip, {})) << ip;
    }
    for (const char* text : {"", "localhost", "127.1", "0x7f000001", "1.2.3.4 ", "::1%lo"}) {
        EXPECT_FALSE(may_dial(configured, text, {})) << text;
    }
}

TEST(MayDial, private_addresses_not_for_a_pattern) {
    const Target pattern{"a.example.com", 443, false, false, true};
    for (const char* ip : {"10.0.0.1", "172.16.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1",
                           "fd12:3456::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"}) {
        EXPECT_FALSE(may_dial(pattern, ip, {})) << ip;
    }
    for (const char* ip : {"52.216.1.1", "172.32.0.1", "100.128.0.1", "2600:1f00::1"}) {
        EXPECT_TRUE(may_dial(pattern, ip, {})) << ip;
    }
}

TEST(MayDial, own_listeners_never) {
    const std::vector<Listener> own = {{"127.0.0.1", 8400}, {"0.0.0.0", 8401}, {"::", 8402}};
    const auto may = [&](const char* ip, std::uint16_t port) {
        return may_dial({"h", port, false, true}, ip, own).has_value();
    };
    EXPECT_FALSE(may("127.0.0.1", 8400));
    EXPECT_FALSE(may("::ffff:127.0.0.1", 8400));
    EXPECT_FALSE(may("127.0.0.2", 8401));
    EXPECT_FALSE(may("::1", 8402));
    EXPECT_TRUE(may("127.0.0.1", 5000));
    EXPECT_TRUE(may("10.0.0.5", 8400));
}

}  // namespace
}  // namespace narrows::upstream
