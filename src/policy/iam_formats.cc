#include <algorithm>

#include <fmt/format.h>

#include "policy/aws_policy.h"
#include "policy/iam.h"

namespace narrows::policy {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

Map by_name(const std::map<std::string, Value>& policies) {
    return {policies.begin(), policies.end()};
}

// ---- CloudFormation

Value reference(const char* name) {
    return Map{{"Ref", name}};
}

Map role_resources(const RoleRequest& request, const RoleDocuments& documents) {
    const Map boundary{{"ManagedPolicyName", request.role_name() + "-boundary"},
                       {"Description", "The most that the role's sessions may ever do"},
                       {"PolicyDocument", documents.boundary}};
    const Map role{{"RoleName", request.role_name()},
                   {"Path", request.role_path()},
                   {"Description", "Assumed by the Narrows gateway for one connection"},
                   {"AssumeRolePolicyDocument", documents.trust},
                   {"PermissionsBoundary", reference("Boundary")},
                   {"Policies",
                    List{Map{{"PolicyName", "scope"}, {"PolicyDocument", documents.permissions}}}}};
    return {{"Boundary", Map{{"Type", "AWS::IAM::ManagedPolicy"}, {"Properties", boundary}}},
            {"Role", Map{{"Type", "AWS::IAM::Role"}, {"Properties", role}}}};
}

void add_optional_resources(const RoleRequest& request, const RoleDocuments& documents,
                            Map& resources) {
    std::size_t number = 0;
    for (const auto& [bucket, policy] : documents.buckets) {
        resources[fmt::format("BucketPolicy{}", ++number)] =
            Map{{"Type", "AWS::S3::BucketPolicy"},
                {"Condition", "WithBucketPolicies"},
                {"Properties", Map{{"Bucket", bucket}, {"PolicyDocument", policy}}}};
    }
    const Map properties{{"Name", request.role_name() + "-agents"},
                         {"Description", "No way to AWS but the Narrows gateway"},
                         {"Type", "SERVICE_CONTROL_POLICY"},
                         {"Content", documents.scp},
                         {"TargetIds", reference("ScpTargets")}};
    resources["AgentAccounts"] = Map{{"Type", "AWS::Organizations::Policy"},
                                     {"Condition", "WithScp"},
                                     {"Properties", properties}};
}

Map unless_equal(Value value, const char* other) {
    return {{"Fn::Not", List{Map{{"Fn::Equals", List{std::move(value), other}}}}}};
}

Map template_parameters(bool has_buckets) {
    Map parameters{
        {"ScpTargets",
         Map{{"Type", "CommaDelimitedList"},
             {"Default", ""},
             {"Description",
              "Accounts or units that only agents work in; only from the management account"}}}};
    if (has_buckets) {
        parameters["BucketPolicies"] =
            Map{{"Type", "String"},
                {"Default", "no"},
                {"AllowedValues", List{"yes", "no"}},
                {"Description", "yes replaces the whole policy of each bucket"}};
    }
    return parameters;
}

// ---- Terraform

/// As a heredoc: its two ways to begin a template, `${` and `%{`, are doubled.
std::string heredoc(const Value& policy) {
    std::string text;
    const std::string json = policy_json(policy);
    for (std::size_t at = 0; at < json.size(); ++at) {
        const bool begins =
            (json[at] == '$' || json[at] == '%') && at + 1 < json.size() && json[at + 1] == '{';
        text += begins ? std::string(2, json[at]) : std::string(1, json[at]);
    }
    return fmt::format("<<JSON\n{}\nJSON\n", text);
}

/// Names of roles and buckets are of [A-Za-z0-9+=,.@_/-]: nothing to escape in a quoted string.
std::string role_blocks(const RoleRequest& request, const RoleDocuments& documents) {
    return fmt::format(
        R"(resource "aws_iam_policy" "boundary" {{
  name        = "{0}-boundary"
  description = "The most that the role's sessions may ever do"
  policy      = {2}}}

resource "aws_iam_role" "connection" {{
  name                 = "{0}"
  path                 = "{1}"
  description          = "Assumed by the Narrows gateway for one connection"
  permissions_boundary = aws_iam_policy.boundary.arn
  assume_role_policy   = {3}}}

resource "aws_iam_role_policy" "scope" {{
  name   = "scope"
  role   = aws_iam_role.connection.id
  policy = {4}}}
)",
        request.role_name(), request.role_path(), heredoc(documents.boundary),
        heredoc(documents.trust), heredoc(documents.permissions));
}

