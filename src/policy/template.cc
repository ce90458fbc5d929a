#include "policy/template.h"

#include <algorithm>

#include "codec/text.h"

namespace narrows::policy {
namespace {

constexpr std::size_t kArnParts = 6;

struct Variable {
    std::string key;
    std::optional<std::string> otherwise;
};

// What stands between `${` and `}`: key, or key and a default in single quotes.
Result<Variable> parse_variable(std::string_view inside) {
    const std::size_t comma = inside.find(',');
    const std::string_view key = codec::trim(inside.substr(0, comma));
    if (key.empty() || key.find_first_of("'${") != std::string_view::npos) {
        return fail(ErrorCode::invalid,
                    "the policy variable ${" + std::string(inside) + "} names no condition key");
    }
    Variable variable{codec::lower(key), std::nullopt};
    if (comma == std::string_view::npos) return variable;
    const std::string_view quoted = codec::trim(inside.substr(comma + 1));
    if (quoted.size() < 2 || quoted.front() != '\'' || quoted.back() != '\'') {
        return fail(ErrorCode::invalid, "the default of the policy variable ${" +
                                            std::string(inside) +
                                            "} must stand in single quotes: ${key, 'default'}");
    }
    variable.otherwise = std::string(quoted.substr(1, quoted.size() - 2));
    return variable;
}

Pattern plain(std::string_view text, Wildcards wildcards) {
    return wildcards == Wildcards::active ? Pattern::glob(text) : Pattern::literal(text);
}

// Splits at the first five colons that stand outside `${…}`.
std::vector<std::string_view> arn_parts(std::string_view text, bool skip_variables) {
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    bool inside = false;
    for (std::size_t at = 0; at < text.size() && parts.size() + 1 < kArnParts; ++at) {
        if (skip_variables && text.substr(at, 2) == "${") inside = true;
        if (inside && text[at] == '}') inside = false;
        if (text[at] != ':' || inside) continue;
        parts.push_back(text.substr(start, at - start));
        start = at + 1;
    }
    parts.push_back(text.substr(start));
    return parts;
}

bool is_arn(std::string_view name) {
    return name.starts_with("arn:");
}

Truth match_text(const Template& part, std::string_view text, const Keys& keys) {
    if (!part.has_variables()) return truth(part.pattern().matches(text_of(text)));
    const Resolved resolved = part.resolve(keys);
    if (!resolved.pattern.matches(text_of(text))) return Truth::no;
    return resolved.known ? Truth::yes : Truth::unknown;
}

Truth match_pattern(const Template& part, std::string_view asked_text, const Keys& keys) {
    const Pattern asked = Pattern::glob(asked_text);
    const Resolved resolved = part.resolve(keys);
    if (!resolved.pattern.overlaps(asked)) return Truth::no;
    return resolved.known && resolved.pattern.covers(asked) ? Truth::yes : Truth::unknown;
}

}  // namespace

Result<Template> Template::parse(std::string_view text, Variables variables, Wildcards wildcards) {
    Template result;
    Piece piece;
    while (variables != Variables::literal) {
        const std::size_t open = text.find("${");
        if (open == std::string_view::npos) break;
        if (variables == Variables::refused) {
            return fail(ErrorCode::invalid,
                        "a policy variable may stand only behind the fifth colon of an ARN");
        }
        const std::size_t close = text.find('}', open);
        if (close == std::string_view::npos) {
            return fail(ErrorCode::invalid, "a policy variable that ${ opens is never closed by }");
        }
        piece.before.append(plain(text.substr(0, open), wildcards));
        const std::string_view inside = text.substr(open + 2, close - open - 2);
        text.remove_prefix(close + 1);
        if (inside == "*" || inside == "?" || inside == "$") {
            piece.before.append(Pattern::literal(inside));
            continue;
        }
        NARROWS_TRY(Variable variable, parse_variable(inside));
        piece.key = std::move(variable.key);
        piece.otherwise = std::move(variable.otherwise);
        result.pieces_.push_back(std::move(piece));
        piece = Piece{};
    }
    piece.before.append(plain(text, wildcards));
    result.pieces_.push_back(std::move(piece));
    return result;
}

Resolved Template::resolve(const Keys& keys) const {
    Resolved resolved;
    for (const Piece& piece : pieces_) {
        resolved.pattern.append(piece.before);
        if (piece.key.empty()) break;
        const std::vector<std::string>* values = keys.find(piece.key);
        const bool single = values != nullptr && values->size() == 1;
        if (single && values->front().find_first_of("*?") == std::string::npos) {
            resolved.pattern.append(Pattern::literal(values->front()));
        } else if (values != nullptr && values->empty() && piece.otherwise) {
            resolved.pattern.append(Pattern::literal(*piece.otherwise));
        } else {
            resolved.pattern.append(single ? Pattern::glob(values->front()) : Pattern::anything());
            resolved.known = false;
        }
    }
    return resolved;
}

Pattern Template::widest() const {
    Pattern pattern;
    for (const Piece& piece : pieces_) {
        pattern.append(piece.before);
        if (!piece.key.empty()) pattern.append(Pattern::anything());
    }
    return pattern;
}

Result<NamePattern> NamePattern::parse_arn(const std::vector<std::string_view>& parts,
                                           Variables front, Variables back) {
    if (parts.size() != kArnParts) {
        return fail(ErrorCode::invalid,
                    "an ARN has six parts: arn:partition:service:region:account:resource");
    }
    NamePattern pattern;
    for (std::size_t i = 0; i < kArnParts; ++i) {
        NARROWS_TRY(Template part,
                    Template::parse(parts[i], i + 1 < kArnParts ? front : back, Wildcards::active));
        pattern.parts_.push_back(std::move(part));
    }
    return pattern;
}

Result<NamePattern> NamePattern::parse_resource(std::string_view text, Variables variables) {
    if (is_arn(text)) {
        const auto parts = arn_parts(text, variables == Variables::allowed);
        const Variables front =
            variables == Variables::allowed ? Variables::refused : Variables::literal;
        NARROWS_TRY(NamePattern pattern, parse_arn(parts, front, variables));
        if (parts[2].find_first_of("*?") != std::string_view::npos) {
            return fail(ErrorCode::invalid, "the service part of an ARN takes no wildcard");
        }
        return pattern;
    }
    NamePattern pattern;
    NARROWS_TRY(Template whole, Template::parse(text, variables, Wildcards::active));
    if (text != "*" && whole.widest().overlaps(Pattern::glob("arn:*"))) {
        return fail(ErrorCode::invalid,
                    "a resource is *, an ARN of six parts, or a name such as db/shop that does not "
                    "begin with a wildcard or a variable");
    }
    pattern.parts_.push_back(std::move(whole));
    return pattern;
}

Result<NamePattern> NamePattern::parse_operand(std::string_view text, Variables variables) {
    if (text != "*") {
        return parse_arn(arn_parts(text, variables == Variables::allowed), variables, variables);
    }
    NamePattern pattern;
    NARROWS_TRY(Template whole, Template::parse(text, variables, Wildcards::active));
    pattern.parts_.push_back(std::move(whole));
    return pattern;
}

bool NamePattern::is_anything() const {
    return parts_.size() == 1 && !parts_[0].has_variables() && parts_[0].pattern().is_anything();
}

bool NamePattern::is_known(const Keys& keys) const {
    return std::all_of(parts_.begin(), parts_.end(), [&](const Template& part) {
        return !part.has_variables() || part.resolve(keys).known;
    });
}

Truth NamePattern::matches_exact(std::string_view name, const Keys& keys) const {
    if (parts_.size() == 1) return match_text(parts_[0], name, keys);
    const auto parts = arn_parts(name, false);
    if (parts.size() != kArnParts) return Truth::no;
    Truth result = Truth::yes;
    for (std::size_t i = 0; i < kArnParts && result != Truth::no; ++i) {
        result = both(result, match_text(parts_[i], parts[i], keys));
    }
    return result;
}

Truth NamePattern::matches_pattern(std::string_view name, const Keys& keys) const {
    if (parts_.size() == 1) return match_pattern(parts_[0], name, keys);
    const auto parts = arn_parts(name, false);
    // Fewer colons than an ARN has: the wildcards may stand for the rest, so whole against whole.
    Truth result = Truth::yes;
    if (parts.size() != kArnParts || !is_arn(name)) {
        Pattern whole;
        for (std::size_t i = 0; i < kArnParts; ++i) {
            if (i > 0) whole.append(Pattern::literal(":"));
            whole.append(parts_[i].widest());
        }
        return whole.overlaps(Pattern::glob(name)) ? Truth::unknown : Truth::no;
    }
    for (std::size_t i = 0; i < kArnParts && result != Truth::no; ++i) {
        result = both(result, match_pattern(parts_[i], parts[i], keys));
    }
    return result;
}

Truth NamePattern::matches(const model::Resource& resource, const Keys& keys) const {
    if (is_anything()) return Truth::yes;
    if (parts_.size() == 1 && is_arn(resource.arn)) return Truth::no;
    return resource.exact ? matches_exact(resource.arn, keys) : matches_pattern(resource.arn, keys);
}

}  // namespace narrows::policy
