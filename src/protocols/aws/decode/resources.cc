#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/catalogue/path.h"
#include "protocols/aws/decode/operation.h"

namespace narrows::aws {
namespace {

using model::Resource;

/// One way to fill a hole.
struct Filling {
    std::string text;                                   ///< stands for itself
    bool open = false;                                  ///< anything may stand before `text`
    std::string_view behind = {};                       ///< a pattern for what stands behind `text`
    bool whole_arn = false;                             ///< `text` replaces the template
    std::optional<std::string> account = std::nullopt;  ///< also fills ${Account}
    bool alternative = false;                           ///< of the filling before it

    bool exact() const { return !open && behind.empty(); }
};

Filling unknown() {
    return {.text = {}, .open = true};
}
Filling known(std::string_view text) {
    return {.text = std::string(text)};
}

/// "https://sqs.eu-west-1.amazonaws.com/123456789012/name"
Filling from_queue_url(std::string_view url) {
    const auto parts = codec::split(url, '/');
    const bool well_formed = parts.size() == 5 && parts[1].empty() && parts[3].size() == 12 &&
                             parts[3].find_first_not_of("0123456789") == std::string_view::npos;
    if (!well_formed || parts[4].empty()) return unknown();
    return {.text = std::string(parts[4]), .account = std::string(parts[3])};
}

/// "/bucket/key?versionId=…", percent-encoded; the slash before is optional. An access point's ARN,
/// a bare "+" (a blank to some), a bare "?" that is none of a version, bad escapes, what is no
/// bucket's name and a bucket that ends elsewhere once it is decoded are left unknown.
Filling from_copy_source(std::string_view source, bool bucket) {
    if (source.starts_with('/')) source.remove_prefix(1);
    const std::size_t mark = source.find('?');
    if (mark != std::string_view::npos && !names_version(source)) return unknown();
    source = source.substr(0, mark);
    const auto decoded = codec::percent_decode(source);
    if (!decoded || source.find('+') != std::string_view::npos) return unknown();
    const std::string_view text = decoded.value();
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos || !is_bucket_name(text.substr(0, slash))) return unknown();
    const std::size_t bare = source.find('/');
    if (bare != std::string_view::npos && bare != slash) return unknown();
    return known(bucket ? text.substr(0, slash) : text.substr(slash + 1));
}

/// A template taken apart: texts and holes in turn, beginning and ending with a text.
std::vector<std::string_view> pieces_of(std::string_view arn) {
    std::vector<std::string_view> pieces;
    for (;;) {
        const std::size_t open = arn.find("${");
        const std::size_t close = open == std::string_view::npos ? open : arn.find('}', open);
        if (close == std::string_view::npos) break;
        pieces.push_back(arn.substr(0, open));
        pieces.push_back(arn.substr(open + 2, close - open - 2));
        arn.remove_prefix(close + 1);
    }
    pieces.push_back(arn);
    return pieces;
}

/// Whether an ARN could have come from the template: its texts stand there in order.
bool matches(std::string_view arn, std::string_view pattern) {
    const auto pieces = pieces_of(pattern);
    if (!arn.starts_with(pieces.front())) return false;
    arn.remove_prefix(pieces.front().size());
    for (std::size_t i = 2; i + 1 < pieces.size(); i += 2) {
        const std::size_t at = arn.find(pieces[i]);
        if (at == std::string_view::npos) return false;
        arn.remove_prefix(at + pieces[i].size());
    }
    return pieces.size() == 1 ? arn.empty() : arn.ends_with(pieces.back());
}

/// Secrets Manager puts "-" and six characters behind a secret's name in its ARN; callers may leave
/// them out.
constexpr std::string_view kSecretSuffix = "-??????";

bool has_secret_suffix(std::string_view text) {
    return text.size() > kSecretSuffix.size() && text[text.size() - kSecretSuffix.size()] == '-' &&
           text.substr(text.size() - 6).find_first_of(":/-") == std::string_view::npos;
}

Filling whole_arn(Fill how, std::string_view text, std::string_view pattern) {
    if (pattern != "*" && !matches(text, pattern)) return unknown();
    Filling filling{.text = std::string(text), .whole_arn = true};
    if (how == Fill::secret_id && !has_secret_suffix(text)) filling.behind = kSecretSuffix;
    if (how == Fill::no_slash_prefix) filling.behind = "*";
    return filling;
}

/// The text as part of the ARN, for ways of filling that do not take whole ARNs, or got none.
Filling part(Fill how, std::string_view text) {
    const bool rooted = text.starts_with('/');
    switch (how) {
        case Fill::value:
        case Fill::constant:
            return known(text);
        case Fill::arn:
            return unknown();
        case Fill::arn_or_value:
            return text.find_first_of(":/") == std::string_view::npos ? known(text) : unknown();
        case Fill::arn_or_suffix:
        case Fill::suffix:
            return rooted ? unknown() : known(text);
        case Fill::queue_url:
            return from_queue_url(text);
        case Fill::last_segment:
            return known(text.substr(text.rfind('/') + 1));
        case Fill::s3_copy_source_bucket:
            return from_copy_source(text, true);
        case Fill::s3_copy_source_key:
            return from_copy_source(text, false);
        case Fill::secret_id:
            return {.text = std::string(text), .behind = kSecretSuffix};
        case Fill::no_slash:
            return known(text.substr(rooted ? 1 : 0));
        case Fill::no_slash_prefix:
            return {.text = std::string(text.substr(rooted ? 1 : 0)), .behind = "*"};
    }
    return unknown();
}

bool takes_whole_arn(Fill how) {
    return how == Fill::arn || how == Fill::arn_or_value || how == Fill::arn_or_suffix ||
           how == Fill::secret_id || how == Fill::no_slash || how == Fill::no_slash_prefix;
}

Filling fill(Fill how, std::string_view text, std::string_view pattern) {
    const bool whole = takes_whole_arn(how) && text.starts_with("arn:");
    Filling filling = whole ? whole_arn(how, text, pattern) : part(how, text);
    return filling.text.empty() && filling.behind.empty() ? unknown() : filling;
}

/// A name that may have a path before it: the last part of what the hole holds.
bool may_have_path(Fill how, const Filling& filling) {
    return (how == Fill::suffix || how == Fill::arn_or_suffix) && filling.exact() &&
           !filling.whole_arn;
}

/// All ways to fill a hole: one per value at its path, else what stands in for a missing one.
std::vector<Filling> fillings(Hole hole, const codec::Value& parameters, std::string_view pattern) {
    if (hole.fill() == Fill::constant) return {known(hole.path())};
    std::vector<Filling> all;
    for (const std::string& text : values_at(parameters, hole.path())) {
        all.push_back(fill(hole.fill(), text, pattern));
        if (may_have_path(hole.fill(), all.back())) {
            all.push_back({.text = "/" + all.back().text, .open = true, .alternative = true});
        }
    }
    if (!all.empty()) return all;
    const bool missing = nodes_at(parameters, hole.path()).empty();
    if (missing && !hole.otherwise().empty()) return {known(hole.otherwise())};
    return {unknown()};
}

/// In a pattern a star of the text's own stands for itself alone, which "?" covers.
std::string as_pattern(std::string text) {
    std::replace(text.begin(), text.end(), '*', '?');
    return text;
}

/// One combination of fillings, by the hole's name.
using Combination = std::vector<std::pair<std::string_view, Filling>>;

/// "Partition" → what stands there; nothing if the template names a hole that the rule lacks.
std::optional<Filling> filling_of(std::string_view name, const Combination& holes,
                                  const ConnectionFacts& facts) {
    for (const auto& [hole, filling] : holes) {
        if (hole == name) return filling;
    }
    if (name == "Partition") return known(facts.partition);
    if (name == "Region") return known(facts.region);
    if (name != "Account") return std::nullopt;
    for (const auto& [hole, filling] : holes) {
        if (filling.account) return known(*filling.account);
    }
    return known(facts.account);
}

/// A filling as it stands in an exact ARN or in a pattern.
std::string written(const Filling& filling, bool exact) {
    if (exact) return filling.text;
    return (filling.open ? "*" : "") + as_pattern(filling.text) + std::string(filling.behind);
}

/// The end of a bucket's name that is an access point's alias. Which one, its alias does not say.
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
std::optional<std::string> point_of_alias(std::string_view bucket, std::string_view partition) {
    if (bucket.ends_with("-s3alias")) return fmt::format("arn:{}:s3:*:*:accesspoint/*", partition);
    if (!bucket.ends_with("--ol-s3")) return std::nullopt;
    return fmt::format("arn:{}:s3-object-lambda:*:*:accesspoint/*", partition);
}

/// The alias of a multi-region access point, whose ARN has no region, does not say whose it is.
std::string of_any_account(std::string arn) {
    constexpr std::string_view kNoRegion = ":s3::";
    const std::size_t mark = arn.find(kNoRegion);
    if (mark == std::string::npos) return arn;
    const std::size_t begin = mark + kNoRegion.size();
    return arn.replace(begin, std::min(arn.find(':', begin), arn.size()) - begin, "*");
}

/// What stands for a bucket is an access point, whose policies AWS looks at by its own ARN, and by
/// ARNs below it for objects; nothing if it is a bucket.
std::optional<Resource> at_access_point(const Combination& holes, const ConnectionFacts& facts) {
    const auto named = [&](std::string_view name) {
        return std::find_if(holes.begin(), holes.end(),
                            [&](const auto& hole) { return hole.first == name; });
    };
    const auto bucket = named("BucketName");
    if (bucket == holes.end()) return std::nullopt;
    const auto alias = point_of_alias(bucket->second.text, facts.partition);
    if (!alias && !bucket->second.text.starts_with("arn:")) return std::nullopt;
    Resource point{alias.value_or(of_any_account(bucket->second.text)), false};
    point.exact = !alias && point.arn == bucket->second.text;
    const auto object = named("ObjectName");
    if (object == holes.end() || point.arn.find(":s3-object-lambda:") != std::string::npos) {
        return point;
    }
    point.exact = point.exact && object->second.exact();
    point.arn += "/object/" + written(object->second, point.exact);
    return point;
}

Resource assemble(std::string_view arn, const Combination& holes, const ConnectionFacts& facts) {
    for (const auto& [hole, filling] : holes) {
        if (filling.whole_arn) return {written(filling, filling.exact()), filling.exact()};
    }
    if (auto point = at_access_point(holes, facts)) return *point;
    if (arn == "*") return {"*", true};
    const auto pieces = pieces_of(arn);
    std::vector<Filling> parts;
    bool exact = arn.find('*') == std::string_view::npos;
    bool alternative = false;
    for (std::size_t i = 1; i < pieces.size(); i += 2) {
        parts.push_back(filling_of(pieces[i], holes, facts).value_or(unknown()));
        exact = exact && parts.back().exact();
        alternative = alternative || parts.back().alternative;
    }
    std::string text(pieces.front());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        text += written(parts[i], exact) + std::string(pieces[2 * i + 2]);
    }
    return {std::move(text), exact, alternative};
}

