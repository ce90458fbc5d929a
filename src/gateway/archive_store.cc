#include "gateway/archive_store.h"

#include "archive/directory_store.h"
#include "archive/layout.h"
#include "gateway/s3_store.h"

namespace narrows::gateway {
namespace {

Result<std::unique_ptr<archive::Store>> make_store(const ArchiveSection& archive,
                                                   const std::string& origin, const Clock& clock) {
    const std::string folder = archive::folder_of(origin);
    if (archive.type == "directory") {
        return std::unique_ptr<archive::Store>(
            std::make_unique<archive::DirectoryStore>(io::posix(), archive.path, folder));
    }
    S3Place place = archive.s3;
    place.prefix += (place.prefix.empty() ? "" : "/") + folder;
    Fetches fetches;
    NARROWS_TRY(std::unique_ptr<S3Client> client, S3Client::make(place, clock, fetches));
    return std::unique_ptr<archive::Store>(std::make_unique<S3Store>(
        std::move(client), clock,
        S3Locks{archive.retention_days, archive.key_retention_days, archive.legal_hold},
        std::uint64_t{archive.part_mib} << 20));
}

}  // namespace

Result<recorder::ArchiveSetup> archive_setup(const Config& config, const std::string& origin,
                                             const Clock& clock) {
    const ArchiveSection& section = config.archive;
    recorder::ArchiveSetup setup;
    if (section.type.empty()) {
        return setup;
    }
    NARROWS_TRY(setup.store, make_store(section, origin, clock));
    setup.keep_local_bytes = section.keep_local_mib << 20;
    setup.keep_local_ns = section.keep_local_for_s * kNsPerSecond;
    setup.every_ns = section.every_s * kNsPerSecond;
    setup.age_max_ns = section.age_max_s * kNsPerSecond;
    return setup;
}

Result<std::unique_ptr<archive::Store>> open_s3_store(const S3Place& place, const Clock& clock,
                                                      Fetches& fetches) {
    NARROWS_TRY(std::unique_ptr<S3Client> client, S3Client::make(place, clock, fetches));
    return std::unique_ptr<archive::Store>(
        std::make_unique<S3Store>(std::move(client), clock, S3Locks{}));
}

}  // namespace narrows::gateway
