#include <filesystem>

#include "apps/recording/common.h"

namespace narrows::apps {
namespace {

/// A bundle or a proof is named where a session would be, and no data directory is.
bool names_a_path(const RecordingOptions& options) {
    return options.data_dir.empty() && options.config.empty() && !options.session.empty() &&
           std::filesystem::exists(options.session);
}

}  // namespace

int run_recording_verify(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
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
    return run_verify(verify, out, err);
}

}  // namespace narrows::apps
