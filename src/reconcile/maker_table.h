#pragma once

#include <array>
#include <string_view>

/// The rules of makers.cc, which alone includes it: what operations make that then acts. Where each
/// of them is known from stands in docs/reconcile.md.
namespace narrows::reconcile {

/// How the name of what was made becomes an actor.
enum class Form {
    session,
    task,
    build,
    function,
    role,
    user,
    key,
    service,     ///< the service in the role, and whom it gets credentials of it for
    definition,  ///< the same of what runs later; without a role it acts in none
    shared,      ///< sessions of that role, whose name all have
    pod,
    tagged,    ///< what a service starts with a tag that has its name
    provider,  ///< whom it says is somebody
    web,       ///< whom a trust policy lets in
};

struct Maker {
    std::string_view service;
    std::string_view operations;  ///< separated by blanks
    std::string_view answered;    ///< where the answer names it
    std::string_view asked;       ///< where the request does, if the answer is not known; or ""
    Form form;
    std::string_view what;
    std::string_view verb;
    std::string_view giver;
    /// Where answer or request name roles that it acts in, separated by blanks; or "". Of
    /// Form::web: where the request has the policy.
    std::string_view roles = "";
    /// Of Form::shared: the name that all have. Of Form::tagged: the tag. Of Form::service: the
    /// role that is taken where none is named.
    std::string_view word = "";
};

/// Where no other one is named:
/// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
constexpr std::string_view kStackSetRole = "AWSCloudFormationStackSetAdministrationRole";
/// https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-tagging.html
constexpr std::string_view kGroupTag = "aws:autoscaling:groupName";

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
     "pods.eks.amazonaws.com", "association.roleArn roleArn"},
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
    {"cloudformation", "CreateStackSet", "", "stackSetName", Form::service, "stack set", "created",
     "cloudformation.amazonaws.com", "administrationRoleARN", kStackSetRole},
    {"cloudformation", "UpdateStackSet", "", "stackSetName", Form::service, "stack set", "changed",
     "cloudformation.amazonaws.com", "administrationRoleARN", kStackSetRole},
    {"ecs", "RegisterTaskDefinition", "taskDefinition.taskDefinitionArn", "family",
     Form::definition, "task definition", "registered", "ecs-tasks.amazonaws.com",
     "taskRoleArn executionRoleArn taskDefinition.taskRoleArn taskDefinition.executionRoleArn"},
    {"batch", "RegisterJobDefinition", "jobDefinitionArn", "jobDefinitionName", Form::definition,
     "job definition", "registered", "ecs-tasks.amazonaws.com",
     "containerProperties.jobRoleArn containerProperties.executionRoleArn "
     "nodeProperties.nodeRangeProperties.container.jobRoleArn "
     "nodeProperties.nodeRangeProperties.container.executionRoleArn "
     "ecsProperties.taskProperties.taskRoleArn ecsProperties.taskProperties.executionRoleArn"},
    {"emr-serverless", "StartJobRun", "jobRunId", "applicationId", Form::service, "job run",
     "started", "emr-serverless.amazonaws.com", "executionRoleArn"},
    {"elasticmapreduce", "RunJobFlow", "jobFlowId", "", Form::tagged, "cluster", "created",
     "elasticmapreduce.amazonaws.com", "", "aws:elasticmapreduce:job-flow-id"},
    {"elasticmapreduce", "RunJobFlow", "jobFlowId", "name", Form::service, "cluster", "created",
     "elasticmapreduce.amazonaws.com", "serviceRole"},
    {"autoscaling", "CreateAutoScalingGroup", "", "autoScalingGroupName", Form::tagged, "group",
     "created", "autoscaling.amazonaws.com", "", kGroupTag},
    {"autoscaling",
     "UpdateAutoScalingGroup SetDesiredCapacity ExecutePolicy PutScalingPolicy "
     "StartInstanceRefresh "
     "PutScheduledUpdateGroupAction LaunchInstances",
     "", "autoScalingGroupName", Form::tagged, "group", "changed", "autoscaling.amazonaws.com", "",
     kGroupTag},
    {"iam", "CreateOpenIDConnectProvider", "openIDConnectProviderArn", "url", Form::provider,
     "identity provider", "created", ""},
    {"iam", "UpdateAssumeRolePolicy", "", "roleName", Form::web, "role", "opened",
     "sts.amazonaws.com", "policyDocument"},
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
    {"iam", "DeleteOpenIDConnectProvider", "", "openIDConnectProviderArn", Form::provider, "", "",
     ""},
    {"autoscaling", "DeleteAutoScalingGroup", "", "autoScalingGroupName", Form::tagged, "", "", "",
     "", kGroupTag},
});

/// What these start acts in a role, under a name that says nothing of which of them it was.
struct Unnamed {
    std::string_view service;
    std::string_view operations;
    /// What they set off, if that is in kMakers, and where answer or request name it: if its making
    /// is known, it is followed by that.
    std::string_view what = "";
    std::string_view answered = "";
    std::string_view asked = "";
};

constexpr std::array kUnnamed = std::to_array<Unnamed>({
    {"amplify", "CreateApp StartJob"},
    {"apprunner", "CreateService UpdateService"},
    {"batch", "SubmitJob", "job definition", "", "jobDefinition"},
    {"bedrock", "CreateAgent UpdateAgent"},
    {"cloudformation", "ExecuteChangeSet", "stack", "", "stackName"},
    {"cloudformation", "CreateStackInstances UpdateStackInstances DeleteStackInstances",
     "stack set", "", "stackSetName"},
    {"codebuild", "StartBuildBatch RetryBuildBatch"},
    {"codepipeline", "StartPipelineExecution", "pipeline", "", "name"},
    {"ec2", "RequestSpotInstances RequestSpotFleet AssociateIamInstanceProfile"},
    {"ecs", "CreateService UpdateService", "task definition", "service.taskDefinition",
     "taskDefinition"},
    {"ecs", "CreateTaskSet", "task definition", "taskSet.taskDefinition", "taskDefinition"},
    {"eks", "CreateCluster CreateNodegroup CreateFargateProfile"},
    {"elasticbeanstalk", "CreateEnvironment UpdateEnvironment"},
    {"elasticmapreduce", "AddJobFlowSteps", "cluster", "", "jobFlowId"},
    {"emr-containers", "StartJobRun"},
    {"glue", "CreateCrawler CreateDevEndpoint CreateSession"},
    {"glue", "StartJobRun", "job", "", "jobName"},
    {"iot", "CreateTopicRule ReplaceTopicRule"},
    {"sagemaker", "CreateApp CreateEndpoint StartPipelineExecution"},
    {"sagemaker", "CreateTransformJob", "model", "", "modelName"},
    {"ssm", "CreateAssociation SendCommand StartAutomationExecution"},
    {"states", "StartExecution StartSyncExecution", "state machine", "", "stateMachineArn"},
});

}  // namespace narrows::reconcile
