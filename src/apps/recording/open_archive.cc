#include <cstdlib>

#include "apps/recording/common.h"
#include "archive/directory_store.h"
#include "gateway/archive_store.h"

namespace narrows::apps {

Result<std::unique_ptr<archive::Store>> open_archive(const RecordingOptions& options,
                                                     const std::string& where,
                                                     gateway::Fetches& fetches) {
    if (!where.starts_with(kInS3)) {
        return std::unique_ptr<archive::Store>(
            std::make_unique<archive::DirectoryStore>(io::posix(), where, ""));
    }
    gateway::S3Place place = options.s3;
    const std::string path = where.substr(kInS3.size());
    const std::size_t slash = path.find('/');
    place.bucket = path.substr(0, slash);
    place.prefix = slash == path.npos ? "" : path.substr(slash + 1);
    while (place.prefix.ends_with('/')) {
        place.prefix.pop_back();
    }
    const char* region = ::getenv("AWS_REGION");
    if (place.region.empty()) {
        place.region = region == nullptr ? "us-east-1" : region;
    }
    place.path_style = place.path_style || !place.endpoint.empty();
    return gateway::open_s3_store(place, system_clock(), fetches);
}

}  // namespace narrows::apps
