#include "apps/custody/custody_commands.h"

#include <memory>

#include <fmt/ostream.h>

#include "codec/text.h"
#include "evidence/entry.h"
#include "evidence/log.h"
#include "io/file.h"

namespace narrows::apps {
namespace {

using client::Output;

constexpr std::uint64_t kKeyFileMax = 4096;

Result<evidence::KeySigner> read_officer(const std::string& path) {
    NARROWS_TRY(Bytes bytes, io::read_all(io::posix(), path, kKeyFileMax));
    const Secret text(std::move(bytes));
    Result<evidence::KeySigner> officer = evidence::KeySigner::parse_skey(codec::trim(text.text()));
    if (!officer) {
        return fail(ErrorCode::invalid,
                    path + " holds no officer's key; `narrows recording officer-key` makes one");
    }
    return officer;
}

Result<std::string> origin_of(const CustodyOptions& options, const client::Operator& gateway) {
    if (!options.origin.empty()) {
        return options.origin;
    }
    NARROWS_TRY(const codec::Value health, gateway.health());
    return health.text("origin");
}

Result<codec::Value> send_word(const CustodyOptions& options, bool released) {
    NARROWS_TRY(evidence::KeySigner officer, read_officer(options.key));
    NARROWS_TRY(const client::Operator gateway, client::Operator::make(options.to));
    NARROWS_TRY(const std::string origin, origin_of(options, gateway));
    NARROWS_TRY(const codec::Map word,
                signed_word(officer, origin, released, options, system_clock().wall()));
    return gateway.custody(options.session, released ? "release" : "hold", word);
}

int tell(const Output& to, const Result<codec::Value>& answer, const std::string& sentence) {
    if (!answer) {
        return client::operator_failed(to, answer.error());
    }
    if (to.json) {
        client::print_json(to, answer.value());
    } else {
        fmt::print(to.out, "{}\n", sentence);
    }
    return client::kHeld;
}

using Run = int (*)(const CustodyOptions&, const Output&);

CLI::App* add(CLI::App* to, const char* name, const char* about, Run run, int& exit_code) {
    const auto options = std::make_shared<CustodyOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* command = to->add_subcommand(name, about);
    command->add_flag("--json", *json, "one JSON object");
    if (run == run_officer_key) {
        command->add_option("--output", options->output, "where the key is kept, mode 0600")
            ->required();
        command->add_option("--name", options->name, "the key's name, such as legal.example.com/1");
    } else {
        command->add_option("session", options->session, "the session's whole id")->required();
        client::add_operator_options(*command, options->to);
    }
    if (run == run_hold || run == run_release) {
        command->add_option("--reason", options->reason, "why; it stands in the log")->required();
        command->add_option("--key", options->key, "file with the officer's key")->required();
        command->add_option("--origin", options->origin,
                            "the log it is for, as in a trust file: narrows/NAME; else the "
                            "gateway is asked");
    }
    if (run == run_shred) {
        command
            ->add_option("--class", options->class_name, "only this: operations, bodies, secrets")
            ->check(CLI::IsMember({"operations", "bodies", "secrets"}));
    }
    command->callback([run, options, json, &exit_code] {
        exit_code = run(*options, client::standard_output(*json));
    });
    return command;
}

}  // namespace

Result<codec::Map> signed_word(evidence::KeySigner& officer, const std::string& origin,
                               bool released, const CustodyOptions& options, WallNs now) {
    evidence::HoldEntry word{
        released, options.session, options.reason, evidence::vkey_text(officer.key()), now, {}};
    NARROWS_TRY(const crypto::Signature signature,
                officer.sign(as_bytes(evidence::hold_text(origin, word))));
    return codec::Map{{"reason", word.reason},
                      {"key", word.vkey},
                      {"at", word.at},
                      {"signature", codec::base64(signature)}};
}

int run_hold(const CustodyOptions& options, const Output& to) {
    return tell(to, send_word(options, false),
                fmt::format("session {} is held: nothing of it is shredded until you release it",
                            options.session));
}

int run_release(const CustodyOptions& options, const Output& to) {
    return tell(to, send_word(options, true),
                fmt::format("your hold of session {} is over", options.session));
}

int run_shred(const CustodyOptions& options, const Output& to) {
    const Result<client::Operator> gateway = client::Operator::make(options.to);
    if (!gateway) {
        return client::failed(to, gateway.error());
    }
    codec::Map body;
    if (!options.class_name.empty()) {
        body.emplace("class", options.class_name);
    }
    return tell(to, gateway.value().custody(options.session, "shred", body),
                fmt::format("session {} is shredded{}: the keys are gone from this gateway, the "
                            "log says so. Copies elsewhere: docs/retention.md",
                            options.session,
                            options.class_name.empty() ? "" : " (" + options.class_name + ")"));
}

int run_officer_key(const CustodyOptions& options, const Output& to) {
    const Result<evidence::KeySigner> officer =
        evidence::open_key_file(io::posix(), options.output, options.name);
    if (!officer) {
        return client::failed(to, officer.error());
    }
    const std::string vkey = evidence::vkey_text(officer.value().key());
    if (to.json) {
        client::print_json(to, codec::Map{{"name", options.name}, {"key", vkey}});
        return client::kHeld;
    }
    fmt::print(to.out,
               "{0}\n\n# in narrows.toml:\n[retention]\nofficers = [\"{0}\"]\n\n"
               "# in a verifier's trust file:\nofficer {0}\n",
               vkey);
    return client::kHeld;
}

void register_custody_commands(CLI::App& app, int& exit_code) {
    CLI::App* recording = app.get_subcommand("recording");
    add(recording, "hold", "a legal hold, signed by an officer: it cannot be shredded", run_hold,
        exit_code);
    add(recording, "release", "end a legal hold, signed by the officer who began it", run_release,
        exit_code);
    add(recording, "shred", "destroy a session's keys, past its minimum retention", run_shred,
        exit_code);
    add(recording, "officer-key", "make an officer's key, or show it if the file is there",
        run_officer_key, exit_code);
}

}  // namespace narrows::apps
