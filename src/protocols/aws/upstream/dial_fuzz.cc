#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "protocols/aws/upstream/dial.h"

/// An accepted URL must be written back to the same target.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const std::string_view text = as_text({data, size});
    const auto target = upstream::parse_endpoint_url(text);
    if (target) {
        const std::string url =
            (target.value().tls ? "https://" : "http://") + target.value().authority();
        const auto again = upstream::parse_endpoint_url(url);
        NARROWS_CHECK(again && again.value() == target.value(), "a URL with two meanings");
    }
    (void)upstream::may_dial({}, text, {});
    return 0;
}
