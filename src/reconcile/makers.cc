#include "reconcile/makers.h"

#include <algorithm>
#include <array>

#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"
#include "reconcile/events.h"

namespace narrows::reconcile {
namespace {

using codec::Value;

constexpr int kNestingMax = 32;

/// How the name of what was made becomes an actor.
enum class Form { session, task, build, function, role, user, key, service, shared, pod };

struct Maker {
    std::string_view service;
    std::string_view operations;  ///< separated by blanks
    std::string_view answered;    ///< where the answer names it
    std::string_view asked;       ///< where the request does, if the answer is not known; or ""
    Form form;
    std::string_view what;
    std::string_view verb;
    std::string_view giver;
    std::string_view role = "";  ///< where answer or request name the role that it acts in; or ""
    std::string_view session = "";  ///< of Form::shared: the name that all have
};

constexpr std::array kMakers = std::to_array<Maker>({
    {"ec2", "RunInstances", "instancesSet.instanceId", "", Form::session, "instance", "created",
     "ec2.amazonaws.com"},
    {"ec2", "CreateFleet", "fleetInstanceSet.instanceIds", "", Form::session, "instance", "created",
     "ec2.amazonaws.com"},
    {"lambda", "CreateFunction", "functionName", "functionName", Form::function, "function",
     "created", "lambda.amazonaws.com", "role"},
    {"lambda", "UpdateFunctionCode UpdateFunctionConfiguration", "functionName", "functionName",
     Form::function, "function", "changed", "lambda.amazonaws.com", "role"},
    {"ecs", "RunTask StartTask", "tasks.taskArn", "", Form::task, "task", "created",
     "ecs-tasks.amazonaws.com"},
    {"codebuild", "StartBuild RetryBuild", "build.id", "", Form::build, "build", "created",
     "codebuild.amazonaws.com"},
    {"iam", "CreateRole", "role.roleName", "roleName", Form::role, "role", "created", ""},
    {"iam", "CreateUser", "user.userName", "userName", Form::user, "user", "created", ""},
    {"iam", "CreateAccessKey", "accessKey.accessKeyId", "", Form::key, "key", "created", ""},
    {"sts",
     "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot GetFederationToken "
     "GetSessionToken",
     "credentials.accessKeyId", "", Form::key, "key", "asked for", ""},
    {"eks", "CreatePodIdentityAssociation UpdatePodIdentityAssociation",
     "association.associationId", "associationId", Form::pod, "pod identity", "associated",
     "pods.eks.amazonaws.com", "association.roleArn"},
    {"cloudformation", "CreateStack CreateChangeSet", "", "stackName", Form::service, "stack",
     "created", "cloudformation.amazonaws.com", "roleARN"},
    {"cloudformation", "UpdateStack", "", "stackName", Form::service, "stack", "changed",
     "cloudformation.amazonaws.com", "roleARN"},
    {"states", "CreateStateMachine", "", "name", Form::service, "state machine", "created",
     "states.amazonaws.com", "roleArn"},
    {"states", "UpdateStateMachine", "", "stateMachineArn", Form::service, "state machine",
     "changed", "states.amazonaws.com", "roleArn"},
    {"scheduler", "CreateSchedule UpdateSchedule", "", "name", Form::service, "schedule",
     "scheduled", "scheduler.amazonaws.com", "target.roleArn"},
    {"pipes", "CreatePipe UpdatePipe", "", "name", Form::service, "pipe", "made",
     "pipes.amazonaws.com", "roleArn"},
    {"events", "PutTargets", "", "rule", Form::service, "rule", "gave targets",
     "events.amazonaws.com", "targets.roleArn"},
    {"codepipeline", "CreatePipeline UpdatePipeline", "", "pipeline.name", Form::service,
     "pipeline", "made", "codepipeline.amazonaws.com", "pipeline.roleArn"},
    {"glue", "CreateJob", "", "name", Form::shared, "job", "created", "glue.amazonaws.com", "role",
     "GlueJobRunnerSession"},
    {"glue", "UpdateJob", "", "jobName", Form::shared, "job", "changed", "glue.amazonaws.com",
     "jobUpdate.role", "GlueJobRunnerSession"},
    {"sagemaker", "CreateTrainingJob", "", "trainingJobName", Form::shared, "training job",
     "created", "sagemaker.amazonaws.com", "roleArn", "SageMaker"},
    {"sagemaker", "CreateProcessingJob", "", "processingJobName", Form::shared, "processing job",
     "created", "sagemaker.amazonaws.com", "roleArn", "SageMaker"},
    {"sagemaker", "CreateNotebookInstance", "", "notebookInstanceName", Form::shared,
     "notebook instance", "created", "sagemaker.amazonaws.com", "roleArn", "SageMaker"},
    {"sagemaker", "CreateModel", "", "modelName", Form::shared, "model", "created",
     "sagemaker.amazonaws.com", "executionRoleArn", "SageMaker"},
});

constexpr std::array kEnders = std::to_array<Maker>({
    {"lambda", "DeleteFunction", "", "functionName", Form::function, "", "", ""},
    {"iam", "DeleteRole", "", "roleName", Form::role, "", "", ""},
    {"iam", "DeleteUser", "", "userName", Form::user, "", "", ""},
});

struct Unnamed {
    std::string_view service;
    std::string_view operations;
};

/// What these start acts in a role, under a name that says nothing of which of them it was.
constexpr std::array kUnnamed = std::to_array<Unnamed>({
    {"amplify", "CreateApp StartJob"},
    {"apprunner", "CreateService UpdateService"},
    {"autoscaling", "CreateAutoScalingGroup UpdateAutoScalingGroup"},
    {"batch", "SubmitJob"},
    {"bedrock", "CreateAgent UpdateAgent"},
    {"cloudformation", "ExecuteChangeSet CreateStackInstances"},
    {"codebuild", "StartBuildBatch RetryBuildBatch"},
    {"codepipeline", "StartPipelineExecution"},
    {"ec2", "RequestSpotInstances RequestSpotFleet AssociateIamInstanceProfile"},
    {"ecs", "CreateService UpdateService CreateTaskSet"},
    {"eks", "CreateCluster CreateNodegroup CreateFargateProfile"},
    {"elasticbeanstalk", "CreateEnvironment UpdateEnvironment"},
    {"elasticmapreduce", "RunJobFlow AddJobFlowSteps"},
    {"emr-containers", "StartJobRun"},
    {"emr-serverless", "StartJobRun"},
    {"glue", "CreateCrawler CreateDevEndpoint CreateSession StartJobRun"},
    {"iot", "CreateTopicRule ReplaceTopicRule"},
    {"sagemaker", "CreateApp CreateEndpoint CreateTransformJob StartPipelineExecution"},
    {"ssm", "CreateAssociation SendCommand StartAutomationExecution"},
    {"states", "StartExecution StartSyncExecution"},
});

bool has_word(std::string_view names, std::string_view name) {
    const auto all = codec::split(names, ' ');
    return std::find(all.begin(), all.end(), name) != all.end();
}

template <std::size_t n>
const Maker* row_in(const std::array<Maker, n>& rows, std::string_view service,
                    std::string_view name) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Maker& row) {
        return row.service == service && has_word(row.operations, name);
    });
    return found == rows.end() ? nullptr : &*found;
}

