#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "protocols/aws/sigv4/signature.h"
#include "protocols/aws/upstream/fetch.h"

/// AWS STS in its query protocol (API version 2011-06-15).
/// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
namespace narrows::upstream {

inline constexpr std::size_t kSessionPolicyMax = 2048;  ///< characters
inline constexpr std::int64_t kDurationMin_s = 900;
inline constexpr std::int64_t kDurationMax_s = 43'200;
inline constexpr std::int64_t kChainedDurationMax_s = 3600;  ///< a role assumed from a role

/// Values made to fit what STS takes; never longer than it allows, never empty when `text` is not.
/// RoleSessionName and SourceIdentity: [\w+=,.@-]{2,64}, other characters become '-', a single
/// character is padded with '-'. Non-ASCII counts as other.
std::string session_name_value(std::string_view text);
/// Tag values: letters, digits, blanks and _.:/=+-@, at most 256 characters. Non-ASCII becomes '_'.
std::string tag_value(std::string_view text);
/// "narrows-" and 32 random base32 characters: unguessable.
std::string random_role_session_name();

struct Tag {
    std::string key;  ///< fixed: "narrows-session", "narrows-agent" …
    std::string value;
};
/// The fixed set of session tags, values sanitised, empty ones left out: narrows-session,
/// narrows-agent, narrows-principal, narrows-task.
std::vector<Tag> session_tags(std::string_view session, std::string_view agent,
                              std::string_view principal, std::string_view task);

struct AssumeRole {
    std::string role_arn;
    std::string role_session_name;
    std::string policy;  ///< session policy as JSON; empty: none
    std::int64_t duration_s = kChainedDurationMax_s;
    std::string external_id;      ///< may be empty
    std::string source_identity;  ///< may be empty
    std::vector<Tag> tags;
};

/// Credentials from STS with what their record needs.
struct AssumedRole {
    sigv4::Credentials credentials;
    WallNs expires_at = 0;
    std::string assumed_role_arn;  ///< arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION
    std::string request_id;
    int packed_policy_percent = 0;  ///< PackedPolicySize; 0 if not said
};

/// The form body, fields in a fixed order. ErrorCode::invalid when a value breaks a limit of STS,
/// with the limit in the text.
Result<std::string> assume_role_form(const AssumeRole& ask);

/// Strict: one AssumeRole[WithWebIdentity]Response document with every member that is needed.
Result<AssumedRole> parse_assume_role(std::string_view xml);

/// What STS or another query service said in an error document; empty code if it is none.
struct ServiceError {
    std::string code;  ///< "AccessDenied": letters, digits, dots
    std::string request_id;
};
ServiceError parse_service_error(std::string_view xml);

/// Blocking. The request is signed by us with `base`. ErrorCode::denied when STS answers 4xx
/// (its error code is named), ErrorCode::unavailable for anything that may pass.
Result<AssumedRole> assume_role(HttpFetch& fetch, const Target& sts, std::string_view region,
                                const sigv4::Credentials& base, const AssumeRole& ask, WallNs now);

/// AssumeRoleWithWebIdentity: not signed, the token proves. Only role_arn, role_session_name,
/// duration_s and policy of `ask` are used.
Result<AssumedRole> assume_role_with_web_identity(HttpFetch& fetch, const Target& sts,
                                                  const Secret& token, const AssumeRole& ask);

}  // namespace narrows::upstream
