#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/upstream/sts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const std::string_view text = as_text({data, size});
    const auto role = upstream::parse_assume_role(text);
    if (role) {
        NARROWS_CHECK(!role.value().credentials.access_key_id.empty() &&
                          !role.value().credentials.secret_access_key.empty(),
                      "credentials without a part");
    }
    (void)upstream::parse_service_error(text);
    const std::string tag = upstream::tag_value(text);
    NARROWS_CHECK(upstream::tag_value(tag) == tag && tag.size() <= 256, "tag value not stable");
    const std::string name = upstream::session_name_value(text);
    NARROWS_CHECK(upstream::session_name_value(name) == name && name.size() <= 64 &&
                      (text.empty() || name.size() >= 2),
                  "session name not stable");
    return 0;
}
