#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/value.h"
#include "reconcile/events.h"

/// Who acts, as one text that what was made and what events say of themselves are compared by.
/// Pure. Beside these stand principal_of's "123456789012:role/NAME" and "123456789012:user/NAME".
namespace narrows::reconcile {

/// "123456789012:session/NAME": a role session of that name.
std::string session_actor(std::string_view account, std::string_view session_name);
/// "key/AKIA…"
std::string key_actor(std::string_view key_id);
/// "123456789012:role/NAME@states.amazonaws.com": a service in a role.
std::string service_actor(std::string_view role, std::string_view service);
/// A pod's service account in a role, by EKS; empty if one of them is.
std::string pod_actor(std::string_view role, std::string_view cluster, std::string_view space,
                      std::string_view account);
/// What a service started with a tag that AWS keeps to itself ("aws:…"), in one region:
/// https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags-restrictions.html
std::string tag_actor(std::string_view account, std::string_view region, std::string_view tag,
                      std::string_view value);
bool is_tag_actor(std::string_view actor);
/// Whoever an identity provider says is somebody; `provider` is its ARN or URL.
std::string provider_actor(std::string_view account, std::string_view provider);
/// Whom a role's trust policy lets in by AssumeRoleWithWebIdentity: all whom a provider knows, or,
/// where it asks for a subject by StringEquals, that one.
/// https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
std::vector<std::string> web_actors(std::string_view role, std::string_view policy);
/// "oidc.eks.us-east-1.amazonaws.com/id/0F1E" of its ARN or URL.
std::string provider_name(std::string_view provider);

/// Of an AssumeRole or AssumeRoleWithWebIdentity: for whom the credentials may be, by what AWS
/// itself says in the event. Pods: by the tags that EKS gives the session,
/// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
std::vector<std::string> receivers_of(const Event& event);
/// Of what starts instances: by their tags.
std::vector<std::string> tag_actors_of(const Event& event);

/// A service's name as events have it, without the ending that it has in China.
std::string_view plain_service(std::string_view service);
/// The account of who called.
std::string caller_account(const Event& event);

}  // namespace narrows::reconcile