Result<void> add(std::vector<Resource>& resources, Resource resource) {
    if (std::find(resources.begin(), resources.end(), resource) != resources.end()) return ok();
    if (resources.size() == kResourcesMax) {
        return fail(ErrorCode::exhausted,
                    "the request names more resources than are decided at once; split it");
    }
    resources.push_back(std::move(resource));
    return ok();
}

/// Every combination of the holes' fillings. With `blank`, all holes unknown.
Result<void> expand(ResourceRule rule, const codec::Value& parameters, const ConnectionFacts& facts,
                    bool blank, std::vector<Resource>& resources) {
    std::vector<Combination> combinations = {{}};
    for (const Hole hole : rule.holes()) {
        const auto ways =
            blank ? std::vector<Filling>{unknown()} : fillings(hole, parameters, rule.arn());
        if (combinations.size() * ways.size() > kResourcesMax) {
            return fail(ErrorCode::exhausted,
                        "the request names more resources than are decided at once; split it");
        }
        std::vector<Combination> longer;
        for (const Combination& shorter : combinations) {
            for (const Filling& way : ways) {
                longer.push_back(shorter);
                longer.back().emplace_back(hole.name(), way);
            }
        }
        combinations = std::move(longer);
    }
    for (const Combination& combination : combinations) {
        NARROWS_TRY(add(resources, assemble(rule.arn(), combination, facts)));
    }
    return ok();
}

