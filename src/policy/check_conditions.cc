#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "policy/check.h"
#include "policy/document.h"

/// Conditions that can never hold, alone or together.
namespace narrows::policy {
namespace {

/// It holds only if the key is there and its one value fits.
bool is_strict(const Condition& condition) {
    return condition.op.kind != Kind::null && !condition.op.negated && !condition.op.if_exists &&
           condition.op.quantifier != Quantifier::for_all;
}

bool wants_absent(const Condition& condition) {
    return condition.op.kind == Kind::null &&
           std::all_of(condition.operands.begin(), condition.operands.end(),
                       [](const Operand& o) { return std::get<bool>(o); });
}

/// Every value the operator can hold for; nothing: that is not known here.
std::vector<Pattern> patterns_of(const Condition& condition) {
    std::vector<Pattern> patterns;
    for (const Operand& operand : condition.operands) {
        const auto* text = std::get_if<Template>(&operand);
        if (text == nullptr || text->has_variables()) return {};
        patterns.push_back(text->pattern());
    }
    return patterns;
}

bool texts_exclude(const Condition& a, const Condition& b) {
    if (a.op.kind != Kind::string || b.op.kind != Kind::string) return false;
    const bool fold = a.op.fold_case || b.op.fold_case;
    const std::vector<Pattern> left = patterns_of(a);
    const std::vector<Pattern> right = patterns_of(b);
    if (left.empty() || right.empty()) return false;
    return std::none_of(left.begin(), left.end(), [&](const Pattern& one) {
        return std::any_of(right.begin(), right.end(), [&](const Pattern& other) {
            return fold ? one.lower().overlaps(other.lower()) : one.overlaps(other);
        });
    });
}

bool booleans_exclude(const Condition& a, const Condition& b) {
    return a.op.kind == Kind::boolean && b.op.kind == Kind::boolean && a.operands.size() == 1 &&
           b.operands.size() == 1 &&
           std::get<bool>(a.operands.front()) != std::get<bool>(b.operands.front());
}

/// The bound that the most generous operand sets; both number and date as a number.
double bound_of_range(const Condition& condition, bool upper) {
    double bound =
        upper ? std::numeric_limits<double>::lowest() : std::numeric_limits<double>::max();
    for (const Operand& operand : condition.operands) {
        const auto* date = std::get_if<std::int64_t>(&operand);
        const double value =
            date != nullptr ? static_cast<double>(*date) : std::get<double>(operand);
        bound = upper ? std::max(bound, value) : std::min(bound, value);
    }
    return bound;
}

bool is_range(const Condition& condition, Compare open, Compare closed) {
    return (condition.op.kind == Kind::numeric || condition.op.kind == Kind::date) &&
           (condition.op.compare == open || condition.op.compare == closed);
}

bool ranges_exclude(const Condition& below, const Condition& above) {
    if (!is_range(below, Compare::less, Compare::less_equal) ||
        !is_range(above, Compare::greater, Compare::greater_equal) ||
        below.op.kind != above.op.kind) {
        return false;
    }
    const double most = bound_of_range(below, true);
    const double least = bound_of_range(above, false);
    const bool touch =
        below.op.compare == Compare::less_equal && above.op.compare == Compare::greater_equal;
    return touch ? least > most : least >= most;
}

bool exclude(const Condition& a, const Condition& b) {
    if (wants_absent(a) && is_strict(b)) return true;
    if (!is_strict(a) || !is_strict(b)) return false;
    const bool one_value =
        a.op.quantifier == Quantifier::none && b.op.quantifier == Quantifier::none;
    return one_value && (texts_exclude(a, b) || booleans_exclude(a, b) || ranges_exclude(a, b));
}

/// The time is behind us.
bool is_over(const Condition& condition, std::optional<WallNs> now) {
    if (!now || !is_strict(condition) || condition.op.kind != Kind::date) return false;
    if (condition.lower_key != "aws:currenttime" && condition.lower_key != "aws:epochtime") {
        return false;
    }
    const bool has_end = condition.op.compare == Compare::less ||
                         condition.op.compare == Compare::less_equal ||
                         condition.op.compare == Compare::equal;
    constexpr double kNsPerMs = 1e6;
    return has_end && bound_of_range(condition, true) < static_cast<double>(*now) / kNsPerMs;
}

void never(const Statement& statement, const Condition& condition, const std::string& why,
           std::vector<Finding>& findings) {
    findings.push_back({statement.allow ? Severity::error : Severity::warning,
                        place_of(statement, condition), "The statement never matches: " + why + ".",
                        ""});
}

}  // namespace

void check_contradictions(const Statement& statement, std::optional<WallNs> now,
                          std::vector<Finding>& findings) {
    for (const Condition& one : statement.conditions) {
        if (is_over(one, now)) never(statement, one, "the time it ends at is over", findings);
        for (const Condition& other : statement.conditions) {
            if (&one == &other || one.lower_key != other.lower_key || !exclude(one, other))
                continue;
            // Told once, at the later one; Null and ranges are found from one side only.
            if (exclude(other, one) && &one < &other) continue;
            never(statement, one,
                  fmt::format("{} and {} of {} cannot both hold", one.operator_name,
                              other.operator_name, one.key),
                  findings);
        }
    }
}

}  // namespace narrows::policy
