#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/value.h"

/// The decoded, complete thing an agent asked: what the policy decides on and the record shows.
namespace narrows::model {

/// What an operation does to the world, from the catalogue (docs/scope.md). A shipped guardrail
/// denies delegate, grant and credential unless a statement names the action in full.
enum class EffectClass {
    read,
    write,
    delegate,  ///< makes AWS act later or elsewhere for the caller (PassRole, functions, schedules)
    grant,     ///< changes who may do what
    credential,    ///< its answer carries credentials, tokens or signed URLs
    by_reference,  ///< what runs is not in the request (a stored statement, a document, an image)
};
const char* name_of(EffectClass effect);

/// A resource an operation touches. With `exact` false the ARN is a pattern whose `*` and `?` stand
/// for what could not be worked out: it counts as every resource the pattern covers.
struct Resource {
    std::string arn;
    bool exact = true;
    /// What the exact resource before it may be in truth: an IAM role is asked for by its name, and
    /// only AWS knows whether it has a path (docs/scope.md).
    bool alternative = false;
    friend bool operator==(const Resource&, const Resource&) = default;
};

/// One thing IAM checks: an action on resources. An operation may need several; all must be allowed
/// on all their resources. `resources` is never empty ("*" where an action has no resource type).
struct Access {
    std::string action;  ///< "s3:GetObject"
    std::vector<Resource> resources;
    friend bool operator==(const Access&, const Access&) = default;
};

/// IAM condition keys the boundary can know, by lower-case key. A key that stands here with no
/// values is known to be absent from the request; a key that does not stand here is unknown. One
/// that ends in ':' or '/' ("aws:requesttag/") has no values and stands for all that begin so:
/// those that do not stand here themselves are known to be absent.
using Context = std::map<std::string, std::vector<std::string>, std::less<>>;

/// What stands for `key` among all that begin alike; end() if nothing does.
Context::const_iterator find_family(const Context& context, std::string_view key);

struct Operation {
    std::string protocol;  ///< "aws"
    std::string service;   ///< IAM prefix: "s3"
    std::string name;      ///< "GetObject"
    EffectClass effect = EffectClass::write;
    std::vector<Access> accesses;
    Context context;
    codec::Value parameters;  ///< decoded, secrets withheld; what the record and people see
};

}  // namespace narrows::model
