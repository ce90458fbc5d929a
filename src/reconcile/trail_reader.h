#pragma once

#include <functional>
#include <optional>
#include <string>

#include "reconcile/digest.h"
#include "reconcile/matcher.h"
#include "reconcile/state.h"
#include "reconcile/trail.h"

namespace narrows::reconcile {

struct ReadTrailOptions {
    bool again = false;  ///< also what has not changed since the last run
    /// Told what is being read, a file at a time; optional.
    std::function<void(const std::string& doing)> progress;
};

/// Reads into the state what is new in a trail: its digests, whose chain is checked, and its logs,
/// whose events go to the matcher. A file that cannot be read as what it is is a finding in the
/// state, and so is whatever does not fit the digests. Memory: one digest, or one event. An error:
/// the trail or the state cannot be read; what was committed stays.
class TrailReader {
  public:
    TrailReader(Database& state, Trail& trail, const PublicKeys& keys, ReadTrailOptions options);

    /// Lists the trail and reads and checks its digests.
    Result<void> read_digests();
    /// Looks through new logs for who assumes the gateway's roles, until that is found.
    Result<void> learn_gateway(Matcher& matcher);
    /// Files that were read before something was known whose events may stand in them are read
    /// again.
    Result<void> read_logs(Matcher& matcher);
    /// So that `read_logs` reads again what was read and was delivered since then.
    Result<void> look_again(WallNs since);
    /// Compares what was read with what digests list.
    Result<void> check_files();

  private:
    struct File {
        std::string key;
        std::string path;
        std::string sha256;  ///< when it was read before; or empty
        WallNs time = 0;     ///< when it was delivered
    };
    Result<void> note_file(const TrailFile& file);
    Result<std::optional<File>> next_file(bool is_digest);
    Result<void> mark(const std::string& key, const std::string& sha256);
    Result<void> finding(const char* kind, const std::string& file, const std::string& why);

    Result<void> read_digest(const File& file);
    Result<void> add_digest(const File& file, const Digest& digest, const std::string& sha256,
                            const std::string& packed_sha256);
    Result<void> check_signatures();
    Result<void> check_links();
    Result<void> read_log(const File& file, Matcher& matcher);
    /// What is wrong with the file's content, or ""; an error is the trail's or the state's.
    Result<std::string> unpack(const std::string& path, std::uint64_t bytes_max,
                               const std::function<Result<void>(ByteView)>& packed,
                               const std::function<Result<void>(ByteView)>& content);
    void tell(const std::string& doing) const;

    Database& state_;
    Trail& trail_;
    const PublicKeys& keys_;
    const ReadTrailOptions options_;
    Query finding_;
};

}  // namespace narrows::reconcile
