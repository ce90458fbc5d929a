#include "policy/iam.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "policy/aws_policy.h"

namespace narrows::policy {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

Value policy_of(List statements) {
    return Map{{"Version", "2012-10-17"}, {"Statement", std::move(statements)}};
}

Value trust_statement(const RoleRequest& request, const char* sid, const char* action,
                      Map condition) {
    Map statement{{"Sid", sid},
                  {"Effect", "Allow"},
                  {"Principal", Map{{"AWS", request.gateway_role_arn}}},
                  {"Action", action}};
    if (!condition.empty()) statement["Condition"] = std::move(condition);
    return statement;
}

// Each action apart, since the keys of one are not in the context of the others.
Value trust_policy(const RoleRequest& request) {
    Map assume{{"Null", Map{{"sts:SourceIdentity", "false"}}}};
    if (!request.external_id.empty()) {
        assume["StringEquals"] = Map{{"sts:ExternalId", request.external_id}};
    }
    const Map tags{{"ForAllValues:StringLike", Map{{"aws:TagKeys", "narrows-*"}}}};
    return policy_of({trust_statement(request, "Assume", "sts:AssumeRole", std::move(assume)),
                      trust_statement(request, "SourceIdentity", "sts:SetSourceIdentity", {}),
                      trust_statement(request, "Tags", "sts:TagSession", tags)});
}

Value gateway_policy(const RoleRequest& request) {
    return policy_of(
        {Map{{"Sid", "AssumeConnectionRole"},
             {"Effect", "Allow"},
             {"Action", List{"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}},
             {"Resource", request.role_arn}}});
}

/// A session that the gateway did not start: it has no source identity. Services that call for a
/// session are let be; whether they pass the identity on, AWS does not say for each.
Map not_of_the_gateway() {
    return {{"Null", Map{{"aws:SourceIdentity", "true"}}},
            {"BoolIfExists", Map{{"aws:ViaAWSService", "false"}}}};
}

Value deny_all(const char* sid, Map condition) {
    return Map{{"Sid", sid},
               {"Effect", "Deny"},
               {"Action", "*"},
               {"Resource", "*"},
               {"Condition", std::move(condition)}};
}

std::size_t size_of(const Value& policy) {
    return policy_json(policy).size();
}

Value boundary_policy(const Value& permissions) {
    Value boundary = permissions;
    auto& map = *boundary.as<Map>();
    map["Statement"].as<List>()->push_back(
        deny_all("OnlySessionsOfTheGateway", not_of_the_gateway()));
    return boundary;
}

// ---- policies of resources

/// "arn:aws:s3:::NAME/…" is of the bucket NAME, "arn:…:kms:…:key/ID" of that key; "": of nothing
/// that has a policy of its own and is named in full.
std::string owner_of(const std::string& resource) {
    const std::vector<std::string_view> parts = codec::split(resource, ':');
    if (parts.size() < 6) return "";
    std::string owner;
    if (parts[2] == "s3") owner = std::string(parts[5].substr(0, parts[5].find('/')));
    if (parts[2] == "kms" && parts[5].starts_with("key/")) owner = resource;
    return owner.find_first_of("*?$") == std::string::npos ? owner : "";
}

bool is_of_service(const std::string& action, std::string_view service) {
    return codec::lower(action).starts_with(std::string(service) + ":");
}

Value list_or_one(const std::set<std::string>& items) {
    if (items.size() == 1) return *items.begin();
    return List(items.begin(), items.end());
}

Value resource_statement(const AwsStatement& from, const RoleRequest& request,
                         std::string_view service, const std::set<std::string>& resources) {
    std::set<std::string> actions;
    std::copy_if(from.actions.begin(), from.actions.end(), std::inserter(actions, actions.end()),
                 [&](const std::string& action) { return is_of_service(action, service); });
    if (actions.empty()) return {};
    Map statement{{"Effect", "Allow"},
                  {"Principal", Map{{"AWS", request.role_arn}}},
                  {"Action", list_or_one(actions)},
                  // A key's policy speaks of that key alone.
                  {"Resource", service == "kms" ? Value("*") : list_or_one(resources)}};
    if (!from.condition.empty()) statement["Condition"] = from.condition;
    return statement;
}

Value deny_strangers(const RoleRequest& request, std::string_view service, Value resource) {
    Map condition = not_of_the_gateway();
    condition["ArnEquals"] = Map{{"aws:PrincipalArn", request.role_arn}};
    return Map{{"Sid", "OnlySessionsOfTheGateway"},
               {"Effect", "Deny"},
               {"Principal", "*"},
               {"Action", std::string(service) + ":*"},
               {"Resource", std::move(resource)},
               {"Condition", std::move(condition)}};
}

void add_resource_policies(const AwsStatements& statements, const RoleRequest& request,
                           std::string_view service, std::map<std::string, Value>& policies) {
    std::map<std::string, List> by_owner;
    for (const AwsStatement& statement : statements) {
        if (!statement.allow || statement.not_action || statement.not_resource) continue;
        std::map<std::string, std::set<std::string>> resources;
        for (const std::string& resource : statement.resources) {
            const bool is_key = resource.find(":kms:") != std::string::npos;
            const std::string owner = owner_of(resource);
            if (!owner.empty() && is_key == (service == "kms")) resources[owner].insert(resource);
        }
        for (const auto& [owner, of_owner] : resources) {
            Value made = resource_statement(statement, request, service, of_owner);
            if (!made.is_null()) by_owner[owner].push_back(std::move(made));
        }
    }
    const std::string partition = request.role_arn.substr(0, request.role_arn.find(":iam:"));
    for (auto& [owner, list] : by_owner) {
        const std::string bucket = fmt::format("{}:s3:::{}", partition, owner);
        list.push_back(deny_strangers(
            request, service, service == "kms" ? Value("*") : Value(List{bucket, bucket + "/*"})));
        policies[owner] = policy_of(std::move(list));
    }
}

// ---- the accounts of agents

Map unless(const std::vector<std::string>& arns) {
    return {{"ArnNotLike", Map{{"aws:PrincipalArn", List(arns.begin(), arns.end())}}}};
}

Value deny_unless(const char* sid, List actions, Value resource, Map condition) {
    return Map{{"Sid", sid},
               {"Effect", "Deny"},
               {"Action", std::move(actions)},
               {"Resource", std::move(resource)},
               {"Condition", std::move(condition)}};
}

std::string boundary_arn(const RoleRequest& request) {
    const std::size_t role = request.role_arn.find(":role/");
    return request.role_arn.substr(0, role) + ":policy/" + request.role_name() + "-boundary";
}

Value scp_of(const RoleRequest& request) {
    const std::vector<std::string>& admins = request.administrators;
    std::vector<std::string> known = admins;
    known.push_back(request.gateway_role_arn);
    known.push_back(request.role_arn);
    std::vector<std::string> assumers = {request.gateway_role_arn};
    Map strangers = not_of_the_gateway();
    strangers["ArnEquals"] = Map{{"aws:PrincipalArn", request.role_arn}};
    return policy_of({deny_all("OnlyThroughTheGateway", unless(known)),
                      deny_all("OnlySessionsOfTheGateway", std::move(strangers)),
                      deny_unless("OnlyTheGatewayAssumes",
                                  {"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"},
                                  request.role_arn, unless(assumers)),
                      deny_unless("RoleStaysAsItIs",
                                  {"iam:AttachRolePolicy", "iam:CreatePolicyVersion",
                                   "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:DeleteRole",
                                   "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy",
                                   "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
                                   "iam:PutRolePolicy", "iam:SetDefaultPolicyVersion",
                                   "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"},
                                  List{request.role_arn, boundary_arn(request)}, unless(admins)),
                      deny_unless("NoOtherCredentials",
                                  {"iam:CreateAccessKey", "iam:CreateLoginProfile",
                                   "iam:CreateOpenIDConnectProvider", "iam:CreateSAMLProvider",
                                   "iam:CreateServiceSpecificCredential", "iam:CreateUser",
                                   "iam:UploadSSHPublicKey", "iam:UploadSigningCertificate",
                                   "rolesanywhere:CreateProfile", "rolesanywhere:CreateTrustAnchor",
                                   "sts:GetFederationToken", "sts:GetSessionToken"},
                                  "*", unless(admins)),
                      deny_unless("TrailsStay",
                                  {"cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors",
                                   "cloudtrail:StopLogging", "cloudtrail:UpdateTrail"},
                                  "*", unless(admins))});
}

void note_size(const char* what, const Value& policy, std::size_t most, const char* remedy,
               std::vector<std::string>& notes) {
    const std::size_t size = size_of(policy);
    if (size <= most) return;
    notes.push_back(
        fmt::format("The {} has {} characters, and AWS takes {}: {}.", what, size, most, remedy));
}

}  // namespace

std::string RoleRequest::role_name() const {
    return role_arn.substr(role_arn.rfind('/') + 1);
}

std::string RoleRequest::role_path() const {
    const std::size_t start = role_arn.find(":role/") + 5;
    return role_arn.substr(start, role_arn.rfind('/') + 1 - start);
}

RoleDocuments role_documents(const Scope& scope, const RoleRequest& request) {
    RoleDocuments documents;
    documents.trust = trust_policy(request);
    documents.gateway = gateway_policy(request);
    const AwsStatements statements = express(scope.document(), nullptr, documents.notes);
    documents.permissions = policy_value(scope.document(), statements);
    if (size_of(documents.permissions) > kManagedPolicyMax) {
        documents.permissions = policy_value(scope.document(), group(statements));
    }
    documents.boundary = boundary_policy(documents.permissions);
    add_resource_policies(statements, request, "s3", documents.buckets);
    add_resource_policies(statements, request, "kms", documents.keys);
    documents.scp = scp_of(request);
    note_size("role's policy", documents.permissions, kRolePolicyMax,
              "split it over managed policies", documents.notes);
    note_size("boundary", documents.boundary, kManagedPolicyMax,
              "leave it out, or split the connection", documents.notes);
    note_size("service control policy", documents.scp, kScpMax, "name fewer administrators",
              documents.notes);
    return documents;
}

}  // namespace narrows::policy
