#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "base/rfc3339.h"

/// What is a time is one again as it is written, to the second.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const auto time = parse_rfc3339(as_text(ByteView(data, size)));
    if (time) {
        NARROWS_CHECK(parse_rfc3339(rfc3339(*time)) == time, "a time reads as another one");
    }
    return 0;
}
