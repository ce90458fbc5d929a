#include "protocols/aws/adapter/rejection.h"

namespace narrows::aws {

Rejection reject(model::Reason reason, std::string code, std::string why) {
    Rejection rejection;
    rejection.decision.reason = reason;
    rejection.decision.why = std::move(why);
    rejection.code = std::move(code);
    return rejection;
}

Rejection reject_as_bad(model::Reason reason, std::string code, std::string why) {
    Rejection rejection = reject(reason, std::move(code), std::move(why));
    rejection.status = 400;
    return rejection;
}

Rejection not_recognised(const Error& error) {
    const bool known = error.code == ErrorCode::unsupported;
    return reject(known ? model::Reason::not_supported : model::Reason::not_recognised,
                  "AccessDenied", error.what);
}

}  // namespace narrows::aws
