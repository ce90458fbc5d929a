#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "codec/text.h"
#include "protocols/aws/sigv4/presigned.h"

namespace {

using namespace narrows;

/// A proof that was read is gone from what is asked, and no secret of ours made it.
void check(const http::RequestHead& head, const Result<sigv4::Presigned>& read, bool v2) {
    if (!read) return;
    const sigv4::Authorization& authorization = read.value().authorization;
    const http::RequestHead& request = read.value().request;
    NARROWS_CHECK(
        sigv4::classify({request.method, request.target, {}}, {}).scheme == sigv4::Scheme::none,
        "a proof is left in the query");
    const Secret secret(std::string_view("a secret that signed nothing"));
    const auto key = sigv4::SigningKey::derive(secret, authorization.scope);
    const auto held =
        v2 ? sigv4::verify_presigned_v2(request, authorization, secret, "", 0)
           : sigv4::verify_presigned(head, authorization, key, std::nullopt, authorization.time, 0);
    NARROWS_CHECK(!held, "a signature is verified that nobody made");
}

}  // namespace

/// Lines: target or URL, then "Name: value" headers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    http::RequestHead head{"GET", "", {}};
    const auto lines = codec::split(as_text({data, size}), '\n');
    head.target = lines.front();
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t colon = lines[i].find(':');
        if (colon == std::string_view::npos) continue;
        head.headers.push_back({std::string(lines[i].substr(0, colon)),
                                std::string(codec::trim(lines[i].substr(colon + 1)))});
    }
    const auto called = sigv4::head_of_url(head.target);
    if (called) {
        NARROWS_CHECK(called.value().target.starts_with('/') &&
                          http::count(called.value().headers, "host") == 1,
                      "a URL leads nowhere");
        head = called.value();
    }
    const sigv4::Scheme scheme = sigv4::classify(head, {}).scheme;
    if (scheme == sigv4::Scheme::sigv4_query || scheme == sigv4::Scheme::sigv4a_query) {
        check(head, sigv4::read_presigned(head), false);
    } else if (scheme == sigv4::Scheme::sigv2_query) {
        check(head, sigv4::read_presigned_v2(head), true);
    }
    return 0;
}
