#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "apps/client/launcher.h"
#include "apps/client/output.h"
#include "base/clock.h"
#include "evidence/note.h"

/// `narrows recording hold`, `release`, `shred` and `officer-key`. Each returns the process's exit
/// code as client commands do.
namespace narrows::apps {

struct CustodyOptions {
    client::OperatorOptions to;
    std::string session;  ///< its whole id
    std::string reason;
    std::string key;     ///< file with the officer's key
    std::string origin;  ///< of the gateway's log, "narrows/NAME"; empty: as the gateway says
    std::string class_name;
    std::string name = "officer";
    std::string output;
};

int run_hold(const CustodyOptions& options, const client::Output& to);
int run_release(const CustodyOptions& options, const client::Output& to);
int run_shred(const CustodyOptions& options, const client::Output& to);
int run_officer_key(const CustodyOptions& options, const client::Output& to);

/// What an officer says of a session, signed: the body of the request.
Result<codec::Map> signed_word(evidence::KeySigner& officer, const std::string& origin,
                               bool released, const CustodyOptions& options, WallNs now);

/// Adds them to `recording`, which is there already. As register_client_commands.
void register_custody_commands(CLI::App& app, int& exit_code);

}  // namespace narrows::apps
