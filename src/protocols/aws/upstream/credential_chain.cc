#include "protocols/aws/upstream/credential_chain.h"

#include "codec/text.h"
#include "protocols/aws/upstream/profile.h"
#include "protocols/aws/upstream/sources.h"
#include "protocols/aws/upstream/sts.h"

namespace narrows::upstream {
namespace {

constexpr std::int64_t kReuseUntil_s = 300;  ///< before expiry
constexpr int kSourceProfilesMax = 4;

std::optional<HostCredentials> none() {
    return std::nullopt;
}

std::string_view setting(const Profile& profile, std::string_view name) {
    const auto found = profile.find(name);
    return found == profile.end() ? std::string_view() : found->second.text();
}

Result<Profiles> read_profiles(const Host& host, const char* variable, const char* file_name,
                               ProfileFile kind) {
    const auto named = host.variable(variable);
    const std::string path =
        named ? *named : host.variable("HOME").value_or("") + "/.aws/" + file_name;
    auto content = host.read_file(path);
    if (!content) {
        if (content.error().code == ErrorCode::not_found) return Profiles();
        return fail(content.error());
    }
    auto profiles = parse_profiles(content.value().text(), kind);
    if (!profiles) return fail(ErrorCode::invalid, path + ": " + profiles.error().what);
    return profiles;
}

/// Both files as one; the credentials file wins.
Result<Profiles> read_all_profiles(const Host& host) {
    NARROWS_TRY(Profiles all,
                read_profiles(host, "AWS_CONFIG_FILE", "config", ProfileFile::config));
    NARROWS_TRY(Profiles keys, read_profiles(host, "AWS_SHARED_CREDENTIALS_FILE", "credentials",
                                             ProfileFile::credentials));
    for (auto& [name, settings] : keys) {
        for (auto& [key, value] : settings) all[name].insert_or_assign(key, std::move(value));
    }
    return all;
}

HostCredentials of(AssumedRole role, std::string source) {
    return {std::move(role.credentials), role.expires_at, std::move(source)};
}

/// One walk from a profile through its source profiles.
class ProfileWalk {
  public:
    ProfileWalk(const SourceContext& context, const Profiles& profiles)
        : context_(context), profiles_(profiles) {}

    Found resolve(const std::string& name, int depth) {
        const auto found = profiles_.find(name);
        if (found == profiles_.end()) return none();
        const Profile& profile = found->second;
        const bool keys = !setting(profile, "aws_access_key_id").empty();
        // A role profile may name itself as the source of its keys.
        if (!setting(profile, "role_arn").empty() && !(keys && depth > 0)) {
            return resolve_role(name, profile, depth);
        }
        if (keys) return static_keys(name, profile);
        for (const char* other :
             {"sso_session", "sso_start_url", "credential_process", "login_session"}) {
            if (!setting(profile, other).empty()) {
                return fail(ErrorCode::unsupported,
                            "profile " + name + " uses " + other +
                                ", which the gateway does not take; give it a role, keys or a web "
                                "identity token file");
            }
        }
        return none();
    }

  private:
    Found static_keys(const std::string& name, const Profile& profile) {
        HostCredentials out;
        out.credentials.access_key_id = setting(profile, "aws_access_key_id");
        out.credentials.secret_access_key = Secret(setting(profile, "aws_secret_access_key"));
        out.credentials.session_token = Secret(setting(profile, "aws_session_token"));
        if (out.credentials.secret_access_key.empty()) {
            return fail(ErrorCode::invalid,
                        "profile " + name + " has aws_access_key_id and no aws_secret_access_key");
        }
        out.source = "profile " + name;
        return std::optional(std::move(out));
    }

    Found resolve_role(const std::string& name, const Profile& profile, int depth) {
        const std::string role_arn(setting(profile, "role_arn"));
        const std::string session_name(setting(profile, "role_session_name"));
        const std::string token_file(setting(profile, "web_identity_token_file"));
        if (!token_file.empty()) {
            return assume_with_token_file(context_, role_arn, token_file, session_name,
                                          "profile " + name);
        }
        NARROWS_TRY(const auto base, resolve_base(name, profile, depth));
        if (!base) {
            return fail(ErrorCode::invalid, "profile " + name +
                                                " has role_arn, but its source_profile or "
                                                "credential_source gives no credentials");
        }
        AssumeRole ask;
        ask.role_arn = role_arn;
        ask.role_session_name = session_name.empty() ? random_role_session_name() : session_name;
        ask.external_id = setting(profile, "external_id");
        NARROWS_TRY(AssumedRole role,
                    assume_role(context_.fetch, context_.options.sts, context_.options.region,
                                base->credentials, ask, context_.now));
        return std::optional(of(std::move(role), "profile " + name));
    }

