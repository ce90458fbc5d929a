#include <iostream>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include "apps/recording/common.h"
#include "codec/json.h"
#include "codec/text.h"

namespace narrows::apps {
namespace {

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

Result<archive::Restored> restore_showing(archive::Store& from, const std::string& to,
                                          std::ostream& err) {
    std::function<void(const std::string&)> progress;
    if (&err == &std::cerr && isatty(STDERR_FILENO) != 0) {
        progress = [&err](const std::string& file) { fmt::print(err, "\r{:60}", file); };
    }
    Result<archive::Restored> restored = archive::restore(from, io::posix(), to, progress);
    if (progress) {
        fmt::print(err, "\r{:60}\r", "");
    }
    return restored;
}

int run_recording_restore(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    gateway::Fetches fetches(gateway::Fetches::kTriesOfCommands);
    const auto store = open_archive(options, options.from, fetches);
    if (!store) {
        return failed(store.error(), err);
    }
    const auto restored = restore_showing(*store.value(), options.to, err);
    if (!restored) {
        return failed(restored.error(), err);
    }
    print_restored(options, restored.value(), out);
    return restored.value().missing.empty() ? kExitHeld : kExitWanting;
}

}  // namespace narrows::apps
