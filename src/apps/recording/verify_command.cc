#include "apps/recording/common.h"

namespace narrows::apps {

int run_recording_verify(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    Result<std::string> data_dir = data_dir_of(options);
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
    if (!options.session.empty()) {
        const Result<Chosen> chosen = choose_session(options);
        if (!chosen) {
            return failed(chosen.error(), err);
        }
        verify.parts = chosen.value().session.parts;
    }
    return run_verify(verify, out, err);
}

}  // namespace narrows::apps