    Found resolve_base(const std::string& name, const Profile& profile, int depth) {
        const std::string source_profile(setting(profile, "source_profile"));
        const std::string_view source = setting(profile, "credential_source");
        if (source_profile.empty() == source.empty()) {
            return fail(ErrorCode::invalid, "profile " + name +
                                                " needs exactly one of source_profile and "
                                                "credential_source beside its role_arn");
        }
        if (source == "Environment") return from_environment(context_);
        if (source == "EcsContainer") return from_container(context_);
        if (source == "Ec2InstanceMetadata") return from_instance_metadata(context_);
        if (!source.empty()) {
            return fail(ErrorCode::invalid,
                        "profile " + name + " has an unknown credential_source");
        }
        if (depth == kSourceProfilesMax) {
            return fail(ErrorCode::invalid, "the source_profile of profile " + name +
                                                " leads through too many profiles, or in a circle");
        }
        return resolve(source_profile, depth + 1);
    }

    const SourceContext& context_;
    const Profiles& profiles_;
};

Found from_default_profile(const SourceContext& context) {
    const auto named = context.host.variable("AWS_PROFILE");
    const bool chosen = named && !named->empty();
    return from_profile(context, chosen ? *named : "default", chosen);
}

/// The whole standard chain, first hit wins.
Result<HostCredentials> walk_chain(const SourceContext& context) {
    for (const auto source : {from_environment, from_web_identity_environment, from_default_profile,
                              from_container, from_instance_metadata}) {
        NARROWS_TRY(auto found, source(context));
        if (found) return std::move(*found);
    }
    return fail(ErrorCode::not_found,
                "the gateway's host has no AWS credentials: the environment, the default profile "
                "of the shared files, the container service and the instance metadata service were "
                "tried");
}

}  // namespace

Found from_environment(const SourceContext& context) {
    const auto id = context.host.variable("AWS_ACCESS_KEY_ID").value_or("");
    const auto secret = context.host.variable("AWS_SECRET_ACCESS_KEY").value_or("");
    if (id.empty() && secret.empty()) return none();
    if (id.empty() || secret.empty()) {
        return fail(ErrorCode::invalid,
                    "the environment has only one of AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY; set both or neither");
    }
    const auto token = context.host.variable("AWS_SESSION_TOKEN").value_or("");
    HostCredentials out;
    out.credentials = {id, Secret(std::string_view(secret)), Secret(std::string_view(token))};
    out.source = "environment";
    return std::optional(std::move(out));
}

Found from_web_identity_environment(const SourceContext& context) {
    const auto token_file = context.host.variable("AWS_WEB_IDENTITY_TOKEN_FILE").value_or("");
    const auto role_arn = context.host.variable("AWS_ROLE_ARN").value_or("");
    if (token_file.empty()) return none();
    if (role_arn.empty()) {
        return fail(ErrorCode::invalid,
                    "the environment has AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN");
    }
    return assume_with_token_file(context, role_arn, token_file,
                                  context.host.variable("AWS_ROLE_SESSION_NAME").value_or(""),
                                  "web identity");
}

Found assume_with_token_file(const SourceContext& context, const std::string& role_arn,
                             const std::string& token_file, const std::string& session_name,
                             const std::string& source) {
    auto token = context.host.read_file(token_file);
    if (!token) {
        return fail(ErrorCode::invalid,
                    "the web identity token file cannot be read: " + token.error().what);
    }
    AssumeRole ask;
    ask.role_arn = role_arn;
    ask.role_session_name = session_name.empty() ? random_role_session_name() : session_name;
    const Secret trimmed(
        codec::trim(token.value().text().substr(0, token.value().text().find_first_of("\r\n"))));
    NARROWS_TRY(AssumedRole role,
                assume_role_with_web_identity(context.fetch, context.options.sts, trimmed, ask));
    return std::optional(of(std::move(role), source));
}

Found from_profile(const SourceContext& context, const std::string& profile, bool required) {
    NARROWS_TRY(const Profiles profiles, read_all_profiles(context.host));
    NARROWS_TRY(auto found, ProfileWalk(context, profiles).resolve(profile, 0));
    if (!found && required) {
        return fail(ErrorCode::not_found,
                    "the shared AWS files have no profile " + profile + " with credentials");
    }
    return found;
}

CredentialChain::CredentialChain(const Host& host, HttpFetch& fetch, const Clock& clock,
                                 Options options)
    : host_(host), fetch_(fetch), clock_(clock), options_(std::move(options)) {}

Result<HostCredentials> CredentialChain::get(const std::string& profile) {
    const WallNs now = clock_.wall();
    {
        const std::lock_guard lock(mutex_);
        const auto found = cached_.find(profile);
        if (found != cached_.end() &&
            now < found->second.expires_at - kReuseUntil_s * kNsPerSecond) {
            return found->second.copy();
        }
    }
    const SourceContext context{host_, fetch_, now, options_};
    HostCredentials fresh;
    if (profile.empty()) {
        NARROWS_TRY(fresh, walk_chain(context));
    } else {
        NARROWS_TRY(auto found, from_profile(context, profile, true));
        fresh = std::move(*found);
    }
    if (fresh.expires_at != 0) {
        const std::lock_guard lock(mutex_);
        cached_.insert_or_assign(profile, fresh.copy());
    }
    return fresh;
}

}  // namespace narrows::upstream
