"""Each rule of what is followed: a whole chain is told as what it is; with one link forged, whoever acts is a bypass.

All that acts here has the session's source identity, as some services hand it on: so that what is taken for something
that the session made is a consequence, and anything else is called a bypass.
"""

import json

import pytest

from harness.emulator import ACCOUNT, client
from harness.gateway import scope, statement
from harness.reconciling import CREATED, HOUR, SECOND, Written, delivered, minute, number, reconcile, record, role, told, write
from harness.trail import Caller, event, user

ANOTHER = "210987654321"
SESSIONS = "test-agent@ada@example.com"
CLUSTER_IDP = "oidc.eks.us-east-1.amazonaws.com/id/0F1E2D3C"
OWN_IDP = "idp.example.com/pods"
MAKES = scope(statement("*"), statement([
    "autoscaling:CreateAutoScalingGroup", "autoscaling:CreateLaunchConfiguration", "batch:RegisterJobDefinition",
    "cloudformation:CreateStackSet", "ecs:CreateCluster", "ecs:CreateService", "ecs:RegisterTaskDefinition",
    "elasticmapreduce:RunJobFlow", "emr-serverless:CreateApplication", "emr-serverless:StartJobRun", "events:PutRule",
    "events:PutTargets", "iam:CreateOpenIDConnectProvider", "iam:PassRole", "iam:UpdateAssumeRolePolicy",
    "states:CreateStateMachine", "states:StartExecution"]))
ROLES = ["of-tasks", "of-pulls", "of-jobs", "of-pods", "of-rules", "of-emr", "of-spark", "of-admin", "of-machines"]


def trust_of_pods():
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{CLUSTER_IDP}"},
        "Condition": {"StringEquals": {f"{CLUSTER_IDP}:sub": "system:serviceaccount:ns:sa"}}}]})


def run_containers(of):
    container = {"name": "c", "image": "i", "memory": 128, "cpu": 128}
    of("ecs").create_cluster(clusterName="main")
    of("ecs").register_task_definition(family="job", containerDefinitions=[container], taskRoleArn=role("of-tasks"),
                                       executionRoleArn=role("of-pulls"))
    of("ecs").create_service(cluster="main", serviceName="s", taskDefinition="job", desiredCount=0)
    of("batch").register_job_definition(jobDefinitionName="j", type="container", containerProperties={
        "image": "i", "vcpus": 1, "memory": 128, "jobRoleArn": role("of-jobs")})
    of("events").put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    of("events").put_targets(Rule="nightly", Targets=[{
        "Id": "1", "Arn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/main", "RoleArn": role("of-rules"),
        "EcsParameters": {"TaskDefinitionArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/job:1"}}])


def run_instances(session, of):
    of("autoscaling").create_launch_configuration(LaunchConfigurationName="l", ImageId="ami-12c6146b", InstanceType="t2.nano")
    of("autoscaling").create_auto_scaling_group(AutoScalingGroupName="g", LaunchConfigurationName="l", MinSize=0, MaxSize=1,
                                                AvailabilityZones=["us-east-1a"])
    session.cluster = of("emr").run_job_flow(Name="c", ServiceRole="of-emr", JobFlowRole="of-nodes", Instances={
        "MasterInstanceType": "m5.large", "SlaveInstanceType": "m5.large", "InstanceCount": 1})["JobFlowId"]


