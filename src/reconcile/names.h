#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

/// Names of a trail's files, as CloudTrail gives them:
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
namespace narrows::reconcile {

enum class FileKind { log, digest };

struct FileName {
    FileKind kind = FileKind::log;
    std::string key;  ///< from "AWSLogs/" on: the same wherever a copy stands
    std::string account;
    std::string region;
    WallNs time = 0;    ///< in the name: of a log when it was delivered, of a digest its end
    std::string chain;  ///< of digests: what all of one trail and region have in common
};

/// Nothing for files that are neither, such as CloudTrail's Insight events.
std::optional<FileName> parse_file_name(std::string_view path);

/// From "AWSLogs/" on; empty if there is no such folder in it.
std::string_view trail_key(std::string_view path);

}  // namespace narrows::reconcile
