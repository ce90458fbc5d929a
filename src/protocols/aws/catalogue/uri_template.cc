#include "protocols/aws/catalogue/uri_template.h"

#include <utility>

#include "codec/text.h"

namespace narrows::aws {
namespace {

using Segments = std::vector<RequestPath::Segment>;

bool is_label(std::string_view segment) {
    return segment.starts_with('{');
}
bool is_greedy(std::string_view segment) {
    return segment.ends_with("+}");
}
bool is_dots(std::string_view decoded) {
    return decoded == "." || decoded == "..";
}

std::string_view label_name(std::string_view segment) {
    const std::size_t braces = is_greedy(segment) ? 3 : 2;
    return segment.substr(1, segment.size() - braces);
}

/// Takes one template segment against one path segment.
bool match_segment(std::string_view pattern, const RequestPath::Segment& segment,
                   TemplateMatch& match) {
    if (!is_label(pattern)) {
        match.rank += 'c';
        return segment.decoded == pattern;
    }
    match.rank += 'b';
    match.labels.push_back({label_name(pattern), segment.raw, segment.from_host});
    return !segment.raw.empty() && !is_dots(segment.decoded);
}

/// Takes a greedy label against path segments [first, last).
bool match_greedy(std::string_view pattern, const Segments& segments, std::size_t first,
                  std::size_t last, bool is_s3, TemplateMatch& match) {
    std::string value;
    for (std::size_t i = first; i < last; ++i) {
        if (i > first) value += '/';
        value += segments[i].raw;
        if (!is_s3 && is_dots(segments[i].decoded)) return false;
    }
    match.rank += 'a';
    const bool empty = value.empty();
    match.labels.push_back({label_name(pattern), std::move(value)});
    return !empty;
}

std::size_t without_last_slash(std::size_t count, bool last_is_empty) {
    return count > 0 && last_is_empty ? count - 1 : count;
}

}  // namespace

Result<RequestPath> RequestPath::parse(std::string_view raw, std::string_view bucket) {
    if (!raw.starts_with('/')) {
        return fail(ErrorCode::invalid, "The request's path does not begin with '/'.");
    }
    RequestPath path;
    if (!bucket.empty()) {
        path.segments.push_back({codec::percent_encode(bucket), std::string(bucket), true});
    }
    for (const std::string_view segment : codec::split(raw.substr(1), '/')) {
        NARROWS_TRY(std::string decoded, codec::percent_decode(segment));
        path.segments.push_back({std::string(segment), std::move(decoded)});
    }
    return path;
}

bool may_match(std::string_view uri, const RequestPath& path) {
    const std::string_view first = uri.substr(1, uri.substr(1).find('/'));
    return is_label(first) || path.segments.front().decoded == first;
}

std::optional<TemplateMatch> match_template(std::string_view uri, const RequestPath& path,
                                            bool is_s3) {
    const std::vector<std::string_view> pattern = codec::split(uri.substr(1), '/');
    const Segments& segments = path.segments;
    std::size_t patterns = pattern.size();
    std::size_t count = segments.size();
    if (!is_greedy(pattern.back())) {
        patterns = without_last_slash(patterns, pattern.back().empty());
        count = without_last_slash(count, segments.back().raw.empty());
    }
    TemplateMatch match;
    std::size_t at = 0;
    for (std::size_t i = 0; i < patterns; ++i) {
        if (is_label(pattern[i]) && is_greedy(pattern[i])) {
            const std::size_t after = patterns - i - 1;
            if (at + after >= count) return std::nullopt;
            const std::size_t last = count - after;
            if (!match_greedy(pattern[i], segments, at, last, is_s3, match)) return std::nullopt;
            at = last;
        } else {
            if (at >= count || !match_segment(pattern[i], segments[at], match)) return std::nullopt;
            ++at;
        }
    }
    if (at != count) return std::nullopt;
    return match;
}

}  // namespace narrows::aws
