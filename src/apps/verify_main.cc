#include <iostream>

#include "apps/verify/verify_command.h"

int main(int argc, char** argv) {
    narrows::apps::VerifyCommand options;
    CLI::App app{"Checks a gateway's recordings: whether they are whole and unchanged, and whose"};
    app.add_option("path,--data-dir", options.data_dir,
                   "the gateway's data directory or a copy, an evidence bundle or a tar of one, or "
                   "a proof")
        ->required();
    app.add_flag("--json", options.json, "one JSON object a line");
    narrows::apps::add_verify_options(&app, options.trust, options.checkpoints, options.archive);
    app.add_option("--key", options.keys,
                   "an age identity file that opens what is recorded; may be given several times");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? narrows::apps::kExitHeld : narrows::apps::kExitUsage;
    }
    return narrows::apps::run_verify(options, std::cout, std::cerr);
}
