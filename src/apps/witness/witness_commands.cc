#include "apps/witness/witness_commands.h"

#include <iostream>
#include <memory>

#include <fmt/ostream.h>

#include "apps/witness/config.h"
#include "apps/witness/server.h"
#include "base/log.h"
#include "codec/json.h"
#include "evidence/log.h"
#include "io/file.h"

namespace narrows::apps {
namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;

struct WitnessOptions {
    std::string config;
    std::string name;
    std::string file;
    bool json = false;
};

int failed(const Error& error) {
    fmt::print(std::cerr, "narrows: {}\n", error.what);
    return error.code == ErrorCode::invalid ? kUsage : kFailed;
}

Result<void> serve(const WitnessOptions& options) {
    NARROWS_TRY(const Bytes text,
                io::read_all(io::posix(), options.config, gateway::kConfigFileMax));
    NARROWS_TRY(const WitnessConfig config, parse_witness_config(as_text(text), options.config));
    return run_witness(config);
}

int run_serve(const WitnessOptions& options) {
    if (options.config.empty()) {
        return failed({ErrorCode::invalid,
                       "say which witness: --config witness.toml (`narrows witness key` makes a "
                       "key)"});
    }
    log::configure(log::Level::info, options.json);
    const Result<void> served = serve(options);
    return served.has_value() ? 0 : failed(served.error());
}

Result<std::string> make_key(const WitnessOptions& options) {
    NARROWS_TRY(evidence::KeySigner signer,
                evidence::open_key_file(io::posix(), options.file, options.name));
    NARROWS_TRY(const evidence::Cosigner cosigner, evidence::Cosigner::make(std::move(signer)));
    return evidence::vkey_text(cosigner.key());
}

int run_key(const WitnessOptions& options) {
    const Result<std::string> vkey = make_key(options);
    if (!vkey) {
        return failed(vkey.error());
    }
    if (options.json) {
        const codec::Value line = codec::Map{{"name", options.name}, {"key", vkey.value()}};
        fmt::print(std::cout, "{}\n", codec::json_encode(line));
        return 0;
    }
    fmt::print(std::cout,
               "{0}\n\n# in a verifier's trust file:\nwitness {0}\n\n# in narrows.toml:\n"
               "[[anchor]]\nname = \"w1\"\ntype = \"witness\"\nurl = \"https://HOST:PORT\"\n"
               "key = \"{0}\"\n",
               vkey.value());
    return 0;
}

}  // namespace

void register_witness_commands(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<WitnessOptions>();
    CLI::App* witness =
        app.add_subcommand("witness", "cosign other gateways' evidence logs, away from them");
    witness->add_option("--config", options->config, "witness.toml");
    CLI::App* key = witness->add_subcommand(
        "key", "make the witness's key, or show it if the file is there; prints the public one");
    key->add_option("name", options->name, "the key's name, such as witness.example.com/w1")
        ->required();
    key->add_option("file", options->file, "where the key is kept, mode 0600")->required();
    witness->add_flag("--json", options->json, "log one JSON object a line");
    key->add_flag("--json", options->json, "one JSON object");
    key->callback([options, &exit_code] { exit_code = run_key(*options); });
    witness->callback([options, witness, &exit_code] {
        if (witness->get_subcommands().empty()) {
            exit_code = run_serve(*options);
        }
    });
}

}  // namespace narrows::apps
