#pragma once

#include <string>
#include <utility>

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/success_failure.hpp>
#include <boost/outcome/try.hpp>

namespace narrows {

/// What kind of failure a peer, a disk or an operator's input caused. Broken invariants of ours
/// are not errors: they are NARROWS_CHECKs (base/check.h). There is nothing in between.
enum class ErrorCode {
    invalid,          ///< bytes or values that break a rule of their format
    unauthenticated,  ///< a credential is missing, wrong, expired or unknown
    denied,           ///< known, understood and not allowed
    not_found,
    conflict,     ///< exists already, or was used already
    exhausted,    ///< a bound or budget is reached
    unavailable,  ///< cannot now: a peer is down, the journal refuses
    io,           ///< the operating system failed a call
    corrupt,      ///< bytes on disk are not what was written
    timeout,
    closed,  ///< the peer ended the conversation
    unsupported,
};

/// The name of a code as it stands in logs, records and JSON ("unauthenticated").
const char* name_of(ErrorCode code);

/// A failure as a value. `what` is a sentence of ours for people: what happened, to what, and what
/// to do. It never holds a secret and never a peer's text (that belongs in records).
struct [[nodiscard]] Error {
    ErrorCode code = ErrorCode::invalid;
    std::string what;
};

template <class T>
using Result = boost::outcome_v2::basic_result<T, Error, boost::outcome_v2::policy::terminate>;

/// Success of a Result<void>.
inline auto ok() {
    return boost::outcome_v2::success();
}

/// `return fail(ErrorCode::invalid, "…")` from a function that returns any Result.
inline auto fail(ErrorCode code, std::string what) {
    return boost::outcome_v2::failure(Error{code, std::move(what)});
}
inline auto fail(Error error) {
    return boost::outcome_v2::failure(std::move(error));
}

}  // namespace narrows

/// NARROWS_TRY(auto x, f()); or NARROWS_TRY(f()); returns the error to the caller.
#define NARROWS_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)
#define NARROWS_CO_TRY(...) BOOST_OUTCOME_CO_TRY(__VA_ARGS__)
