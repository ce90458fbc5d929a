#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace narrows::aws {

/// Where in a request's parameters a binder stands. Frames live on the stack of the binders; a text
/// is made only when something is refused.
struct Where {
    const Where* up = nullptr;
    std::string_view step;

    std::string text() const {
        if (up == nullptr) return std::string(step);
        const std::string above = up->text();
        return above.empty() ? std::string(step) : above + "." + std::string(step);
    }
};

/// "the value of Delete.Objects is no list": a refusal that names the place in model names.
inline Error misfit(const Where& where, std::string_view why) {
    const std::string place = where.text();
    return {ErrorCode::invalid,
            (place.empty() ? std::string("the request's document") : "the value of " + place) +
                " " + std::string(why)};
}

/// A name that the peer chose, for a sentence of ours: made visible and cut.
std::string quoted(std::string_view name);

/// "the request has a KIND "NAME" that the operation does not declare".
Error undeclared(const Where& where, std::string_view kind, std::string_view name);

}  // namespace narrows::aws
