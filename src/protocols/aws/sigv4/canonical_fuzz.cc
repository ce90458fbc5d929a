#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/sigv4/canonical.h"

/// The canonical form of a query must be its own canonical form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const std::vector<std::string> names = {"host"};
    const http::RequestHead head{"GET", to_string({data, size}), {{"Host", "h"}}};
    const auto sent = sigv4::canonical_request(head, names, "P", sigv4::PathStyle::as_sent);
    const auto normal = sigv4::canonical_request(head, names, "P", sigv4::PathStyle::normalised);
    NARROWS_CHECK(sent.has_value() == normal.has_value(), "styles differ in what they refuse");
    if (!sent) return 0;
    const std::string& text = sent.value();
    const std::size_t path_end = text.find('\n', 4);
    const std::size_t query_end = text.find('\n', path_end + 1);
    const http::RequestHead again{
        "GET",
        text.substr(4, path_end - 4) + "?" + text.substr(path_end + 1, query_end - path_end - 1),
        head.headers};
    const auto twice = sigv4::canonical_request(again, names, "P", sigv4::PathStyle::as_sent);
    NARROWS_CHECK(twice && twice.value() == text, "canonical form is not stable");
    return 0;
}
