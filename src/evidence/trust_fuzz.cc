#include <cstdlib>

#include "evidence/trust.h"

/// A trust file that parses names a log and no quorum that it cannot reach.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows::evidence;
    const auto trust = parse_trust({reinterpret_cast<const char*>(data), size});
    if (trust &&
        (trust.value().logs.empty() || trust.value().quorum > trust.value().witnesses.size())) {
        std::abort();
    }
    return 0;
}
