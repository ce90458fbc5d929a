#include <memory>

#include <fmt/ostream.h>

#include "apps/client/commands.h"
#include "codec/text.h"
#include "identity/proof.h"

namespace narrows::client {
namespace {

constexpr std::size_t kKeyMax = 16 * 1024;

void print_enrolment(const Output& to, const std::string& kind, const std::string& name,
                     const std::string& digest) {
    fmt::print(to.out, "\n# in narrows.toml:\n[[{}]]\nid = \"{}\"\nkey_sha256 = \"{}\"\n", kind,
               name, digest);
}

}  // namespace

int run_key_new(const KeyOptions& options, const Output& to) {
    const Secret made = identity::new_key(options.kind == "agent" ? identity::KeyKind::agent
                                                                  : identity::KeyKind::launcher);
    const std::string key(made.text());
    const std::string digest = codec::hex(identity::key_digest(key));
    if (to.json) {
        print_json(to, codec::Map{{"kind", options.kind},
                                  {"id", options.name},
                                  {"key", key},
                                  {"key_sha256", digest}});
        return kHeld;
    }
    fmt::print(to.out, "{}\n", key);
    fmt::print(to.err,
               "narrows: this is the only time the key is shown; keep it in a file of "
               "mode 0600 or a secret store\n");
    print_enrolment(to, options.kind, options.name, digest);
    return kHeld;
}

int run_key_hash(const KeyOptions&, const Output& to) {
    const Result<std::string> text = read_text("-", kKeyMax);
    if (!text) {
        return failed(to, text.error());
    }
    std::string_view key = text.value();
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) {
        key.remove_suffix(1);
    }
    if (key.empty() || key.find('\n') != std::string_view::npos) {
        return failed(to, {ErrorCode::invalid, "give one key on one line of standard input"});
    }
    if (!identity::well_formed_key(identity::KeyKind::agent, key) &&
        !identity::well_formed_key(identity::KeyKind::launcher, key)) {
        return failed(to, {ErrorCode::invalid,
                           "that is no key of Narrows, or it has a typing mistake; `narrows key "
                           "new` makes one"});
    }
    const std::string digest = codec::hex(identity::key_digest(key));
    if (to.json) {
        print_json(to, codec::Map{{"key_sha256", digest}});
    } else {
        fmt::print(to.out, "key_sha256 = \"{}\"\n", digest);
    }
    return kHeld;
}

void register_key(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<KeyOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* key = app.add_subcommand("key", "keys of agents and launchers");
    key->require_subcommand(1);
    CLI::App* fresh = key->add_subcommand("new", "make a key; prints it once, with its hash");
    fresh->add_option("--kind", options->kind, "agent or launcher")
        ->required()
        ->check(CLI::IsMember({"agent", "launcher"}));
    fresh->add_option("name", options->name, "the agent's or launcher's id")
        ->required()
        ->check([](const std::string& name) {
            const bool fits = !name.empty() && name.size() <= 64 &&
                              name.find_first_not_of(
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                                  "TUVWXYZ0123456789._-@") == std::string::npos;
            return fits ? std::string() : std::string("an id has letters, digits and ._-@ only");
        });
    CLI::App* hash = key->add_subcommand("hash", "the hash of the key on standard input");
    for (CLI::App* command : {fresh, hash}) {
        command->add_flag("--json", *json, "one JSON object");
    }
    fresh->callback(
        [options, json, &exit_code] { exit_code = run_key_new(*options, standard_output(*json)); });
    hash->callback([options, json, &exit_code] {
        exit_code = run_key_hash(*options, standard_output(*json));
    });
}

}  // namespace narrows::client
