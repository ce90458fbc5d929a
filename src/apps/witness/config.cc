#include "apps/witness/config.h"

#include <algorithm>
#include <filesystem>

#include "gateway/config/rules.h"
#include "gateway/config/section.h"

namespace narrows::apps {
namespace {

using gateway::Problems;
using gateway::Section;
namespace rules = gateway::rules;

std::string log_key(std::string_view text) {
    const auto key = evidence::parse_vkey(text);
    return key && key.value().type == evidence::KeyType::ed25519
               ? ""
               : "is not a log's key; write the vkey that stands after `log` in the gateway's "
                 "data_dir/trust";
}

std::string key_name(std::string_view text) {
    const auto key =
        evidence::make_verifier_key(std::string(text), evidence::KeyType::cosignature, {});
    return key ? "" : "is not a key's name; use no blanks and no '+'";
}

class Reading {
  public:
    Reading(WitnessConfig& config, Problems& problems, std::filesystem::path folder)
        : config_(config), problems_(problems), folder_(std::move(folder)) {}

    void document(const toml::table& table) {
        Section root(problems_, table, "");
        if (auto section = root.table("witness")) {
            witness(*section);
        } else {
            root.refuse("witness", "is missing; add [witness] with a name and a state_dir");
        }
        for (const Section& each : root.tables("log")) {
            log(each);
        }
        if (config_.logs.empty()) {
            root.refuse("log", "is missing; add a [[log]] for each gateway to witness");
        }
        root.finish();
    }

  private:
    void witness(Section section) {
        config_.name = section.required("name", key_name);
        config_.state_dir = resolved(section.required("state_dir", rules::not_empty));
        config_.key = resolved(section.text("key", "", rules::not_empty));
        if (config_.key.empty()) {
            config_.key = config_.state_dir + "/witness.key";
        }
        const auto listen =
            section.text("listen", gateway::to_string(config_.listen), rules::address);
        config_.listen = rules::parse_address(listen).value_or(config_.listen);
        config_.certificate = resolved(section.text("certificate", "", rules::not_empty));
        config_.certificate_key = resolved(section.text("certificate_key", "", rules::not_empty));
        if (config_.certificate.empty() != config_.certificate_key.empty()) {
            section.refuse("certificate", "and certificate_key stand together, or neither does");
        }
        section.finish();
    }

    /// A log that changes its key has a [[log]] for each.
    void log(Section section) {
        const auto key = evidence::parse_vkey(section.required("key", log_key));
        std::string origin = section.text("origin", key ? key.value().name : "", rules::not_empty);
        if (key) {
            const auto known =
                std::find_if(config_.logs.begin(), config_.logs.end(),
                             [&](const auto& each) { return each.origin == origin; });
            if (known == config_.logs.end()) {
                config_.logs.push_back({std::move(origin), {key.value()}});
            } else {
                known->keys.push_back(key.value());
            }
        }
        section.finish();
    }

    std::string resolved(const std::string& path) const {
        return path.empty() ? path : (folder_ / path).lexically_normal().string();
    }

    WitnessConfig& config_;
    Problems& problems_;
    const std::filesystem::path folder_;
};

}  // namespace

Result<WitnessConfig> parse_witness_config(std::string_view text, const std::string& path) {
    NARROWS_TRY(const toml::table table, gateway::parse_toml(text, path));
    WitnessConfig config;
    Problems problems(path);
    Reading(config, problems, std::filesystem::path(path).parent_path()).document(table);
    if (!problems.none()) {
        return fail(ErrorCode::invalid, problems.text());
    }
    return config;
}

}  // namespace narrows::apps
