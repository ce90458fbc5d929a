#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "apps/recording/recording_commands.h"
#include "apps/verify/verify_command.h"
#include "archive/away.h"
#include "archive/restore.h"
#include "archive/store.h"
#include "base/result.h"
#include "gateway/own_loop_fetch.h"
#include "review/sessions.h"

/// What the recording commands share.
namespace narrows::apps {

/// Where the recordings lie, from --data-dir or from the configuration.
Result<std::string> data_dir_of(const RecordingOptions& options);
/// The identity files of --key; without any, DATA_DIR/reviewer.key if it is there.
std::vector<std::string> key_files(const RecordingOptions& options, const std::string& data_dir);

/// A data directory with the keys that were given.
struct Opened {
    std::string data_dir;
    std::unique_ptr<evidence::KeyRing> keys;
    archive::Away away;  ///< what it holds no more
    review::Source source() const { return {io::posix(), data_dir, *keys}; }
};
Result<Opened> open_recordings(const RecordingOptions& options);

/// The store at `where`, which is the gateway's own folder in it: a directory, or "s3://bucket/…".
/// `fetches` must outlive it.
Result<std::unique_ptr<archive::Store>> open_archive(const RecordingOptions& options,
                                                     const std::string& where,
                                                     gateway::Fetches& fetches);
inline constexpr std::string_view kInS3 = "s3://";
/// archive::restore, with progress if `err` is a terminal.
Result<archive::Restored> restore_showing(archive::Store& from, const std::string& to,
                                          std::ostream& err);
/// --region, --endpoint, --ca and --profile.
void add_s3_options(CLI::App* command, RecordingOptions& options);
/// What they say of "s3://bucket/prefix".
gateway::S3Place place_at(gateway::S3Place how, const std::string& url);

struct Chosen : Opened {
    review::SessionSummary session;
};
Result<Chosen> choose_session(const RecordingOptions& options);
/// Says on `err` that records of the chosen session are in the archive only, if so.
void tell_archived(const Chosen& chosen, std::ostream& err);

}  // namespace narrows::apps
