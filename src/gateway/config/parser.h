#pragma once

#include <set>
#include <string>
#include <vector>

#include "gateway/config/config.h"
#include "gateway/config/section.h"

namespace narrows::gateway {

/// Reads the sections of one document into a Config. Mistakes go to `problems`; reading goes on, so
/// the Config may only be used if there are none.
class Parser {
  public:
    Parser(Config& config, Problems& problems, const ReadFile& read)
        : config_(config), problems_(problems), read_(read) {}

    void document(const toml::table& table);

  private:
    void gateway(Section section);
    void listen(Section section);
    void ca(Section section);
    void recording(Section section);
    void retention(Section section);
    void evidence(Section section);
    void archive(Section section);
    S3Place s3_place(Section& section);
    KmsKey log_key(Section& section);
    std::uint32_t days(Section& section, std::string_view key);
    void limits(Section section);
    void processes(Section section);
    void anchor(Section section);
    void issuer(Section section);
    void launcher(Section section);
    void reviewer(Section section);
    void agent(Section section);
    void connection(Section section);
    void grant(Section section);

    identity::Enrolment enrolment(Section& section, bool may_have_public_key);
    void check_enrolment(Section& section, const identity::Enrolment& enrolment, bool public_key);
    std::vector<identity::ClaimRule> claims(Section& section);
    ScopeFile scope(Section& section);
    Budget budget(Section& section);
    std::map<std::string, std::string, std::less<>> partition_keys(Section& section);
    void check_role(Section& section, const Connection& connection);
    void check_grant(Section& section, const identity::Grant& grant);
    std::string resolved(const std::string& path) const;
    Result<std::string> read(const std::string& path);
    bool take_name(const char* kind, const std::string& name);
    /// The section of that name, or an empty one: defaults.
    Section section_or_empty(Section& root, const char* key);

    Config& config_;
    Problems& problems_;
    const ReadFile& read_;
    toml::table empty_;
    std::set<std::string> names_;
};

}  // namespace narrows::gateway
