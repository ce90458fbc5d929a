#include "net/client_hello.h"

#include <fstream>

#include <gtest/gtest.h>

namespace narrows::net {
namespace {

/// Written by Python's ssl module with server_hostname "api.example.com".
Bytes openssl_hello() {
    std::ifstream file(NARROWS_SOURCE_DIR "/fuzz/corpus/client_hello_fuzz/openssl",
                       std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

TEST(ClientHello, names_the_server) {
    EXPECT_EQ(client_hello_server_name(openssl_hello()).value(), "api.example.com");
}

TEST(ClientHello, every_prefix_asks_for_more) {
    const Bytes hello = openssl_hello();
    for (std::size_t size = 0; size < hello.size(); ++size) {
        const Result<std::string> name = client_hello_server_name(ByteView(hello).first(size));
        ASSERT_FALSE(name.has_value()) << size;
        EXPECT_EQ(name.error().code, ErrorCode::unavailable) << size;
    }
}

TEST(ClientHello, other_protocols_are_refused) {
    EXPECT_EQ(client_hello_server_name(as_bytes("GET / HTTP/1.1\r\n")).error().code,
              ErrorCode::invalid);
}

}  // namespace
}  // namespace narrows::net