def work(gateway):
    session = gateway.session()

    def of(service):
        return client(service, gateway.agents_url, session.credentials())

    run_containers(of)
    run_instances(session, of)
    application = of("emr-serverless").create_application(name="a", releaseLabel="emr-6.6.0", type="SPARK")["applicationId"]
    session.run = of("emr-serverless").start_job_run(applicationId=application, clientToken="t",
                                                     executionRoleArn=role("of-spark"))["jobRunId"]
    of("cloudformation").create_stack_set(StackSetName="set", AdministrationRoleARN=role("of-admin"),
                                          ExecutionRoleName="executes", TemplateBody="{\"Resources\":{}}")
    of("iam").update_assume_role_policy(RoleName="of-pods", PolicyDocument=trust_of_pods())
    of("iam").create_open_id_connect_provider(Url=f"https://{OWN_IDP}", ThumbprintList=["0" * 40])
    machine = of("stepfunctions").create_state_machine(name="m", roleArn=role("of-machines"), definition=json.dumps(
        {"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}}))["stateMachineArn"]
    of("stepfunctions").start_execution(stateMachineArn=machine)
    assert gateway.end(session).status_code == 200
    return session


@pytest.fixture(scope="module")
def recorded(module_folder):
    return record(module_folder, MAKES, work, ROLES)


# ---- the chains: what AWS does, and what it looks like with the link `wrong` in it

def credentials(key_id):
    return {"credentials": {"accessKeyId": key_id, "expiration": "x", "sessionToken": "y"}}


def acts(key_id, name, of_role, at, account=ACCOUNT):
    return event("s3", "ListBuckets", Caller(key_id, name, of_role, source_identity=SESSIONS, account=account), at + SECOND)


def gets_role(service, of_role, at, number, wrong):
    """A service asks for the credentials of what it runs, under a name that nobody knows before."""
    key_id = f"ASIARUN{number:013d}"
    identity = user("mallory", "AKIAMALLORY000000000") if wrong == "caller" else {
        "type": "AWSService", "invokedBy": "lambda.amazonaws.com" if wrong == "service" else service}
    asked = of_role.replace(ACCOUNT, ANOTHER) if wrong == "account" else role("anybodys") if wrong == "role" else of_role
    more = {"errorCode": "AccessDenied"} if wrong == "refused" else {}
    link = event("sts", "AssumeRole", identity, at - HOUR if wrong == "time" else at, parameters={
        "roleArn": asked, "roleSessionName": f"run-{number}"}, responseElements=credentials(key_id), **more)
    return [link], acts(f"ASIAOTHER{number:011d}" if wrong == "key" else key_id, f"run-{number}", of_role, at)


def by_provider(provider, of_role, at, number, wrong):
    """A pod shows its token to STS. Events of an account's providers have ARNs in it."""
    key_id = f"ASIAWEB{number:013d}"
    subject = "system:serviceaccount:ns:other" if wrong == "subject" else "system:serviceaccount:ns:sa"
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider + 'x' if wrong == 'provider' else provider}"
    identity = {"type": "WebIdentityUser", "principalId": f"{arn}:sts.amazonaws.com:{subject}", "userName": subject,
                "identityProvider": arn}
    if wrong == "caller":
        identity = user("mallory", "AKIAMALLORY000000000") | {"userName": subject, "identityProvider": arn}
    asked = of_role.replace(ACCOUNT, ANOTHER) if wrong == "account" else of_role
    more = {"errorCode": "AccessDenied"} if wrong == "refused" else {}
    link = event("sts", "AssumeRoleWithWebIdentity", identity, at, parameters={
        "roleArn": asked, "roleSessionName": "botocore-session-1"}, responseElements=credentials(key_id), **more)
    return [link], acts(key_id, "botocore-session-1", asked, at)


def by_tag(service, tag, value, at, number, wrong):
    """A service starts an instance with a tag that only AWS gives."""
    instance = f"i-{number:017x}"
    caller = Caller(f"ASIASTARTS{number:010d}", "starts", role("AWSServiceRoleForStarting"), invoked_by={
        "caller": "", "service": "ec2.amazonaws.com"}.get(wrong, service), account=ANOTHER if wrong == "account" else ACCOUNT)
    link = event("ec2", "RunInstances", caller, at - HOUR if wrong == "time" else at,
                 region="eu-west-1" if wrong == "region" else "us-east-1", parameters={
        "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": [
            {"key": "Name" if wrong == "tag" else tag, "value": value + "x" if wrong == "value" else value}]}]}},
        responseElements={"instancesSet": {"items": [{"instanceId": instance}]}})
    act = acts(f"ASIANODE{number:012d}", instance, role("of-nodes"), at)
    act["userIdentity"] = delivered(Caller(f"ASIANODE{number:012d}", instance, role("of-nodes"), source_identity=SESSIONS))
    return [link], act


def by_stack_set(at, number, wrong):
    """CloudFormation, in the administration role, assumes one in another account, and acts in that."""
    key_id = f"ASIASET{number:013d}"
    executes = f"arn:aws:iam::{ANOTHER}:role/executes"
    admin = Caller(f"ASIAADMIN{number:011d}", "AWSCloudFormation", role("anybodys" if wrong == "role" else "of-admin"),
                   invoked_by={"caller": "", "service": "states.amazonaws.com"}.get(wrong, "cloudformation.amazonaws.com"))
    link = event("sts", "AssumeRole", admin, at, parameters={"roleArn": executes, "roleSessionName": "set"},
                 responseElements=credentials(key_id))
    return [link], acts(f"ASIAOTHER{number:011d}" if wrong == "key" else key_id, "set", executes, at, account=ANOTHER)


def by_rule(at, number, wrong):
    """EventBridge, in the role of a rule's target, runs a task."""
    task = f"{number:032x}"
    rule = Caller(f"ASIARULE{number:012d}", "rule", role("anybodys" if wrong == "role" else "of-rules"),
                  invoked_by={"caller": "", "service": "ecs.amazonaws.com"}.get(wrong, "events.amazonaws.com"))
    link = event("ecs", "RunTask", rule, at, parameters={"taskDefinition": "job:1"}, responseElements={
        "tasks": [{"taskArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:task/main/{'0' * 32 if wrong == 'task' else task}"}]})
    return [link], acts(f"ASIATASK{number:012d}", task, role("of-what-it-runs"), at)