bool is_wrapper(std::string_view name) {
    return name == "item" || name == "items" || name == "member" || name.ends_with("Result") ||
           name.ends_with("Response");
}

void collect(const Value& value, std::string_view path, int depth, std::vector<std::string>& out) {
    if (depth > kNestingMax || out.size() >= kMadeByOneMax) {
        return;
    }
    if (const auto* list = value.as<codec::List>()) {
        for (const Value& each : *list) {
            collect(each, path, depth + 1, out);
        }
        return;
    }
    if (const auto* map = value.as<codec::Map>()) {
        const std::string_view first = path.substr(0, path.find('.'));
        const std::string_view rest = path.substr(std::min(path.size(), first.size() + 1));
        for (const auto& [name, inside] : *map) {
            if (!first.empty() && codec::iequals(name, first)) {
                collect(inside, rest, depth + 1, out);
            } else if (is_wrapper(name)) {
                collect(inside, path, depth + 1, out);
            }
        }
        return;
    }
    const auto* text = value.as<std::string>();
    if (path.empty() && text != nullptr && !text->empty()) {
        out.push_back(*text);
    }
}

Value value_of(const codec::XmlElement& element) {
    if (element.children.empty()) {
        return element.text;
    }
    codec::Map map;
    for (const codec::XmlElement& child : element.children) {
        auto [at, is_new] = map.try_emplace(child.name, codec::List());
        at->second.as<codec::List>()->push_back(value_of(child));
    }
    return map;
}

