#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "codec/text.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/sigv4/body.h"

/// Lines: target, then "Name: value" headers. Whatever is accepted must be consistent.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    http::RequestHead head{"GET", "", {}};
    bool first = true;
    for (const std::string_view line : codec::split(as_text({data, size}), '\n')) {
        const std::size_t colon = line.find(':');
        if (first) {
            head.target = line;
        } else if (colon != std::string_view::npos) {
            head.headers.push_back({std::string(line.substr(0, colon)),
                                    std::string(codec::trim(line.substr(colon + 1)))});
        }
        first = false;
    }
    const sigv4::Presented presented = sigv4::classify(head, {});
    const auto authorization = sigv4::read_authorization(head);
    if (authorization) {
        NARROWS_CHECK(presented.scheme == authorization.value().scheme ||
                          presented.scheme == sigv4::Scheme::several,
                      "read what is not classified as it is read");
        NARROWS_CHECK(
            is_sigv4a(authorization.value().scheme) != authorization.value().region_set.empty(),
            "a set of regions belongs to SigV4A alone");
        NARROWS_CHECK(presented.key_id == authorization.value().key_id ||
                          presented.scheme == sigv4::Scheme::several,
                      "two readings of one key id");
    }
    (void)sigv4::read_payload(head);
    return 0;
}
