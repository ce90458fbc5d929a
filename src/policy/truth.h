#pragma once

#include <algorithm>

#include "policy/scope.h"

/// Kleene's three-valued logic over Truth: `unknown` is "could be either".
namespace narrows::policy {

inline Truth truth(bool value) {
    return value ? Truth::yes : Truth::no;
}
inline Truth both(Truth a, Truth b) {
    return std::min(a, b);
}
inline Truth either(Truth a, Truth b) {
    return std::max(a, b);
}
inline Truth negate(Truth a) {
    if (a == Truth::unknown) return a;
    return truth(a == Truth::no);
}

}  // namespace narrows::policy
