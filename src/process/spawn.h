#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "process/descriptor.h"

/// Children of the program's own file.
namespace narrows::process {

struct User {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
};
/// nullopt: this host has no such user.
Result<std::optional<User>> find_user(const std::string& name);

/// Where a child finds its end of the control socket.
inline constexpr int kControlDescriptor = 3;

struct Program {
    std::vector<std::string> arguments;  ///< behind the program's name
    std::vector<std::string> environment;
    /// Its groups and ids for good; only for root. Empty: the parent's.
    std::optional<User> user;
};

/// Starts the program that this process runs once more. The child has standard streams, `control`
/// as kControlDescriptor and no other descriptor, no blocked signals, and dies when the calling
/// thread does (PR_SET_PDEATHSIG). It may lock memory if the parent could let it. A child that
/// cannot begin ends with kCannotBegin. Only for processes without other threads.
Result<pid_t> spawn(const Program& program, Descriptor control);
inline constexpr int kCannotBegin = 127;

/// As execve() takes them, behind the last one null. They point into `texts`.
std::vector<char*> pointers(const std::vector<std::string>& texts);

/// The environment of this process, "NAME=value" each.
std::vector<std::string> environment();

}  // namespace narrows::process
