#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/scope.h"

/// From what was used to the least scope that allows it, and to what of a scope nobody used.
namespace narrows::policy {

class Keys;
struct Statement;

struct SuggestOptions {
    /// At most so many statements, and so many resources for an action; 0: as many as it takes.
    /// Only these make the policy wider than what was used.
    std::size_t statements_max = 0;
    std::size_t resources_max = 0;
    /// Keys of requests whose values the statements are bound to (StringEquals), where every use of
    /// an action on a resource had exactly one.
    std::vector<std::string> conditions;
    /// Resources that an exact one may be in truth (model::Resource::alternative) are not named:
    /// AWS enforces the policy once more and so keeps the session off them (see decide).
    bool leave_alternatives = true;
};

struct Suggested {
    std::string json;                  ///< the policy document, indented
    std::vector<std::string> widened;  ///< what it allows beyond what was used, a sentence each
    std::vector<std::string> notes;    ///< what was asked for and could not be done
};

/// Pairs of action and resource that Used keeps; beyond them it fails.
inline constexpr std::size_t kUsesMax = 100'000;

/// Gathers what operations used. Memory grows with the number of different pairs of action and
/// resource, bounded by kUsesMax. Single-threaded.
class Used {
  public:
    explicit Used(SuggestOptions options);
    /// ErrorCode::exhausted beyond kUsesMax.
    Result<void> add(const model::Operation& operation, const Facts& facts);
    /// The least policy for all that was added. ErrorCode::invalid if nothing was, or if
    /// `statements_max` cannot be had without allowing more than the resources that were used;
    /// ErrorCode::exhausted if the document would be longer than kScopeBytesMax.
    Result<Suggested> suggest() const;

    /// Values by key; a key that some use had not exactly once is in `unbound`.
    struct Use {
        std::map<std::string, std::set<std::string>> values;
        std::set<std::string> unbound;
    };
    using Uses =
        std::map<std::string, std::map<std::string, Use>>;  ///< action, resource as written

  private:
    void note(Use& use, const model::Operation& operation, const Facts& facts) const;

    SuggestOptions options_;
    Uses uses_;
    std::size_t pairs_ = 0;
};

/// A part of a scope that no operation needed.
struct Unused {
    std::string statement;  ///< Sid, or "Statement[2]"
    std::string path;       ///< "Statement[1].Action[0]", or the statement's
    std::string what;       ///< as written; empty: the whole statement
    /// Of an action with wildcards that was used: what it was used for, which is what is needed.
    std::vector<std::string> used_for;
};

/// What of a scope's Allow statements was used. Memory grows with the scope, and with the actions
/// used through each wildcard. Single-threaded.
class Usage {
  public:
    explicit Usage(Scope granted);
    /// An operation that was allowed.
    void add(const model::Operation& operation, const Facts& facts);
    /// In the document's order.
    std::vector<Unused> unused() const;
    const Scope& granted() const { return granted_; }

  private:
    struct Counts {
        bool used = false;
        std::vector<std::set<std::string>> actions;  ///< used through each pattern
        std::vector<bool> resources;
    };
    void count(std::size_t index, const std::string& action, const model::Resource& resource,
               const Keys& keys);
    void unused_in(std::size_t index, std::vector<Unused>& found) const;
    static std::string place(const Statement& statement, const char* element, bool list,
                             std::size_t index);

    Scope granted_;
    std::vector<Counts> counts_;  ///< by statement
};

}  // namespace narrows::policy