std::string behind_last(std::string_view text, char separator) {
    const std::size_t last = text.rfind(separator);
    return std::string(last == text.npos ? text : text.substr(last + 1));
}

/// Of a name, of "ACCOUNT:function:NAME" or of an ARN, each with or without a qualifier.
std::string function_name(std::string_view text) {
    constexpr std::string_view kMark = "function:";
    const std::size_t mark = text.find(kMark);
    const std::string_view name = mark == text.npos ? text : text.substr(mark + kMark.size());
    return std::string(name.substr(0, name.find(':')));
}

/// A role's principal, of its ARN or its name.
std::string role_of(std::string_view text, std::string_view account) {
    return text.starts_with("arn:")
               ? principal_of(text)
               : std::string(account).append(":role/").append(behind_last(text, '/'));
}

std::vector<std::string> texts_of(const Making& by, std::string_view answered,
                                  std::string_view asked) {
    std::vector<std::string> out;
    if (!answered.empty()) {
        out = texts_at(by.answer, answered);
    }
    if (out.empty() && !asked.empty()) {
        out = texts_at(by.request, asked);
    }
    return out;
}

std::string text_of(const Making& by, std::string_view answered, std::string_view asked) {
    const auto all = texts_of(by, answered, asked);
    return all.empty() ? std::string() : all.front();
}

std::string pod_scope(std::string_view role, std::string_view cluster, std::string_view space,
                      std::string_view account) {
    if (role.empty() || cluster.empty() || space.empty() || account.empty()) {
        return {};
    }
    return service_actor(role, "pods.eks.amazonaws.com")
        .append("/")
        .append(cluster)
        .append("/")
        .append(space)
        .append("/")
        .append(account);
}

/// Fills in `of.actor` and what goes with it; empty if it cannot be told.
void name_actor(const Maker& row, const Making& by, Made& of) {
    switch (row.form) {
        case Form::session:
            of.actor = session_actor(by.account, of.name);
            break;
        case Form::task:
            of.name = behind_last(of.name, '/');
            of.actor = session_actor(by.account, of.name);
            break;
        case Form::build:
            of.actor = session_actor(by.account, "AWSCodeBuild-" + behind_last(of.name, ':'));
            break;
        case Form::function:
            of.name = function_name(of.name);
            of.actor = session_actor(by.account, of.name);
            of.region = by.region;
            break;
        case Form::role:
            of.actor = by.account + ":role/" + of.name;
            break;
        case Form::user:
            of.actor = by.account + ":user/" + of.name;
            break;
        case Form::key:
            of.actor = key_actor(of.name);
            break;
        case Form::service:
            of.is_shared = true;
            of.actor = of.role.empty() ? std::string() : service_actor(of.role, of.giver);
            break;
        case Form::shared:
            of.is_shared = true;
            of.actor = of.role.empty() ? std::string() : session_actor(by.account, row.session);
            break;
        case Form::pod:
            of.actor = pod_scope(of.role, text_of(by, "association.clusterName", "clusterName"),
                                 text_of(by, "association.namespace", "namespace"),
                                 text_of(by, "association.serviceAccount", "serviceAccount"));
            break;
    }
}

