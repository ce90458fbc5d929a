#include "process/spawn.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace narrows::process {
namespace {

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "a child process cannot begin: %s: %s\n", what, std::strerror(errno));
    ::_exit(kCannotBegin);
}

void keep_only(int control) {
    if (control != kControlDescriptor && ::dup2(control, kControlDescriptor) < 0) {
        give_up("dup2");
    }
    if (::fcntl(kControlDescriptor, F_SETFD, 0) != 0) {
        give_up("fcntl");
    }
    if (::syscall(SYS_close_range, kControlDescriptor + 1, ~0U, 0U) != 0) {
        give_up("close_range");
    }
}

void reset_signals() {
    for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGCHLD, SIGPIPE}) {
        ::signal(number, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void become(const User& user) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(user.gid) != 0 || ::setuid(user.uid) != 0) {
        give_up("changing to its user");
    }
    if (user.uid != 0 && ::setuid(0) == 0) {
        errno = EPERM;
        give_up("its user can become root again");
    }
}

[[noreturn]] void run_child(const Program& program, const std::vector<char*>& arguments,
                            const std::vector<char*>& environment, int control, pid_t parent) {
    keep_only(control);
    reset_signals();
    const rlimit locked{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_MEMLOCK, &locked);  // only root may; harden() looks what it got
    if (program.user) {
        become(*program.user);
    }
    // After the change of user, which would clear it.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        give_up("prctl");
    }
    if (::getppid() != parent) {
        ::_exit(kCannotBegin);
    }
    ::execve("/proc/self/exe", arguments.data(), environment.data());
    give_up("execve");
}

}  // namespace

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (const std::string& text : texts) {
        out.push_back(const_cast<char*>(text.c_str()));
    }
    out.push_back(nullptr);
    return out;
}

Result<std::optional<User>> find_user(const std::string& name) {
    errno = 0;
    const passwd* found = ::getpwnam(name.c_str());
    if (found == nullptr && (errno == 0 || errno == ENOENT)) {
        return std::optional<User>();
    }
    if (found == nullptr) {
        return fail(ErrorCode::io,
                    "the user " + name + " cannot be looked up: " + std::strerror(errno));
    }
    return std::optional<User>(User{name, found->pw_uid, found->pw_gid});
}

Result<pid_t> spawn(const Program& program, Descriptor control) {
    std::vector<std::string> words{"narrows"};
    words.insert(words.end(), program.arguments.begin(), program.arguments.end());
    const std::vector<char*> arguments = pointers(words);
    const std::vector<char*> environment = pointers(program.environment);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        return fail(ErrorCode::io,
                    std::string("a child process cannot be made: fork: ") + std::strerror(errno));
    }
    if (child == 0) {
        run_child(program, arguments, environment, control.number(), parent);
    }
    return child;
}

std::vector<std::string> environment() {
    std::vector<std::string> out;
    for (char** each = environ; *each != nullptr; ++each) {
        out.emplace_back(*each);
    }
    return out;
}

}  // namespace narrows::process
