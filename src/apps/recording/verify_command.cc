#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "apps/recording/common.h"
#include "archive/store_files.h"
#include "codec/json.h"
#include "codec/text.h"

namespace narrows::apps {
namespace {

/// A bundle or a proof is named where a session would be, and no data directory is.
bool names_a_path(const RecordingOptions& options) {
    return options.data_dir.empty() && options.config.empty() && !options.session.empty() &&
           std::filesystem::exists(options.session);
}

/// What the store said of the objects that were read: nobody verifies its word.
struct Told {
    std::uint64_t objects = 0;
    std::uint64_t locked = 0;
    std::uint64_t held = 0;
    std::string until;  ///< when the first of the locks ends
};

Told told_of(const archive::StoreFiles& files) {
    Told told;
    for (const auto& [key, seen] : files.seen()) {
        const bool locked = seen.lock.mode == "COMPLIANCE";
        ++told.objects;
        told.locked += locked ? 1 : 0;
        told.held += seen.lock.legal_hold ? 1 : 0;
        if (locked && (told.until.empty() || seen.lock.until < told.until)) {
            told.until = seen.lock.until;
        }
    }
    return told;
}

void print_told(const RecordingOptions& options, const std::string& store, const Told& told,
                std::ostream& out) {
    if (options.json) {
        out << codec::json_encode(codec::Map{{"type", "archive"},
                                             {"store", store},
                                             {"objects", told.objects},
                                             {"locked", told.locked},
                                             {"locked_until", told.until},
                                             {"legal_holds", told.held}})
            << "\n";
        return;
    }
    fmt::print(
        out, "read {} objects in {}, which says that {} are locked{}, {} under a legal hold\n",
        told.objects, codec::printable(store), told.locked,
        told.locked == 0 ? "" : " (COMPLIANCE) until " + codec::printable(told.until), told.held);
}

/// The objects are read where they are.
int verify_in_s3(const RecordingOptions& options, VerifyCommand verify, std::ostream& out,
                 std::ostream& err) {
    gateway::Fetches fetches(gateway::Fetches::kTriesOfCommands);
    const auto store = open_archive(options, options.archive, fetches);
    if (!store) {
        return failed(store.error(), err);
    }
    archive::StoreFiles files(io::posix(), *store.value(),
                              archive::named_versions(io::posix(), verify.data_dir));
    verify.archive = store.value()->name();
    verify.files = &files;
    const int code = run_verify(verify, out, err);
    print_told(options, verify.archive, told_of(files), out);
    return code;
}

/// Removed with what is in it.
class TemporaryFolder {
  public:
    TemporaryFolder()
        : path_((std::filesystem::temp_directory_path() / "narrows-verify-XXXXXX").string()),
          made_(::mkdtemp(path_.data()) != nullptr) {}
    ~TemporaryFolder() {
        std::error_code ignored;
        if (made_) {
            std::filesystem::remove_all(path_, ignored);
        }
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    bool made() const { return made_; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool made_;
};

void print_missing(const RecordingOptions& options, const std::vector<std::string>& missing,
                   std::ostream& out) {
    if (options.json) {
        out << codec::json_encode(
                   codec::Map{{"type", "archive"},
                              {"verdict", "found wanting"},
                              {"missing", codec::List(missing.begin(), missing.end())}})
            << "\n";
        return;
    }
    for (const std::string& each : missing) {
        fmt::print(out, "missing in the archive: {}\n", codec::printable(each));
    }
    fmt::print(out, "\nfound wanting\n");
}

/// An archive by itself: what can be rebuilt from it is, in a temporary folder, and verified there.
int verify_rebuilt(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    const TemporaryFolder folder;
    if (!folder.made()) {
        return failed({ErrorCode::io, "no folder can be made in " + folder.path() +
                                          "; set TMPDIR to where the archive's bytes fit"},
                      err);
    }
    gateway::Fetches fetches(gateway::Fetches::kTriesOfCommands);
    const auto store = open_archive(options, options.archive, fetches);
    if (!store) {
        return failed(store.error(), err);
    }
    RecordingOptions rebuilt = options;
    rebuilt.archive.clear();
    rebuilt.data_dir = folder.path() + "/data";
    const auto restored = restore_showing(*store.value(), rebuilt.data_dir, err);
    if (!restored) {
        return failed(restored.error(), err);
    }
    const int code = run_recording_verify(rebuilt, out, err);
    if (restored.value().missing.empty()) {
        return code;
    }
    print_missing(options, restored.value().missing, out);
    return kExitWanting;
}

}  // namespace

int run_recording_verify(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    if (!options.archive.empty() && options.data_dir.empty() && options.config.empty()) {
        return verify_rebuilt(options, out, err);
    }
    const bool is_path = names_a_path(options);
    Result<std::string> data_dir = is_path ? options.session : data_dir_of(options);
    if (!data_dir) {
        return failed(data_dir.error(), err);
    }
    VerifyCommand verify{.data_dir = std::move(data_dir).value(),
                         .trust = options.trust,
                         .checkpoints = options.checkpoints,
                         .keys = {},
                         .archive = options.archive,
                         .json = options.json,
                         .parts = {}};
    verify.keys = key_files(options, verify.data_dir);
    if (!options.session.empty() && !is_path) {
        const Result<Chosen> chosen = choose_session(options);
        if (!chosen) {
            return failed(chosen.error(), err);
        }
        verify.parts = chosen.value().session.parts;
    }
    return options.archive.starts_with(kInS3) ? verify_in_s3(options, std::move(verify), out, err)
                                              : run_verify(verify, out, err);
}

}  // namespace narrows::apps
