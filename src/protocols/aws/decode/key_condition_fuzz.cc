#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "protocols/aws/decode/key_condition.h"

using namespace narrows;

/// What is read lies in the expression, a name in each condition, and reads the same with blanks
/// around it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(as_text({data, size}));
    const auto conditions = aws::read_key_condition(text);
    if (!conditions) return 0;
    const std::string wider = "(" + text + "\n)";
    const auto again = aws::read_key_condition(wider);
    const bool fits = wider.size() <= aws::kKeyConditionMax;
    if (fits && again && again->size() != conditions->size()) std::abort();
    for (const aws::KeyCondition& each : *conditions) {
        if (each.name.empty() || (!each.value.empty() && each.value.size() < 2)) std::abort();
    }
    return 0;
}
