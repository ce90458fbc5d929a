"""What sessions create and what then acts in the account: every event of it is told as what it is, and no other."""

import datetime
import json

import pytest

from harness.emulator import ACCOUNT, ROLE_ARN, client
from harness.gateway import scope, statement
from harness.reconciling import (
    CREATED, FUNCTION_ARN, FUNCTION_ROLE, OTHER_ROLE, PASSED, SECOND, Written, assumed_by_service, delivered,
    function, minute, number, peak_mib, reconcile, record, run_by, scoped, told, write,
)
from harness.trail import Caller, event, user

OTHER_ACCOUNT = "210987654321"
MAKES = scope(statement("*"), statement([
    "ec2:RunInstances", "ecs:CreateService", "ecs:RegisterTaskDefinition", "ecs:RunTask", "iam:CreateUser", "iam:PassRole",
    "lambda:CreateFunction"]))


def work(gateway):
    session = gateway.session()

    def of(service):
        return client(service, gateway.agents_url, session.credentials())

    ran = of("ec2").run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)
    session.instances = [each["InstanceId"] for each in ran["Instances"]]
    of("lambda").create_function(**function("f"))
    of("lambda").create_function(**function("gone"))
    of("lambda").delete_function(FunctionName="gone")
    of("ecs").create_cluster(clusterName="main")
    of("ecs").register_task_definition(family="job", networkMode="awsvpc", containerDefinitions=[
        {"name": "c", "image": "i", "memory": 128, "cpu": 128}])
    subnet = of("ec2").describe_subnets()["Subnets"][0]
    group = of("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
    task = of("ecs").run_task(cluster="main", taskDefinition="job", launchType="FARGATE",
                              networkConfiguration={"awsvpcConfiguration": {
                                  "subnets": [subnet["SubnetId"]], "securityGroups": [group]}})
    session.task = task["tasks"][0]["taskArn"].rsplit("/", 1)[1]
    of("iam").create_user(UserName="made-user")
    of("ecs").create_service(cluster="main", serviceName="s", taskDefinition="job", desiredCount=0)
    assert gateway.end(session).status_code == 200
    return session


@pytest.fixture(scope="module")
def recorded(module_folder):
    return record(module_folder, MAKES, work, ["of-functions"])


def test_each_thing_that_acts_is_followed_to_its_operation(recorded, tmp_path):
    session, at = recorded.session_done, recorded.recorded.last + SECOND
    task = Caller("ASIATASK000000000001", session.task, role=OTHER_ROLE)
    planted = [
        event("s3", "ListBuckets", delivered(Caller("ASIAINSTANCE00000001", session.instances[0], role=OTHER_ROLE)), at),
        event("s3", "GetBucketAcl", Caller("ASIAINSTANCE00000002", session.instances[1], role=OTHER_ROLE), at),
        event("ec2", "DescribeVpcs", scoped(Caller("ASIAFUNCTION00000001", "f", role=FUNCTION_ROLE), FUNCTION_ARN), at),
        event("ec2", "DescribeSubnets", Caller("ASIAFUNCTION00000001", "f", role=FUNCTION_ROLE), at),
        event("sqs", "ListQueues", task, at),
        event("sqs", "ListQueues", task, at + SECOND),
        event("iam", "ListUsers", user("made-user", "AKIAMADEUSER00000001"), at),
    ]
    written = write(recorded, tmp_path / "trail", planted,
                    [assumed_by_service("ecs-tasks.amazonaws.com", OTHER_ROLE, session.task, task.key_id, at)])
    said = reconcile(recorded, written, tmp_path)
    runs, creates = number(recorded, "ec2:RunInstances"), number(recorded, "lambda:CreateFunction")
    tasks, users = number(recorded, "ecs:RunTask"), number(recorded, "iam:CreateUser")
    assert told(said, written) == {
        ("s3:ListBuckets", CREATED, session.instances[0], True, runs, 1),
        ("s3:GetBucketAcl", CREATED, session.instances[1], False, runs, 1),
        ("ec2:DescribeVpcs", CREATED, "f", True, creates, 1),
        ("ec2:DescribeSubnets", CREATED, "f", False, creates, 1),
        ("sqs:ListQueues", CREATED, session.task, True, tasks, 2),
        ("iam:ListUsers", CREATED, "made-user", True, users, 1),
    }
    assert {line["session"] for line in said.of("consequence")} == {session.id}
    assert said.findings() == [] and said.code == 0 and said.summary["open"] == []
    assert [(line["operation"], line["count"]) for line in said.of("not_followed")] == [("ecs:CreateService", 1)]


def test_what_looks_alike_is_not_taken(recorded, tmp_path):
    session, at = recorded.session_done, recorded.recorded.last + SECOND
    instance = session.instances[0]
    elsewhere = Caller("ASIAELSEWHERE0000001", instance, role=f"arn:aws:iam::{OTHER_ACCOUNT}:role/of-instances",
                       account=OTHER_ACCOUNT)
    nothing = [
        event("s3", "ListBuckets", delivered(elsewhere), at),
        event("s3", "ListBuckets", delivered(Caller("ASIASOMEBODY00000001", "i-0ffffffffffffffff", role=OTHER_ROLE)), at),
        event("s3", "ListBuckets", Caller("ASIASOMEBODY00000002", "f", role=OTHER_ROLE), at),
        event("s3", "ListBuckets", delivered(Caller("ASIASOMEBODY00000003", instance, role=OTHER_ROLE)),
              recorded.recorded.last - datetime.timedelta(minutes=10)),
        event("s3", "ListBuckets", user("made-user", "AKIASOMEBODY00000001", account=OTHER_ACCOUNT), at),
    ]
    mallory = Caller("ASIAMALLORY000000001", instance, role=OTHER_ROLE)
    nothing += [
        event("sts", "AssumeRole", user("mallory", "AKIAMALLORY000000000"), at,
              parameters={"roleArn": OTHER_ROLE, "roleSessionName": instance},
              responseElements={"credentials": {"accessKeyId": mallory.key_id}}),
        event("s3", "DeleteBucket", mallory, at + SECOND),
    ]
    in_connections_role = [
        event("s3", "ListBuckets", delivered(Caller("ASIAUNKNOWN000000001", "i-0ffffffffffffffff")), at),
        event("s3", "ListBuckets", delivered(Caller("ASIAUNKNOWN000000002", instance)), at),
        assumed_by_service("ec2.amazonaws.com", ROLE_ARN, instance, "ASIAUNKNOWN000000002", at),
    ]
    shared = scoped(Caller("ASIASOMEBODY00000004", "f", role=FUNCTION_ROLE),
                    f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f")
    passed = [event("kms", "Decrypt", shared, at)]
    written = write(recorded, tmp_path / "trail", nothing, in_connections_role, passed)
    said = reconcile(recorded, written, tmp_path)
    assert said.findings() == sorted(("bypass", each["eventID"]) for each in in_connections_role)
    assert {(line["operation"], line["by"], line["certain"]) for line in said.of("consequence")} == \
        {("kms:Decrypt", PASSED, False)}
    why = {line["event"]: line["why"] for line in said.of("finding")}
    assert why[in_connections_role[1]["eventID"]].endswith(
        "it is key ASIAUNKNOWN000000002, which a call without a record asked for in event "
        + in_connections_role[2]["eventID"])


def test_a_chain_of_two_is_followed_whatever_log_comes_first(recorded, tmp_path):
    session, at = recorded.session_done, recorded.recorded.last + SECOND
    second, third = "i-0aaaaaaaaaaaaaaaa", "i-0bbbbbbbbbbbbbbbb"
    runs = run_by(scoped(Caller("ASIAFUNCTION00000001", "f", role=FUNCTION_ROLE), FUNCTION_ARN), second, at)
    again = run_by(delivered(Caller("ASIASECOND0000000001", second, role=OTHER_ROLE)), third, at + SECOND)
    acts = event("s3", "DeleteBucket", delivered(Caller("ASIATHIRD00000000001", third, role=OTHER_ROLE)), at + 2 * SECOND)
    others = run_by(user("somebody", "AKIASOMEBODYELSE0000"), "i-0cccccccccccccccc", at)
    nobodys = event("s3", "DeleteBucket", delivered(Caller("ASIAOTHER00000000001", "i-0cccccccccccccccc", role=OTHER_ROLE)),
                    at + SECOND)
    written = Written(tmp_path / "trail")
    late = minute(written.now) + datetime.timedelta(minutes=2)
    written.trail.log([acts, nobodys], minute(written.now))
    written.trail.log([again], minute(written.now) + datetime.timedelta(minutes=1))
    written.trail.log([runs, others], late)
    written.trail.log([*recorded.recorded.events(), *recorded.recorded.assumed()], late)
    written.trail.digest(written.now - datetime.timedelta(hours=2), late + datetime.timedelta(minutes=1))
    creates = number(recorded, "lambda:CreateFunction")
    expected = {("ec2:RunInstances", CREATED, "f", True, creates, 1),
                ("ec2:RunInstances", CREATED, second, True, creates, 1),
                ("s3:DeleteBucket", CREATED, third, True, creates, 1)}
    said = reconcile(recorded, written, tmp_path)
    assert told(said, written) == expected and said.findings() == []
    assert said.summary["events"] == len(recorded.recorded.operations) + len(recorded.recorded.assumed()) + 5 + 4
    why = [line["why"] for line in said.of("consequence") if line["resource"] == third][0]
    assert why == (f"it acted: instance {third}, which was created in event {again['eventID']} by instance {second}, "
                   f"which was created in event {runs['eventID']} by function f, which the session created in "
                   f"operation {creates}")


def test_a_name_that_somebody_else_took_since_is_not_the_sessions_any_more(recorded, tmp_path):
    at = recorded.recorded.last
    name = Caller("ASIAGONE000000000001", "gone", role=FUNCTION_ROLE)
    created = event("lambda", "CreateFunction20150331", user("somebody", "AKIASOMEBODYELSE0000"), at + 3 * SECOND,
                    parameters={"functionName": "gone", "role": FUNCTION_ROLE},
                    responseElements={"functionName": "gone", "role": FUNCTION_ROLE})
    failed = created | {"eventID": "0" * 36, "eventTime": (at + SECOND).strftime("%Y-%m-%dT%H:%M:%SZ"),
                        "errorCode": "ResourceConflictException"}
    before = event("s3", "ListBuckets", name, at + 2 * SECOND)
    after = event("s3", "DeleteBucket", name, at + 4 * SECOND)
    long_after = event("s3", "GetBucketAcl", Caller("ASIAFUNCTION00000001", "f", role=FUNCTION_ROLE), at + 4 * SECOND)
    written = write(recorded, tmp_path / "trail", [after, before], [failed, created, long_after])
    said = reconcile(recorded, written, tmp_path)
    creates = [number(recorded, "lambda:CreateFunction", which) for which in (0, 1)]
    found = {each[:4] for each in told(said, written)}
    assert found == {("s3:ListBuckets", CREATED, "gone", False), ("s3:DeleteBucket", PASSED, "of-functions", False),
                     ("s3:GetBucketAcl", CREATED, "f", False)}
    assert {each[4] for each in told(said, written) if each[2] == "gone"} == {creates[1]}


def test_a_service_in_the_sessions_name_makes_what_is_followed_too(recorded, tmp_path):
    session, at = recorded.session_done, recorded.recorded.last + SECOND
    operation = recorded.recorded.operations[0]
    caller = recorded.recorded.caller(operation)
    stack = run_by(Caller("ASIAFORWARDED0000001", caller.session_name, invoked_by="cloudformation.amazonaws.com"),
                   "i-0dddddddddddddddd", at)
    acts = event("s3", "ListBuckets", delivered(Caller("ASIASTACK00000000001", "i-0dddddddddddddddd", role=OTHER_ROLE)),
                 at + SECOND)
    written = write(recorded, tmp_path / "trail", [stack, acts])
    said = reconcile(recorded, written, tmp_path)
    assert said.findings() == []
    assert {(line["operation"], line.get("resource"), line["session"]) for line in said.of("consequence")} == {
        ("ec2:RunInstances", None, session.id), ("s3:ListBuckets", "i-0dddddddddddddddd", session.id)}


def test_later_runs_know_what_earlier_ones_saw_made(recorded, tmp_path):
    session, at = recorded.session_done, recorded.recorded.last + SECOND
    written = Written(tmp_path / "trail")
    state = ("--state", tmp_path / "state")
    second = "i-0aaaaaaaaaaaaaaaa"
    runs = run_by(delivered(Caller("ASIAINSTANCE00000001", session.instances[0], role=OTHER_ROLE)), second, at)
    written.trail.log([*recorded.recorded.events(), *recorded.recorded.assumed(), runs], minute(written.now))
    reconcile(recorded, written, tmp_path, *state)
    acts = event("s3", "ListBuckets", delivered(Caller("ASIASECOND0000000001", second, role=OTHER_ROLE)), at + SECOND)
    written.trail.log([acts], minute(written.now) + datetime.timedelta(minutes=5))
    written.trail.digest(written.now - datetime.timedelta(hours=2), written.now + datetime.timedelta(minutes=6))
    said = reconcile(recorded, written, tmp_path, *state)
    record = number(recorded, "ec2:RunInstances")
    expected = {("ec2:RunInstances", CREATED, session.instances[0], True, record, 1),
                ("s3:ListBuckets", CREATED, second, True, record, 1)}
    assert told(said, written) == expected and said.findings() == []
    assert reconcile(recorded, written, tmp_path, *state).lines == said.lines
    assert told(reconcile(recorded, written, tmp_path), written) == expected, "all at once it is the same"


def test_what_an_earlier_run_could_not_open_is_looked_at_again(recorded, tmp_path):
    """The first run has no reviewer's key: nobody's events concern it. The second one has."""
    session, at = recorded.session_done, recorded.recorded.last + SECOND
    acts = event("s3", "ListBuckets", delivered(Caller("ASIAINSTANCE00000001", session.instances[0], role=OTHER_ROLE)), at)
    bypass = event("s3", "ListBuckets", Caller("ASIAUNKNOWN000000001", "me"), recorded.recorded.last)
    written = write(recorded, tmp_path / "trail", [acts, bypass])
    state = ("--state", tmp_path / "state")
    key = recorded.data_dir / "reviewer.key"
    hidden = key.rename(tmp_path / "reviewer.key")
    try:
        said = reconcile(recorded, written, tmp_path, *state)
        assert said.code == 3 and said.of("consequence") == [] and said.findings() == []
    finally:
        hidden.rename(key)
    said = reconcile(recorded, written, tmp_path, *state)
    assert said.findings() == [("bypass", bypass["eventID"])]
    assert [line["resource"] for line in said.of("consequence")] == [session.instances[0]]
    assert said.summary["matched"] == said.summary["operations"] and said.of("note") == []


def acting(count, caller, when):
    """Calls of one instance, by the hundred thousand."""
    made = event("sqs", "ListQueues", delivered(caller), when)
    before, after = json.dumps(made).encode().split(made["eventID"].encode())
    for which in range(count):
        yield before + b"%036d" % which + after


def test_memory_is_bounded_however_much_is_followed(recorded, tmp_path):
    session, at = recorded.session_done, recorded.recorded.last + SECOND
    count = 100_000
    written = Written(tmp_path / "trail")
    caller = Caller("ASIAINSTANCE00000001", session.instances[0], role=OTHER_ROLE)
    written.trail.stream(acting(count, caller, at), minute(written.now))
    written.hour(recorded.recorded.events(), recorded.recorded.assumed())
    code, lines, peak = peak_mib(recorded, written, tmp_path)
    assert code == 0 and [line["count"] for line in lines if line["type"] == "consequence"] == [count]
    assert peak < 96, "the state's cache of 16 MiB, and as much for each of SQLite's sorters"
