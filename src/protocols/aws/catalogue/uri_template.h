#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocols/aws/catalogue/recognise.h"

namespace narrows::aws {

/// A request's path in segments, raw and percent-decoded.
struct RequestPath {
    struct Segment {
        std::string raw;
        std::string decoded;
        bool from_host = false;
    };
    std::vector<Segment> segments;  ///< "/a//b/" has "a", "", "b", ""

    /// `raw` begins with "/". A virtual host's bucket becomes the first segment.
    static Result<RequestPath> parse(std::string_view raw, std::string_view bucket);
};

struct TemplateMatch {
    std::vector<Label> labels;
    std::string rank;  ///< compares greater the more literal, from the left
};

/// False only if match_template would fail too; looks at the first segment alone.
bool may_match(std::string_view uri, const RequestPath& path);

/// Matches "/{Bucket}/{Key+}" and the like (Smithy's URI patterns: labels are whole segments, at
/// most one of them greedy). A slash at the end does not matter, except within a greedy label.
/// Literals are compared decoded, since what is sent on is encoded anew; labels that decode to a
/// dot segment never match, and outside S3 greedy labels may not hold one.
std::optional<TemplateMatch> match_template(std::string_view uri, const RequestPath& path,
                                            bool is_s3);

}  // namespace narrows::aws
