#include "apps/client/child.h"

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/spawn.h"

namespace narrows::client {
namespace {

constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/// In the child: becomes the command, or tells why not. Never returns.
[[noreturn]] void become(const std::vector<char*>& command, const std::vector<char*>& environment,
                         const sigset_t& mask, int report) {
    sigprocmask(SIG_SETMASK, &mask, nullptr);
    execvpe(command.front(), command.data(), environment.data());
    const int error = errno;
    // Nothing is left to do about a report that cannot be made.
    [[maybe_unused]] const ssize_t written = write(report, &error, sizeof error);
    _exit(error == ENOENT ? 127 : 126);
}

int exit_status(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// Waits for the child's end, passing on what was not the terminal's: that reached it already.
int wait_and_forward(pid_t child, const sigset_t& held) {
    while (true) {
        siginfo_t info{};
        const int signal = sigwaitinfo(&held, &info);
        if (signal == SIGCHLD) {
            int status = 0;
            if (waitpid(child, &status, WNOHANG) == child) {
                return exit_status(status);
            }
        } else if (signal > 0 && info.si_code != SI_KERNEL) {
            kill(child, signal);
        }
    }
}

}  // namespace

SignalHold::SignalHold() {
    // A parent may have left SIGCHLD ignored; then no child's status would come.
    std::signal(SIGCHLD, SIG_DFL);
    sigemptyset(&held_);
    sigaddset(&held_, SIGCHLD);
    for (const int signal : kForwarded) {
        sigaddset(&held_, signal);
    }
    sigprocmask(SIG_BLOCK, &held_, &before_);
}

SignalHold::~SignalHold() {
    sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalHold::pending() const {
    sigset_t waiting;
    sigpending(&waiting);
    for (const int signal : kForwarded) {
        if (sigismember(&waiting, signal) == 1) {
            sigset_t one;
            sigemptyset(&one);
            sigaddset(&one, signal);
            const timespec now{};
            sigtimedwait(&one, nullptr, &now);
            return signal;
        }
    }
    return std::nullopt;
}

Result<int> run_child(const std::vector<std::string>& command,
                      const std::vector<std::string>& environment, const SignalHold& signals,
                      std::string& why_not_run) {
    const std::vector<char*> arguments = process::pointers(command);
    const std::vector<char*> variables = process::pointers(environment);
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return fail(ErrorCode::io, fmt::format("pipe failed: {}", std::strerror(errno)));
    }
    const pid_t child = fork();
    if (child == 0) {
        become(arguments, variables, signals.before(), report[1]);
    }
    const int fork_error = errno;
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        return fail(ErrorCode::io, fmt::format("fork failed: {}", std::strerror(fork_error)));
    }
    int error = 0;
    const ssize_t size = read(report[0], &error, sizeof error);
    close(report[0]);
    if (size == sizeof error) {
        why_not_run = fmt::format("{} cannot be run: {}", command.front(), std::strerror(error));
    }
    return wait_and_forward(child, signals.held());
}

}  // namespace narrows::client
