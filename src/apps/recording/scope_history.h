#pragma once

#include <cstddef>
#include <ostream>
#include <string>

#include <CLI/CLI.hpp>

#include "apps/recording/past.h"
#include "policy/suggest.h"

/// `narrows scope suggest` and `narrows scope simulate`: scopes and what recordings hold. Each
/// returns the process's exit code.
namespace narrows::apps {

struct ScopeHistoryOptions {
    RecordingOptions from;  ///< data_dir, config, keys, json
    PastFilter filter;
    std::string since;  ///< as written
    std::string until;
    std::string
        scope;  ///< suggest: the granted one; empty: of the recording. simulate: the new one
    policy::SuggestOptions suggest;
    bool with_denied = false;
    std::size_t examples = 3;  ///< simulate: of each change of each action
};

/// 0: the policy allows everything that was used; 3: it does not, or not everything was readable.
int run_scope_suggest(const ScopeHistoryOptions& options, std::ostream& out, std::ostream& err);
/// 0: nothing would change; 1: something would; 3: nothing that can be told, but not all can.
int run_scope_simulate(const ScopeHistoryOptions& options, std::ostream& out, std::ostream& err);

/// The filter with its times read. ErrorCode::invalid.
Result<PastFilter> filter_of(const ScopeHistoryOptions& options);
/// "2 stretches of records are missing …", for what a reading could not see; empty: it saw all.
std::vector<std::string> unseen(const PastReport& report);

/// Whether AWS would enforce a scope once more, worked out once for each session.
class Enforcement {
  public:
    explicit Enforcement(const policy::Scope& scope) : scope_(scope) {}
    bool of(const policy::Past& past);

  private:
    policy::Scope scope_;
    std::map<std::string, bool> by_session_;
};

/// Adds both to the command `scope`, which must be there already.
void register_scope_history(CLI::App& app, int& exit_code);

}  // namespace narrows::apps
