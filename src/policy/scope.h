#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "model/decision.h"
#include "model/operation.h"

/// The scope of a connection: an IAM policy document, compiled once, decided on for every
/// operation. Pure functions of their arguments: no clock, no I/O, no state; safe from any thread.
namespace narrows::policy {

struct Document;

inline constexpr std::size_t kScopeBytesMax = 64 * 1024;

/// An immutable, compiled policy document. Cheap to copy.
class Scope {
  public:
    /// Parses and compiles. Takes what IAM takes as an identity policy (IAM User Guide, "IAM JSON
    /// policy element reference") and nothing more: Principal, unknown elements and operators,
    /// malformed actions and ARNs are refused, with the JSON path of the place in the error.
    static Result<Scope> parse(std::string_view json);

    const std::string& text() const;       ///< as it was parsed, to the byte
    const crypto::Digest& digest() const;  ///< SHA-256 of text()
    std::string digest_hex() const;        ///< the same, lower-case hex
    const Document& document() const { return *document_; }

  private:
    explicit Scope(std::shared_ptr<const Document> document) : document_(std::move(document)) {}
    /// Shared because sessions keep the scope they opened with across a change of configuration.
    std::shared_ptr<const Document> document_;
};

/// What the gateway itself knows of the session, beside Operation::context. Feeds the condition
/// keys narrows:Agent, narrows:Principal, narrows:TaskId, narrows:SessionId, aws:CurrentTime and
/// aws:EpochTime, which an operation's context never overrides.
struct Facts {
    std::string agent;
    std::optional<std::string> principal;  ///< nullopt: known to be absent
    std::string task_id;
    std::string session_id;
    std::optional<WallNs> now;  ///< nullopt: the time keys are unknown
    /// AWS enforces every Allow of the scope once more (SessionPolicy::whole, and a role to
    /// assume).
    bool enforced_again = false;
};

/// Decides as IAM does: explicit deny, then allow, then implicit deny; every access on every one of
/// its resources must be allowed. What the gateway cannot know counts against the agent: a key that
/// is neither in the context nor in the facts makes an Allow not match and a Deny match; an inexact
/// resource needs an Allow that covers all of it and falls to a Deny that touches any of it.
/// An alternative of an exact resource falls to a Deny that touches it, too; that no Allow touches
/// it is left to AWS where AWS enforces the scope again, and denied otherwise. Verdict::hold
/// (Reason::needs_approval) if only statements with narrows:Approval = "required" allow it. Total:
/// never fails, bounded time (the product of the sizes of scope and operation).
model::Decision decide(const Scope& scope, const model::Operation& operation, const Facts& facts);

/// No, cannot be known here, yes.
enum class Truth { no, unknown, yes };
const char* name_of(Truth truth);

/// What became of one statement for one action on one resource.
struct StatementView {
    std::string statement;  ///< Sid, or "Statement[2]"
    bool allow = true;      ///< its Effect
    Truth action = Truth::no;
    Truth resource = Truth::no;   ///< only worked out if the action matches
    Truth condition = Truth::no;  ///< only worked out if the resource may match
    bool counts = false;          ///< it applies: an Allow that matches, a Deny that could
    std::string why;              ///< one sentence
};

/// One action on one resource, statement by statement in the document's order.
struct AccessView {
    std::string action;
    std::string resource;
    std::vector<StatementView> statements;
};

struct Explanation {
    model::Decision decision;  ///< what decide() says of the same arguments
    std::vector<AccessView> accesses;
};

Explanation explain(const Scope& scope, const model::Operation& operation, const Facts& facts);

}  // namespace narrows::policy