bool counts(ResourceRule rule, const codec::Value& parameters) {
    if (!rule.optional()) return true;
    for (const Hole hole : rule.holes()) {
        const bool by_path = hole.fill() != Fill::constant;
        if (by_path && nodes_at(parameters, hole.path()).empty()) return false;
    }
    return true;
}

}  // namespace

bool is_bucket_name(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

bool names_version(std::string_view copy_source) {
    const std::size_t mark = copy_source.find('?');
    if (mark == std::string_view::npos) return false;
    const std::string_view query = copy_source.substr(mark + 1);
    constexpr std::string_view kVersion = "versionId=";
    return query.starts_with(kVersion) && query.size() > kVersion.size() &&
           query.find_first_of("?&") == std::string_view::npos;
}

std::string fill_connection(std::string_view text, const ConnectionFacts& facts) {
    return assemble(text, {}, facts).arn;
}

Result<std::vector<Resource>> resources_of(AccessRule rule, const codec::Value& parameters,
                                           const ConnectionFacts& facts) {
    std::vector<Resource> resources;
    for (const ResourceRule each : rule.resources()) {
        if (!counts(each, parameters)) continue;
        NARROWS_TRY(expand(each, parameters, facts, false, resources));
    }
    if (!resources.empty()) return resources;
    for (const ResourceRule each : rule.resources()) {
        NARROWS_TRY(expand(each, parameters, facts, true, resources));
    }
    return resources;
}

}  // namespace narrows::aws