/// Several roles: one thing that may act in each of them.
std::vector<Made> all_of(const Maker* row, const Making& by) {
    std::vector<Made> out;
    if (row == nullptr) {
        return out;
    }
    std::vector<std::string> roles;
    if (!row->role.empty()) {
        roles = texts_of(by, row->role, row->form == Form::pod ? "roleArn" : row->role);
    }
    if (roles.empty()) {
        roles.emplace_back();
    }
    for (const std::string& name : texts_of(by, row->answered, row->asked)) {
        for (const std::string& role : roles) {
            Made of{.what = std::string(row->what),
                    .name = name,
                    .verb = std::string(row->verb),
                    .giver = std::string(row->giver),
                    .role = role.empty() ? std::string() : role_of(role, by.account)};
            name_actor(*row, by, of);
            if (!of.actor.empty() && out.size() < kMadeByOneMax) {
                out.push_back(std::move(of));
            }
        }
    }
    return out;
}

}  // namespace

std::vector<Made> made_by(const Making& making) {
    return all_of(row_in(kMakers, making.service, making.operation), making);
}

bool is_maker(std::string_view service, std::string_view operation) {
    return row_in(kMakers, service, operation) != nullptr;
}

bool acts_in_role(std::string_view service, std::string_view operation) {
    const Maker* row = row_in(kMakers, service, operation);
    return row != nullptr && (row->form == Form::service || row->form == Form::shared);
}

bool makes_unnamed(std::string_view service, std::string_view operation) {
    return std::any_of(kUnnamed.begin(), kUnnamed.end(), [&](const Unnamed& row) {
        return row.service == service && has_word(row.operations, operation);
    });
}

std::vector<Made> ended_by(const Making& ending) {
    return all_of(row_in(kEnders, ending.service, ending.operation), ending);
}

bool is_ender(std::string_view service, std::string_view operation) {
    return row_in(kEnders, service, operation) != nullptr;
}

std::string session_actor(std::string_view account, std::string_view session_name) {
    return std::string(account).append(":session/").append(session_name);
}

std::string key_actor(std::string_view key_id) {
    return std::string("key/").append(key_id);
}

std::string service_actor(std::string_view role, std::string_view service) {
    return std::string(role).append("@").append(service);
}

std::string pod_actor(std::string_view role, const Value& request) {
    std::string cluster;
    std::string space;
    std::string account;
    const Value* tags = request.find("tags");
    const codec::List* list = tags == nullptr ? nullptr : tags->as<codec::List>();
    for (const Value& tag : list == nullptr ? codec::List() : *list) {
        const std::string key = tag.text("key");
        std::string* const part = key == "eks-cluster-name"             ? &cluster
                                  : key == "kubernetes-namespace"       ? &space
                                  : key == "kubernetes-service-account" ? &account
                                                                        : nullptr;
        if (part != nullptr) {
            *part = tag.text("value");
        }
    }
    return pod_scope(role, cluster, space, account);
}

Result<Value> read_answer(std::string_view body) {
    if (body.find_first_not_of(" \t\r\n") == body.npos) {
        return fail(ErrorCode::invalid, "the answer is empty");
    }
    if (body[body.find_first_not_of(" \t\r\n")] != '<') {
        return codec::json_decode(body);
    }
    NARROWS_TRY(const codec::XmlElement root, codec::xml_decode(body));
    return value_of(root);
}

std::vector<std::string> texts_at(const Value& value, std::string_view path) {
    std::vector<std::string> out;
    collect(value, path, 0, out);
    return out;
}

}  // namespace narrows::reconcile
