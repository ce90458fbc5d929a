#include "process/harden.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace narrows::process {
namespace {

auto refused(const char* call, int error) {
    return fail(ErrorCode::io, std::string("the process cannot be confined: ") + call + ": " +
                                   std::strerror(error));
}

#ifndef NARROWS_SANITIZED

constexpr const char* kSignerCalls[] = {
    // Descriptors and sockets.
    "read",
    "readv",
    "pread64",
    "write",
    "writev",
    "close",
    "lseek",
    "fcntl",
    "ioctl",
    "dup",
    "pipe2",
    "poll",
    "ppoll",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "socket",
    "connect",
    "bind",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "shutdown",
    // Files that are read: trust roots, shared AWS files, name service.
    "open",
    "openat",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "statfs",
    "fstatfs",
    "fadvise64",
    "getcwd",
    // Memory and threads.
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "mlock",
    "mlock2",
    "munlock",
    "mlockall",
    "membarrier",
    "clone",
    "clone3",
    "futex",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "set_tid_address",
    "arch_prctl",
    "prctl",
    "gettid",
    "getpid",
    "getppid",
    "tgkill",
    "exit",
    "exit_group",
    "restart_syscall",
    "sched_yield",
    "sched_getaffinity",
    "getcpu",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sigaltstack",
    // Time, randomness, who and what it is.
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "getrandom",
    "uname",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getrlimit",
    "prlimit64",
    "getrusage",
    "sysinfo",
};

/// Beside the signer's.
constexpr const char* kRecorderCalls[] = {
    "pwrite64",
    "pwritev",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "umask",
    "flock",
    "fchmod",
    "chmod",
    "copy_file_range",
    "preadv",
    "rmdir",
    // The kernel's word on the clock, in heartbeats.
    "adjtimex",
    "clock_adjtime",
};

constexpr const char* kTakenFromBoundary[] = {
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "kill",
    "tkill",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "capset",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "fsconfig",
    "fspick",
    "mount_setattr",
    "swapon",
    "swapoff",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "add_key",
    "request_key",
    "keyctl",
    "open_by_handle_at",
    "name_to_handle_at",
    "acct",
    "quotactl",
    "settimeofday",
    "clock_settime",
    "sethostname",
    "setdomainname",
    "syslog",
    "personality",
    "iopl",
    "ioperm",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
};

struct Release {
    void operator()(void* filter) const { ::seccomp_release(filter); }
};

using Names = std::vector<const char*>;

template <std::size_t N>
Names names_of(const char* const (&calls)[N]) {
    return Names(std::begin(calls), std::end(calls));
}

Names recorder_names() {
    Names names = names_of(kSignerCalls);
    names.insert(names.end(), std::begin(kRecorderCalls), std::end(kRecorderCalls));
    return names;
}

/// Names that this architecture does not have are left out.
Result<void> load(std::uint32_t otherwise, std::uint32_t action, const Names& calls) {
    const std::unique_ptr<void, Release> filter(::seccomp_init(otherwise));
    if (!filter) {
        return refused("seccomp_init", ENOMEM);
    }
    for (const char* name : calls) {
        const int number = ::seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR || number < 0) {
            continue;
        }
        const int added = ::seccomp_rule_add(filter.get(), action, number, 0);
        if (added != 0) {
            return refused(name, -added);
        }
    }
    const int loaded = ::seccomp_load(filter.get());
    return loaded == 0 ? Result<void>(ok()) : refused("seccomp_load", -loaded);
}

Result<void> confine(Filter filter) {
    const std::uint32_t refuse = SCMP_ACT_ERRNO(ENOSYS);
    switch (filter) {
        case Filter::none:
            return ok();
        case Filter::signer:
            return load(refuse, SCMP_ACT_ALLOW, names_of(kSignerCalls));
        case Filter::recorder:
            return load(refuse, SCMP_ACT_ALLOW, recorder_names());
        case Filter::boundary:
            return load(SCMP_ACT_ALLOW, refuse, names_of(kTakenFromBoundary));
    }
    return ok();
}

/// Locked as it is touched. Where a limit stands, mappings would fail later: better none is locked.
bool lock_memory() {
    rlimit limit{};
    const bool free = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
    return free && ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

#endif

}  // namespace

Result<bool> harden(const Hardening& hardening) {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) {
        return refused("setrlimit", errno);
    }
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return refused("prctl", errno);
    }
#ifdef NARROWS_SANITIZED
    return !hardening.lock_memory;
#else
    if (::prctl(PR_SET_DUMPABLE, 0) != 0) {
        return refused("prctl", errno);
    }
    const bool locked = !hardening.lock_memory || lock_memory();
    NARROWS_TRY(confine(hardening.filter));
    return locked;
#endif
}

}  // namespace narrows::process
