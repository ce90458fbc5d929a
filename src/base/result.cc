#include "base/result.h"

namespace narrows {

const char* name_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid:
            return "invalid";
        case ErrorCode::unauthenticated:
            return "unauthenticated";
        case ErrorCode::denied:
            return "denied";
        case ErrorCode::not_found:
            return "not_found";
        case ErrorCode::conflict:
            return "conflict";
        case ErrorCode::exhausted:
            return "exhausted";
        case ErrorCode::unavailable:
            return "unavailable";
        case ErrorCode::io:
            return "io";
        case ErrorCode::corrupt:
            return "corrupt";
        case ErrorCode::timeout:
            return "timeout";
        case ErrorCode::closed:
            return "closed";
        case ErrorCode::unsupported:
            return "unsupported";
    }
    return "unsupported";
}

}  // namespace narrows
