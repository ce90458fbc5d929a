#include <string_view>

#include "protocols/aws/catalogue/aws_host.h"

/// Lines: signing name, region, host.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = narrows::as_text({data, size});
    const std::size_t first = std::min(text.find('\n'), text.size());
    const std::size_t second = std::min(text.find('\n', first + 1), text.size());
    const std::string_view host = text.substr(std::min(second + 1, text.size()));
    const std::string_view region =
        second > first ? text.substr(first + 1, second - first - 1) : std::string_view();
    const narrows::aws::HostScope scope{text.substr(0, first), region, "123456789012"};
    const auto read = narrows::aws::read_aws_host(narrows::aws::Catalogue::embedded(), host, scope);
    // What is dialled is the host that was named, or an end of it.
    if (read && !read.value().host.empty() && !host.ends_with(read.value().host)) __builtin_trap();
    return 0;
}
