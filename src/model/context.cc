#include "model/operation.h"

namespace narrows::model {

Context::const_iterator find_family(const Context& context, std::string_view key) {
    constexpr std::string_view kEnds = ":/";
    for (std::size_t at = key.find_first_of(kEnds); at != std::string_view::npos;
         at = key.find_first_of(kEnds, at + 1)) {
        const auto found = context.find(key.substr(0, at + 1));
        if (found != context.end()) return found;
    }
    return context.end();
}

}  // namespace narrows::model
