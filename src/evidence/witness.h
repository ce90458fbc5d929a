#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "io/file.h"

namespace narrows::evidence {

struct WitnessedLog {
    std::string origin;
    std::vector<VerifierKey> keys;  ///< that may sign its checkpoints
};

/// A witness's answer, as HTTP has it.
struct WitnessAnswer {
    int status = 500;
    std::string type;  ///< of the body
    std::string body;
};

/// A witness (C2SP tlog-witness): keeps the newest checkpoint of each log that it knows, takes only
/// what is consistent with it, and cosigns that. For each origin there is one file in the state
/// directory, written durably before the answer; what cannot be written is not cosigned. Beside it
/// lies the newest checkpoint that the log signed and that contradicts ours, if there was one: a
/// proof against the log.
/// Thread-safe: one request at a time. Blocks on the disk. `fs` and `clock` must live longer.
class Witness {
  public:
    /// Locks the directory and reads what was cosigned before. A state that cannot be read is an
    /// error: whoever starts from nothing would cosign a log that was rolled back.
    static Result<std::unique_ptr<Witness>> open(io::FileSystem& fs, const std::string& directory,
                                                 Cosigner cosigner, std::vector<WitnessedLog> logs,
                                                 const Clock& clock);

    /// add-checkpoint: 200 with a cosignature line; 400, 403, 404, 409, 422 as the document says;
    /// 500 if the state cannot be kept.
    WitnessAnswer add_checkpoint(std::string_view body);
    const VerifierKey& key() const { return cosigner_.key(); }

  private:
    struct Known {
        std::vector<VerifierKey> keys;
        std::string file;
        Checkpoint newest;  ///< size 0: none yet
    };

    Witness(io::FileSystem& fs, Cosigner cosigner, const Clock& clock)
        : fs_(fs), cosigner_(std::move(cosigner)), clock_(clock) {}
    Result<void> load(Known& known, const std::string& origin);
    WitnessAnswer cosign(Known& known, const Note& note, const Checkpoint& checkpoint);
    WitnessAnswer contradicted(const Known& known, const Note& note, int status);

    io::FileSystem& fs_;
    std::unique_ptr<io::Lock> lock_;
    Cosigner cosigner_;
    const Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Known> logs_;  ///< by origin
};

}  // namespace narrows::evidence
