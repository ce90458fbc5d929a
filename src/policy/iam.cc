#include "policy/iam.h"

#include "policy/aws_policy.h"

namespace narrows::policy {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

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
    return Map{
        {"Version", "2012-10-17"},
        {"Statement", List{trust_statement(request, "Assume", "sts:AssumeRole", std::move(assume)),
                           trust_statement(request, "SourceIdentity", "sts:SetSourceIdentity", {}),
                           trust_statement(request, "Tags", "sts:TagSession", tags)}}};
}

std::string template_of(const RoleRequest& request, const RoleDocuments& documents) {
    const Map properties{{"RoleName", request.role_name},
                         {"Description", "Assumed by the Narrows gateway for one connection"},
                         {"AssumeRolePolicyDocument", documents.trust},
                         {"Policies", List{Map{{"PolicyName", "scope"},
                                               {"PolicyDocument", documents.permissions}}}}};
    const Map role{{"Type", "AWS::IAM::Role"}, {"Properties", properties}};
    const Map output{{"Value", Map{{"Fn::GetAtt", List{"Role", "Arn"}}}}};
    return policy_json(Map{{"AWSTemplateFormatVersion", "2010-09-09"},
                           {"Description", "Narrows connection role " + request.role_name},
                           {"Resources", Map{{"Role", role}}},
                           {"Outputs", Map{{"RoleArn", output}}}}) +
           "\n";
}

}  // namespace

RoleDocuments role_documents(const Scope& scope, const RoleRequest& request) {
    RoleDocuments documents;
    documents.trust = trust_policy(request);
    const AwsStatements statements = express(scope.document(), nullptr, documents.notes);
    documents.permissions = policy_value(scope.document(), statements);
    if (policy_json(documents.permissions).size() > kRolePolicyMax) {
        documents.permissions = policy_value(scope.document(), group(statements));
    }
    if (policy_json(documents.permissions).size() > kRolePolicyMax) {
        documents.notes.push_back(
            "The policy is longer than the 10,240 characters of a role's inline policies; split it "
            "over managed policies.");
    }
    documents.cloudformation = template_of(request, documents);
    return documents;
}

}  // namespace narrows::policy
