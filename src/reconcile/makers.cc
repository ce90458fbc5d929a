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
enum class Form { session, task, build, function, role, user, key };

struct Maker {
    std::string_view service;
    std::string_view operations;  ///< separated by blanks
    std::string_view answered;    ///< where the answer names it
    std::string_view asked;       ///< where the request does, if the answer is not known; or ""
    Form form;
    std::string_view what;
    std::string_view verb;
    std::string_view giver;
};

constexpr std::array kMakers = std::to_array<Maker>({
    {"ec2", "RunInstances", "instancesSet.instanceId", "", Form::session, "instance", "created",
     "ec2.amazonaws.com"},
    {"ec2", "CreateFleet", "fleetInstanceSet.instanceIds", "", Form::session, "instance", "created",
     "ec2.amazonaws.com"},
    {"lambda", "CreateFunction", "functionName", "functionName", Form::function, "function",
     "created", "lambda.amazonaws.com"},
    {"lambda", "UpdateFunctionCode", "functionName", "functionName", Form::function, "function",
     "changed", "lambda.amazonaws.com"},
    {"ecs", "RunTask StartTask", "tasks.taskArn", "", Form::task, "task", "created",
     "ecs-tasks.amazonaws.com"},
    {"codebuild", "StartBuild RetryBuild", "build.id", "", Form::build, "build", "created",
     "codebuild.amazonaws.com"},
    {"iam", "CreateRole", "role.roleName", "roleName", Form::role, "role", "created", ""},
    {"iam", "CreateUser", "user.userName", "userName", Form::user, "user", "created", ""},
    {"iam", "CreateAccessKey", "accessKey.accessKeyId", "", Form::key, "key", "created", ""},
    {"sts",
     "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity GetFederationToken GetSessionToken",
     "credentials.accessKeyId", "", Form::key, "key", "asked for", ""},
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
    {"bedrock-agent", "CreateAgent UpdateAgent"},
    {"cloudformation",
     "CreateStack UpdateStack CreateChangeSet ExecuteChangeSet CreateStackInstances"},
    {"codebuild", "StartBuildBatch RetryBuildBatch"},
    {"codepipeline", "CreatePipeline UpdatePipeline StartPipelineExecution"},
    {"ec2", "RequestSpotInstances RequestSpotFleet AssociateIamInstanceProfile"},
    {"ecs", "CreateService UpdateService CreateTaskSet"},
    {"eks",
     "CreateCluster CreateNodegroup CreateFargateProfile CreatePodIdentityAssociation "
     "UpdatePodIdentityAssociation"},
    {"elasticbeanstalk", "CreateEnvironment UpdateEnvironment"},
    {"emr", "RunJobFlow AddJobFlowSteps"},
    {"emr-containers", "StartJobRun"},
    {"emr-serverless", "StartJobRun"},
    {"eventbridge", "PutTargets"},
    {"events", "PutTargets"},
    {"glue", "CreateCrawler CreateDevEndpoint CreateJob CreateSession StartJobRun UpdateJob"},
    {"iot", "CreateTopicRule ReplaceTopicRule"},
    {"pipes", "CreatePipe UpdatePipe"},
    {"sagemaker",
     "CreateApp CreateEndpoint CreateNotebookInstance CreateProcessingJob CreateTrainingJob "
     "CreateTransformJob StartPipelineExecution"},
    {"scheduler", "CreateSchedule UpdateSchedule"},
    {"ssm", "CreateAssociation SendCommand StartAutomationExecution"},
    {"states", "CreateStateMachine StartExecution StartSyncExecution UpdateStateMachine"},
    {"stepfunctions", "CreateStateMachine StartExecution StartSyncExecution UpdateStateMachine"},
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

Made made_of(const Maker& row, const Making& by, std::string name) {
    Made of{.what = std::string(row.what),
            .name = std::move(name),
            .verb = std::string(row.verb),
            .giver = std::string(row.giver)};
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
    }
    return of;
}

std::vector<Made> all_of(const Maker* row, const Making& by) {
    std::vector<Made> out;
    if (row == nullptr) {
        return out;
    }
    std::vector<std::string> names;
    if (!row->answered.empty()) {
        names = texts_at(by.answer, row->answered);
    }
    if (names.empty() && !row->asked.empty()) {
        names = texts_at(by.request, row->asked);
    }
    for (std::string& name : names) {
        out.push_back(made_of(*row, by, std::move(name)));
    }
    return out;
}

}  // namespace

std::vector<Made> made_by(const Making& making) {
    const Maker* row = row_in(kMakers, making.service, making.operation);
    std::vector<Made> out = all_of(row, making);
    if (row != nullptr && row->form == Form::function) {
        auto roles = texts_at(making.answer, "role");
        if (roles.empty()) {
            roles = texts_at(making.request, "role");
        }
        for (Made& each : out) {
            each.role = roles.empty() ? std::string() : principal_of(roles.front());
        }
    }
    return out;
}

bool is_maker(std::string_view service, std::string_view operation) {
    return row_in(kMakers, service, operation) != nullptr;
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
