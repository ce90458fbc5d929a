#include <cstdlib>

#include "apps/recording/common.h"
#include "archive/directory_store.h"
#include "gateway/archive_store.h"

namespace narrows::apps {

void add_s3_options(CLI::App* command, RecordingOptions& options) {
    command->add_option("--region", options.s3.region, "s3: the bucket's; else AWS_REGION");
    command->add_option("--endpoint", options.s3.endpoint, "s3: of another store than AWS");
    command->add_option("--ca", options.s3.ca, "s3: PEM roots for that endpoint");
    command->add_option("--profile", options.s3.profile, "s3: whose credentials");
}

gateway::S3Place place_at(gateway::S3Place how, const std::string& url) {
    const std::string path = url.substr(kInS3.size());
    const std::size_t slash = path.find('/');
    how.bucket = path.substr(0, slash);
    how.prefix = slash == path.npos ? "" : path.substr(slash + 1);
    while (how.prefix.ends_with('/')) {
        how.prefix.pop_back();
    }
    const char* region = ::getenv("AWS_REGION");
    if (how.region.empty()) {
        how.region = region == nullptr ? "us-east-1" : region;
    }
    how.path_style = how.path_style || !how.endpoint.empty();
    return how;
}

Result<std::unique_ptr<archive::Store>> open_archive(const RecordingOptions& options,
                                                     const std::string& where,
                                                     gateway::Fetches& fetches) {
    if (!where.starts_with(kInS3)) {
        return std::unique_ptr<archive::Store>(
            std::make_unique<archive::DirectoryStore>(io::posix(), where, ""));
    }
    return gateway::open_s3_store(place_at(options.s3, where), system_clock(), fetches);
}

}  // namespace narrows::apps
