#include "net/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    (void)narrows::net::client_hello_server_name({data, size}).has_value();
    return 0;
}
