"""Whatever order events come in, however they are spread over files, and however often they come: the same is said."""

import datetime
import random

import pytest

from harness.reconciling import (
    CREATED, FUNCTION_ARN, FUNCTION_ROLE, HOUR, OTHER_ROLE, PASSED, SECOND, Written, assumed_by_service,
    assumes_for_pod, delivered, minute, number, reconcile, role, run_by, scoped, told,
)
from harness.trail import Caller, event, user
from test_followed_services import recorded  # noqa: F401 (a fixture)


def plants(recorded):  # noqa: F811
    """Events, what is to be said of them, and the bypasses among them."""
    at = recorded.recorded.last + SECOND
    creates, stacks = number(recorded, "lambda:CreateFunction"), number(recorded, "cloudformation:CreateStack")
    f = Caller("ASIAFUNCTION00000001", "f", FUNCTION_ROLE)
    instance = Caller("ASIAINSTANCE00000001", "i-0aaaaaaaaaaaaaaaa", OTHER_ROLE)
    chained = Caller("ASIACHAINED000000001", "x", role("anybodys"))
    mallory = Caller("ASIAMALLORY000000001", "i-0aaaaaaaaaaaaaaaa", OTHER_ROLE)
    stack = Caller("ASIASTACK00000000001", "AWSCloudFormation", role("of-stacks"), invoked_by="cloudformation.amazonaws.com")
    pod = Caller("ASIAPOD0000000000001", "eks-c-p-0f1e", role("of-pods"))
    session = recorded.recorded.caller(recorded.recorded.operations[0])
    events = [
        assumed_by_service("lambda.amazonaws.com", FUNCTION_ROLE, "f", f.key_id, at),
        run_by(f.identity(), instance.session_name, at + SECOND),
        event("sts", "AssumeRole", delivered(instance), at + 2 * SECOND,
              parameters={"roleArn": chained.role, "roleSessionName": "x"},
              responseElements={"credentials": {"accessKeyId": chained.key_id}}),
        event("s3", "DeleteBucket", chained, at + 3 * SECOND),
        event("sts", "AssumeRole", user("mallory", "AKIAMALLORY000000000"), at + 2 * SECOND,
              parameters={"roleArn": OTHER_ROLE, "roleSessionName": mallory.session_name},
              responseElements={"credentials": {"accessKeyId": mallory.key_id}}),
        event("iam", "CreateUser", mallory, at + 3 * SECOND, responseElements={"user": {"userName": "mallorys"}}),
        event("s3", "GetBucketAcl", user("mallorys", "AKIAMALLORYS00000001"), at + 4 * SECOND),
        event("iam", "CreateUser", stack, at + SECOND, responseElements={"user": {"userName": "stacks"}}),
        event("s3", "ListBuckets", user("stacks", "AKIASTACKS0000000001"), at + 2 * SECOND),
        event("eks", "CreatePodIdentityAssociation", scoped(f, FUNCTION_ARN), at + SECOND,
              parameters={"name": "c", "namespace": "ns-a", "serviceAccount": "sa1", "roleArn": role("of-pods")},
              responseElements={"association": {"associationId": "a-1", "clusterName": "c", "namespace": "ns-a",
                                                "serviceAccount": "sa1", "roleArn": role("of-pods")}}),
        assumes_for_pod(pod.key_id, at + 2 * SECOND),
        event("s3", "HeadBucket", pod, at + 3 * SECOND),
        event("kms", "Decrypt", Caller("ASIAPASSED0000000001", "me", role("of-jobs")), at),
    ]
    bypasses = [
        event("s3", "PutBucketPolicy", Caller(session.key_id, session.session_name), recorded.recorded.last),
        event("iam", "CreateAccessKey", Caller("ASIAUNKNOWN000000001", "me"), recorded.recorded.last,
              responseElements={"accessKey": {"accessKeyId": "AKIABACKDOOR00000001"}}),
    ]
    events.append(event("s3", "DeleteObject", user("whoever", "AKIABACKDOOR00000001"), at, data=True))
    said = {
        ("ec2:RunInstances", CREATED, "f", True, creates, 1),
        ("sts:AssumeRole", CREATED, instance.session_name, True, creates, 1),
        ("s3:DeleteBucket", CREATED, chained.key_id, True, creates, 1),
        ("iam:CreateUser", CREATED, "s", False, stacks, 1),
        ("s3:ListBuckets", CREATED, "stacks", False, stacks, 1),
        ("eks:CreatePodIdentityAssociation", CREATED, "f", True, creates, 1),
        ("s3:DeleteObject", "what a call without a record created", "AKIABACKDOOR00000001", True,
         bypasses[1]["eventID"], 1),
        ("s3:HeadBucket", CREATED, "a-1", True, creates, 1),
        ("kms:Decrypt", PASSED, "of-jobs", False, number(recorded, "glue:CreateJob"), 1),
    }
    return events, said, bypasses


@pytest.mark.parametrize("seed", range(6))
def test_order_says_nothing(recorded, tmp_path, seed):  # noqa: F811
    events, expected, bypasses = plants(recorded)
    chance = random.Random(seed)
    own = [*recorded.recorded.events(), *recorded.recorded.assumed(), *bypasses]
    everything = [*own, *events, *chance.sample(own, 5)]
    chance.shuffle(everything)
    written = Written(tmp_path / "trail")
    logs = [[] for _ in range(chance.randint(1, len(everything)))]
    for each in everything:
        chance.choice(logs).append(each)
    runs = 2 if seed % 2 else 1
    state = ("--state", tmp_path / "state")
    for run in range(runs):
        for which in range(run, len(logs), runs):
            written.trail.log(logs[which], minute(written.now) + datetime.timedelta(minutes=run))
        written.trail.digest(written.now - (2 - run) * HOUR, written.now + datetime.timedelta(minutes=run + 1))
        said = reconcile(recorded, written, tmp_path, *state)
    assert told(said, written) == expected
    assert said.findings() == sorted(("bypass", each["eventID"]) for each in bypasses)
    assert said.summary["matched"] == said.summary["operations"] and said.summary["open"] == []
    assert {line["what"]: line["count"] for line in said.of("note")} == {"duplicates": 5}
