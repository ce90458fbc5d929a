#include <iostream>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include "apps/recording/common.h"
#include "archive/directory_store.h"
#include "archive/restore.h"
#include "codec/json.h"
#include "codec/text.h"
#include "gateway/archive_store.h"

namespace narrows::apps {
namespace {

/// The store at `from`, which is the gateway's own folder in it.
Result<std::unique_ptr<archive::Store>> open_store(const RecordingOptions& options,
                                                   gateway::Fetches& fetches) {
    if (!options.from.starts_with("s3://")) {
        return std::unique_ptr<archive::Store>(
            std::make_unique<archive::DirectoryStore>(io::posix(), options.from, ""));
    }
    gateway::S3Place place = options.s3;
    const std::string path = options.from.substr(5);
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

void print_restored(const RecordingOptions& options, const archive::Restored& restored,
                    std::ostream& out) {
    if (options.json) {
        codec::List missing(restored.missing.begin(), restored.missing.end());
        out << codec::json_encode(codec::Map{{"origin", restored.origin},
                                             {"log_size", restored.log_size},
                                             {"segments", restored.segments},
                                             {"bytes", restored.bytes},
                                             {"keys", restored.keys},
                                             {"missing", std::move(missing)}})
            << "\n";
        return;
    }
    fmt::print(out, "restored {}: {} entries of the log, {} segments, {} bytes, {} key files\n",
               codec::printable(restored.origin), restored.log_size, restored.segments,
               restored.bytes, restored.keys);
    for (const std::string& each : restored.missing) {
        fmt::print(out, "missing: {}\n", codec::printable(each));
    }
    fmt::print(out,
               "Next: narrows recording verify --data-dir {} --trust FILE. To let a gateway go on "
               "in it, put its log.key there first, unless AWS KMS has that key.\n",
               options.to);
}

}  // namespace

int run_recording_restore(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    gateway::Fetches fetches;
    const auto store = open_store(options, fetches);
    if (!store) {
        return failed(store.error(), err);
    }
    std::function<void(const std::string&)> progress;
    if (&err == &std::cerr && isatty(STDERR_FILENO) != 0) {
        progress = [&err](const std::string& file) { fmt::print(err, "\r{:60}", file); };
    }
    const auto restored = archive::restore(*store.value(), io::posix(), options.to, progress);
    if (progress) {
        fmt::print(err, "\r{:60}\r", "");
    }
    if (!restored) {
        return failed(restored.error(), err);
    }
    print_restored(options, restored.value(), out);
    return restored.value().missing.empty() ? kExitHeld : kExitWanting;
}

}  // namespace narrows::apps
