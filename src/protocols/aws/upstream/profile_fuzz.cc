#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "protocols/aws/upstream/profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    (void)upstream::parse_profiles(as_text({data, size}), upstream::ProfileFile::config);
    (void)upstream::parse_profiles(as_text({data, size}), upstream::ProfileFile::credentials);
    return 0;
}
