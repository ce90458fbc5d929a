#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "policy/keys.h"
#include "policy/pattern.h"
#include "policy/truth.h"

/// Policy text that may hold variables (IAM User Guide, "IAM policy elements: Variables and tags").
namespace narrows::policy {

enum class Variables {
    allowed,  ///< `${key}`, `${key, 'default'}` and the escapes `${*}` `${?}` `${$}`
    literal,  ///< Version 2008-10-17: `${` means itself
    refused,  ///< a variable here is an error
};
enum class Wildcards { active, literal };

/// A pattern that may not be fully known: what is not stands as `*`.
struct Resolved {
    Pattern pattern;
    bool known = true;
};

/// One string of a policy: text and wildcards with variables in between.
class Template {
  public:
    static Result<Template> parse(std::string_view text, Variables variables, Wildcards wildcards);

    bool has_variables() const { return pieces_.size() > 1; }
    /// A variable stands for the one value of its key, or its default if the key is known to be
    /// absent. Otherwise it is not known: IAM calls such a statement invalid, which must not allow,
    /// and here must not fail to deny either. So is a value with `*` or `?` in it, as IAM does not
    /// say whether these are then wildcards.
    Resolved resolve(const Keys& keys) const;
    /// Without looking at keys: every variable stands as `*`.
    Pattern widest() const;
    /// Of a template without variables; lives as long as the template.
    const Pattern& pattern() const { return pieces_.front().before; }

  private:
    struct Piece {
        Pattern before;   ///< text and wildcards in front of the variable
        std::string key;  ///< lower case; empty in the last piece
        std::optional<std::string> otherwise;
    };
    std::vector<Piece> pieces_;  ///< never empty
};

/// A pattern for the names of resources: `*`, an ARN whose six parts are matched one by one (IAM
/// JSON policy elements: Resource; Condition operators, "ARN condition operators"), or, for
/// protocols without ARNs, a plain name that can never match an ARN.
class NamePattern {
  public:
    /// As a Resource: variables only after the fifth colon, no wildcard in the service part.
    static Result<NamePattern> parse_resource(std::string_view text, Variables variables);
    /// As a value of an Arn operator: variables anywhere, wildcards anywhere.
    static Result<NamePattern> parse_operand(std::string_view text, Variables variables);

    /// yes: every name that `resource` stands for matches; no: none does; unknown: some, or it
    /// depends on a variable that is not known.
    Truth matches(const model::Resource& resource, const Keys& keys) const;
    bool is_anything() const;
    /// Whether all its variables have a value.
    bool is_known(const Keys& keys) const;

  private:
    static Result<NamePattern> parse_arn(const std::vector<std::string_view>& parts,
                                         Variables front, Variables back);
    Truth matches_exact(std::string_view name, const Keys& keys) const;
    Truth matches_pattern(std::string_view name, const Keys& keys) const;

    std::vector<Template> parts_;  ///< six of an ARN, else one
};

}  // namespace narrows::policy
