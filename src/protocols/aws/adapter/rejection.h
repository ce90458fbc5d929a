#pragma once

#include <string>

#include "base/result.h"
#include "model/decision.h"

namespace narrows::aws {

/// Why a request gets no further, with AWS's own code for it.
struct Rejection {
    model::Decision decision;
    std::string code;  ///< "SignatureDoesNotMatch"
    int status = 403;
};
Rejection reject(model::Reason reason, std::string code, std::string why);
/// With the status that AWS's code has: 400.
Rejection reject_as_bad(model::Reason reason, std::string code, std::string why);
/// What cannot be understood, or is understood and not served.
Rejection not_recognised(const Error& error);

/// What a step makes of a request, or why the request gets no further.
template <class T>
using Judged = boost::outcome_v2::basic_result<T, Rejection, boost::outcome_v2::policy::terminate>;
inline auto rejected(Rejection rejection) {
    return boost::outcome_v2::failure(std::move(rejection));
}

}  // namespace narrows::aws
