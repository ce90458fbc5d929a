"""Services that act in a role that a session gave them: told as what they could be; EKS's pods, by their keys, for certain."""

import json

import pytest

from harness.emulator import client
from harness.gateway import scope, statement
from harness.reconciling import (
    CREATED, FUNCTION_ARN, FUNCTION_ROLE, PASSED, SECOND, assumes_for_pod, function, number, reconcile, record, role,
    scoped, told, write,
)
from harness.trail import Caller, event, user

MAKES = scope(statement("*"), statement([
    "cloudformation:CreateStack", "glue:CreateJob", "iam:PassRole", "lambda:CreateFunction", "sagemaker:CreateTrainingJob",
    "states:CreateStateMachine"]))


def work(gateway):
    session = gateway.session()

    def of(service):
        return client(service, gateway.agents_url, session.credentials())

    of("lambda").create_function(**function("f"))
    of("cloudformation").create_stack(StackName="s", RoleARN=role("of-stacks"), TemplateBody=json.dumps(
        {"Resources": {"q": {"Type": "AWS::SQS::Queue"}}}))
    of("stepfunctions").create_state_machine(name="m", roleArn=role("of-machines"), definition=json.dumps(
        {"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}}))
    of("glue").create_job(Name="j", Role="of-jobs", Command={"Name": "glueetl", "ScriptLocation": "s3://b/k"})
    of("sagemaker").create_training_job(
        TrainingJobName="t", RoleArn=role("of-training"), AlgorithmSpecification={"TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://b/o"}, StoppingCondition={"MaxRuntimeInSeconds": 60},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1})
    assert gateway.end(session).status_code == 200
    return session


@pytest.fixture(scope="module")
def recorded(module_folder):
    return record(module_folder, MAKES, work, ["of-functions", "of-stacks", "of-machines", "of-jobs", "of-training"])


def test_services_in_the_roles_that_they_were_given(recorded, tmp_path):
    at = recorded.recorded.last + SECOND
    stack = Caller("ASIASTACK00000000001", "AWSCloudFormation", role("of-stacks"), invoked_by="cloudformation.amazonaws.com")
    makes = event("lambda", "CreateFunction20150331", stack, at, parameters={"functionName": "of-stack"},
                  responseElements={"functionName": "of-stack", "role": role("of-what-it-makes")})
    planted = [
        event("sqs", "CreateQueue", stack, at),
        makes,
        event("s3", "ListBuckets", Caller("ASIAINSTACK000000001", "of-stack", role("of-what-it-makes")), at + SECOND),
        event("lambda", "Invoke", Caller("ASIAMACHINE000000001", "wozynIhxRGfTvfRlXhHK", role("of-machines"),
                                         invoked_by="states.amazonaws.com"), at, data=True),
        event("s3", "GetObject", Caller("ASIAGLUE000000000001", "GlueJobRunnerSession", role("of-jobs")), at, data=True),
        event("s3", "PutObject", Caller("ASIASAGEMAKER0000001", "SageMaker", role("of-training"),
                                        source_identity="test-agent@ada@example.com"), at, data=True),
    ]
    others = [
        event("sqs", "CreateQueue", Caller("ASIAOTHER00000000001", "AWSCloudFormation", role("anybodys"),
                                           invoked_by="cloudformation.amazonaws.com"), at),
        event("s3", "GetObject", Caller("ASIAOTHER00000000002", "GlueJobRunnerSession", role("anybodys")), at, data=True),
        event("sqs", "DeleteQueue", stack, recorded.recorded.last - 600 * SECOND),
    ]
    persons = event("kms", "Decrypt", Caller("ASIAPERSON0000000001", "me", role("of-machines")), at)
    written = write(recorded, tmp_path / "trail", planted, [*others, persons])
    said = reconcile(recorded, written, tmp_path)
    stacks, machines = number(recorded, "cloudformation:CreateStack"), number(recorded, "states:CreateStateMachine")
    assert told(said, written) == {
        ("sqs:CreateQueue", CREATED, "s", False, stacks, 1),
        ("lambda:CreateFunction20150331", CREATED, "s", False, stacks, 1),
        ("s3:ListBuckets", CREATED, "of-stack", False, stacks, 1),
        ("lambda:Invoke", CREATED, "m", False, machines, 1),
        ("s3:GetObject", CREATED, "j", False, number(recorded, "glue:CreateJob"), 1),
        ("s3:PutObject", CREATED, "t", False, number(recorded, "sagemaker:CreateTrainingJob"), 1),
        ("kms:Decrypt", PASSED, "of-machines", False, machines, 1),
    }
    assert said.findings() == [] and said.of("not_followed") == [] and said.code == 0


def test_pods_are_followed_by_the_keys_that_eks_gets_for_them(recorded, tmp_path):
    at = recorded.recorded.last + SECOND
    associates = event("eks", "CreatePodIdentityAssociation", scoped(
        Caller("ASIAFUNCTION00000001", "f", FUNCTION_ROLE), FUNCTION_ARN), at,
        parameters={"name": "c", "namespace": "ns-a", "serviceAccount": "sa1", "roleArn": role("of-pods")},
        responseElements={"association": {"clusterName": "c", "namespace": "ns-a", "serviceAccount": "sa1",
                                          "roleArn": role("of-pods"), "associationId": "a-1"}})

    def acts(name, key_id):
        return event("s3", name, Caller(key_id, "eks-c-p-0f1e", role("of-pods")), at + 2 * SECOND)

    keys = [f"ASIAPOD000000000000{which}" for which in range(4)]
    logs = [
        [acts("ListBuckets", keys[0]), acts("GetBucketAcl", keys[1]), acts("DeleteBucket", keys[2]), acts("HeadBucket", keys[3])],
        [assumes_for_pod(keys[0], at + SECOND), assumes_for_pod(keys[1], at + SECOND, account="another"),
         assumes_for_pod(keys[2], at + SECOND, by=None), assumes_for_pod(keys[3], at + SECOND, errorCode="AccessDenied")],
        [associates],
    ]
    for order in (0, 1):
        written = write(recorded, tmp_path / f"trail-{order}", *(reversed(logs) if order else logs))
        said = reconcile(recorded, written, tmp_path)
        creates = number(recorded, "lambda:CreateFunction")
        assert told(said, written) == {("eks:CreatePodIdentityAssociation", CREATED, "f", True, creates, 1),
                                       ("s3:ListBuckets", CREATED, "a-1", True, creates, 1)}, order
        assert said.findings() == []


def test_whoever_took_a_name_made_nothing_of_the_sessions(recorded, tmp_path):
    """Nor is what it makes; and what is certain of a chain does not hang on which log comes first."""
    at = recorded.recorded.last + SECOND
    session = Caller("ASIAMALLORY000000001", "f", FUNCTION_ROLE)
    taken = event("sts", "AssumeRole", user("mallory", "AKIAMALLORY000000000"), at,
                  parameters={"roleArn": FUNCTION_ROLE, "roleSessionName": "f"},
                  responseElements={"credentials": {"accessKeyId": session.key_id}})
    made = event("iam", "CreateUser", session, at + SECOND, responseElements={"user": {"userName": "mallorys"}})
    acts = event("s3", "ListBuckets", user("mallorys", "AKIAMALLORYS00000001"), at + 2 * SECOND)
    own = Caller("ASIAFUNCTION00000001", "f", FUNCTION_ROLE)
    given = event("sts", "AssumeRole", {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}, at,
                  parameters={"roleArn": FUNCTION_ROLE, "roleSessionName": "f"},
                  responseElements={"credentials": {"accessKeyId": own.key_id}})
    makes = event("iam", "CreateUser", own, at + SECOND, responseElements={"user": {"userName": "functions"}})
    used = event("s3", "GetBucketAcl", user("functions", "AKIAFUNCTIONS0000001"), at + 2 * SECOND)
    logs = [[used, acts], [makes, made], [given, taken]]
    creates = number(recorded, "lambda:CreateFunction")
    for order in (0, 1):
        written = write(recorded, tmp_path / f"trail-{order}", *(reversed(logs) if order else logs))
        said = reconcile(recorded, written, tmp_path)
        assert told(said, written) == {
            ("iam:CreateUser", CREATED, "f", True, creates, 1),
            ("s3:GetBucketAcl", CREATED, "functions", True, creates, 1),
            ("iam:CreateUser", PASSED, "of-functions", False, creates, 1),
        }, order