def chains(session):
    """Name: how it looks, which links can be wrong, and as what it is told if none is."""
    emr = "elasticmapreduce.amazonaws.com"
    return {
        "ecs service": (lambda *given: gets_role("ecs-tasks.amazonaws.com", role("of-tasks"), *given),
                        ["caller", "service", "account", "role", "key", "refused", "time"], ("job:1", False, "ecs:RegisterTaskDefinition")),
        "batch job": (lambda *given: gets_role("ecs-tasks.amazonaws.com", role("of-jobs"), *given),
                      ["caller", "service", "role", "key"], ("j:1", False, "batch:RegisterJobDefinition")),
        "emr serverless": (lambda *given: gets_role("emr-serverless.amazonaws.com", role("of-spark"), *given),
                           ["caller", "service", "role", "key"], (session.run, False, "emr-serverless:StartJobRun")),
        "scheduled task": (by_rule, ["caller", "service", "role", "task"], ("*", False, "events:PutTargets")),
        "stack set": (by_stack_set, ["caller", "service", "role", "key"], ("*", False, "cloudformation:CreateStackSet")),
        "a pod let in": (lambda *given: by_provider(CLUSTER_IDP, role("of-pods"), *given),
                         ["caller", "subject", "provider", "account", "refused"], ("of-pods", False, "iam:UpdateAssumeRolePolicy")),
        "own provider": (lambda *given: by_provider(OWN_IDP, role("anybodys"), *given),
                         ["caller", "provider", "account", "refused"], (OWN_IDP, True, "iam:CreateOpenIDConnectProvider")),
        "group": (lambda *given: by_tag("autoscaling.amazonaws.com", "aws:autoscaling:groupName", "g", *given),
                  ["caller", "service", "tag", "value", "region", "account", "time"], ("*", True, "autoscaling:CreateAutoScalingGroup")),
        "emr cluster": (lambda *given: by_tag(emr, "aws:elasticmapreduce:job-flow-id", session.cluster, *given),
                        ["caller", "service", "tag", "value"], ("*", True, "elasticmapreduce:RunJobFlow")),
    }


def planted(recorded):
    """Logs; how each whole chain is told; the bypasses."""
    at, session = recorded.recorded.last, recorded.session_done
    links, calls, expected, bypasses, count = [], [], set(), [], 0
    for looks, links_of_it, (resource, certain, operation) in chains(session).values():
        for wrong in ["", *links_of_it]:
            count += 1
            made, act = looks(at, count, wrong)
            links += made
            calls.append(act)
            if wrong:
                bypasses.append(act["eventID"])
            else:
                name = act["userIdentity"]["arn"].rsplit("/", 1)[1]
                shown = name if resource == "*" else resource
                shown = act["userIdentity"]["accessKeyId"] if name == "set" else shown
                expected.add(("s3:ListBuckets", CREATED, shown, certain, number(recorded, operation), 1))
    return links, calls, expected, sorted(("bypass", each) for each in bypasses)


@pytest.mark.parametrize("order", ["links first", "calls first", "in two runs"])
def test_a_chain_is_told_and_a_forged_one_is_a_bypass(recorded, tmp_path, order):
    links, calls, expected, bypasses = planted(recorded)
    state = ("--state", tmp_path / "state")
    if order == "in two runs":
        written = Written(tmp_path / "trail")
        written.trail.log([*recorded.recorded.events(), *recorded.recorded.assumed(), *calls], minute(written.now))
        reconcile(recorded, written, tmp_path, *state)
        written.trail.log(links, minute(written.now))
        written.trail.digest(written.now - 2 * HOUR, written.now + SECOND)
    else:
        written = write(recorded, tmp_path / "trail", *([links, calls] if order == "links first" else [calls, links]))
    said = reconcile(recorded, written, tmp_path, *state)
    assert said.findings() == bypasses
    assert {each for each in told(said, written) if each[0] == "s3:ListBuckets"} == expected
    assert said.summary["open"] == [] and said.summary["matched"] == said.summary["operations"]


def test_what_sets_off_what_a_session_made_is_followed_and_other_things_are_said(recorded, tmp_path):
    written = write(recorded, tmp_path / "trail", [])
    said = reconcile(recorded, written, tmp_path)
    assert said.of("not_followed") == [], "the machine and the task definition are known"
    caller = recorded.recorded.caller(recorded.recorded.operations[0])
    starts = event("states", "StartExecution", Caller(caller.key_id, caller.session_name,
                                                      invoked_by="cloudformation.amazonaws.com"),
                   recorded.recorded.last, parameters={
                       "stateMachineArn": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:there-before"})
    said = reconcile(recorded, write(recorded, tmp_path / "another", [starts]), tmp_path)
    assert [(line["operation"], line["count"], line["why"].split(":")[0]) for line in said.of("not_followed")] == [
        ("states:StartExecution", 1, "it sets off what was there before, or what was not seen being made")]


def test_nobody_is_let_into_a_connections_role_by_a_provider(recorded, tmp_path):
    at = recorded.recorded.last
    own_role = recorded.recorded.caller(recorded.recorded.operations[0]).role
    links, act = by_provider(OWN_IDP, own_role, at, 1, "")
    said = reconcile(recorded, write(recorded, tmp_path / "trail", links, [act]), tmp_path)
    assert said.findings() == sorted(("bypass", each["eventID"]) for each in [*links, act])