std::string bucket_blocks(const RoleDocuments& documents) {
    if (documents.buckets.empty()) return "";
    std::string blocks = R"(
variable "bucket_policies" {
  description = "true replaces the whole policy of each bucket"
  type        = bool
  default     = false
}
)";
    std::size_t number = 0;
    for (const auto& [bucket, policy] : documents.buckets) {
        blocks += fmt::format(R"(
resource "aws_s3_bucket_policy" "bucket_{}" {{
  count  = var.bucket_policies ? 1 : 0
  bucket = "{}"
  policy = {}}}
)",
                              ++number, bucket, heredoc(policy));
    }
    return blocks;
}

std::string scp_blocks(const RoleRequest& request, const RoleDocuments& documents) {
    return fmt::format(R"(
variable "scp_targets" {{
  description = "Accounts or units that only agents work in; only from the management account"
  type        = list(string)
  default     = []
}}

resource "aws_organizations_policy" "agents" {{
  count       = length(var.scp_targets) > 0 ? 1 : 0
  name        = "{}-agents"
  description = "No way to AWS but the Narrows gateway"
  type        = "SERVICE_CONTROL_POLICY"
  content     = {}}}

resource "aws_organizations_policy_attachment" "agents" {{
  count     = length(var.scp_targets)
  policy_id = aws_organizations_policy.agents[0].id
  target_id = var.scp_targets[count.index]
}}
)",
                       request.role_name(), heredoc(documents.scp));
}

std::string outputs(const RoleDocuments& documents) {
    return fmt::format(R"(
output "role_arn" {{
  value = aws_iam_role.connection.arn
}}

output "gateway_policy" {{
  description = "What the gateway's own role must be allowed"
  value       = {}}}

output "key_policies" {{
  description = "Statements to add to the policies of these KMS keys"
  value       = {}}}
)",
                       heredoc(documents.gateway), heredoc(by_name(documents.keys)));
}

}  // namespace

Value json_of(const RoleRequest& request, const RoleDocuments& documents) {
    return Map{{"role_name", request.role_name()},
               {"role_arn", request.role_arn},
               {"trust", documents.trust},
               {"permissions", documents.permissions},
               {"boundary", documents.boundary},
               {"gateway", documents.gateway},
               {"bucket_policies", by_name(documents.buckets)},
               {"key_policies", by_name(documents.keys)},
               {"scp", documents.scp}};
}

std::string cloudformation_of(const RoleRequest& request, const RoleDocuments& documents) {
    const bool has_buckets = !documents.buckets.empty();
    Map resources = role_resources(request, documents);
    add_optional_resources(request, documents, resources);
    Map conditions{
        {"WithScp", unless_equal(Map{{"Fn::Join", List{"", reference("ScpTargets")}}}, "")}};
    if (has_buckets)
        conditions["WithBucketPolicies"] = unless_equal(reference("BucketPolicies"), "no");
    const Map arn{{"Value", Map{{"Fn::GetAtt", List{"Role", "Arn"}}}}};
    return policy_json(Map{{"AWSTemplateFormatVersion", "2010-09-09"},
                           {"Description", "Narrows connection role " + request.role_name()},
                           {"Metadata", Map{{"GatewayPolicy", documents.gateway},
                                            {"KeyPolicies", by_name(documents.keys)}}},
                           {"Parameters", template_parameters(has_buckets)},
                           {"Conditions", std::move(conditions)},
                           {"Resources", std::move(resources)},
                           {"Outputs", Map{{"RoleArn", arn}}}}) +
           "\n";
}

std::string terraform_of(const RoleRequest& request, const RoleDocuments& documents) {
    return role_blocks(request, documents) + bucket_blocks(documents) +
           scp_blocks(request, documents) + outputs(documents);
}

}  // namespace narrows::policy
