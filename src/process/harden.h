#pragma once

#include "base/result.h"

/// A process takes rights away from itself, for good.
namespace narrows::process {

/// Which system calls remain (seccomp(2)). What is taken away fails with ENOSYS.
enum class Filter {
    none,
    /// Only what sockets, files that are read, threads and memory need: nothing else, and above all
    /// no program is started, no other process is looked at and no file is written.
    signer,
    /// The signer's, and files that are written.
    recorder,
    /// All but what no gateway needs: starting programs, tracing and reading other processes,
    /// changing users, mounts, namespaces, kernel modules, keys.
    boundary,
};

struct Hardening {
    Filter filter = Filter::none;
    bool lock_memory = false;  ///< nothing is swapped out
};

/// No core dumps, not dumpable (so that another process of the same user reads no memory of it), no
/// new privileges, then the filter. Call it first in main, before threads. What the kernel refuses
/// is an error, but locked memory: false, if the process may not lock enough.
/// Sanitizers read their own memory through ptrace and want more calls: in their builds only core
/// dumps and new privileges are switched off.
Result<bool> harden(const Hardening& hardening);

}  // namespace narrows::process
