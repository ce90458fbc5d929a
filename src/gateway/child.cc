#include "gateway/child.h"

#include <csignal>

#include <sys/stat.h>

namespace narrows::gateway {

void leave_signals_to_the_supervisor() {
    for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
        ::signal(number, SIG_IGN);
    }
}

Result<process::Parcel> receive_setup(const process::Descriptor& control) {
    struct stat info {};
    if (::fstat(control.number(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
        return fail(ErrorCode::invalid,
                    "this command is for `narrows gateway`, which starts it; run that instead");
    }
    return process::receive_parcel(control);
}

}  // namespace narrows::gateway
