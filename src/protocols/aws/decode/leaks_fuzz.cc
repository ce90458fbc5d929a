#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/decode/leaks.h"

/// A body in two stretches, cut where the first byte says, is what it is in one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    if (size == 0) return 0;
    const ByteView body(data + 1, size - 1);
    const std::size_t cut = std::min<std::size_t>(data[0], body.size());
    aws::LeakScan whole;
    whole.push(body);
    whole.finish();
    aws::LeakScan parts;
    parts.push(body.first(cut));
    parts.push(body.subspan(cut));
    parts.finish();
    NARROWS_CHECK(whole.total() == parts.total(), "a cut changes what is found");
    for (const aws::Leak& leak : whole.leaks()) {
        NARROWS_CHECK(leak.at < body.size(), "it stands in the body");
    }
    return 0;
}
