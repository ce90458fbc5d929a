#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/result.h"
#include "io/file.h"
#include "model/ids.h"

/// Verification as a command: `narrows recording verify`, and the program narrows-verify, which
/// links neither network nor protocols.
namespace narrows::apps {

inline constexpr int kExitHeld = 0;
inline constexpr int kExitWanting = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitCannotTell = 3;

struct VerifyCommand {
    std::string data_dir;
    std::string trust;                     ///< a file; empty: none
    std::vector<std::string> checkpoints;  ///< files
    std::vector<std::string> keys;         ///< age identity files
    std::string archive;                   ///< the gateway's folder in one, or a copy; or empty
    bool json = false;
    std::vector<model::PartNo> parts;  ///< only what concerns these; empty: everything
    io::FileSystem* files = nullptr;   ///< where all that is read; null: the operating system's
};

/// Adds --trust, --checkpoint and --archive. The strings must outlive the parse.
void add_verify_options(CLI::App* command, std::string& trust,
                        std::vector<std::string>& checkpoints, std::string& archive);
/// Returns the process's exit code. Progress goes to `err` if that is a terminal.
int run_verify(const VerifyCommand& options, std::ostream& out, std::ostream& err);
/// Prints the error and returns its exit code.
int failed(const Error& error, std::ostream& err);

}  // namespace narrows::apps
