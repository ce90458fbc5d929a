"""Recordings beside CloudTrail, both ways: every plant is found, and nothing else is reported."""

import argparse
import datetime
import gzip
import hashlib
import json
import shutil
import time

import pytest

from conftest import WHOLE_SCOPE
from harness.emulator import ACCOUNT, ROLE_ARN, Emulator, client
from harness.gateway import Connection, Gateway, digest, new_key
from harness.reconciling import (
    HOUR, TRUST, Written, kinds, minute, packed_code, peak_mib, reconcile, record, rewrite,
)
from harness.trail import Caller, Recorded, SigningKey, Trail, event, event_id, user

LEAKED = "AKIALEAKED7777777777"
MADE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/made-by-the-session"


def work(gateway):
    """A session that makes, reads, lists, fails, passes a role on."""
    session = gateway.session()
    s3 = client("s3", gateway.agents_url, session.credentials())
    s3.create_bucket(Bucket="reports")
    s3.put_object(Bucket="reports", Key="a/b c.txt", Body=b"key " + LEAKED.encode())
    s3.get_object(Bucket="reports", Key="a/b c.txt")["Body"].read()
    s3.list_objects_v2(Bucket="reports", Prefix="a/")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="reports", Key="absent")
    dynamodb = client("dynamodb", gateway.agents_url, session.credentials())
    dynamodb.list_tables()
    dynamodb.create_table(TableName="orders", BillingMode="PAY_PER_REQUEST",
                          KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                          AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    iam = client("iam", gateway.agents_url, session.credentials())
    iam.create_role(RoleName="made-by-the-session", AssumeRolePolicyDocument=TRUST)
    client("lambda", gateway.agents_url, session.credentials()).create_function(
        FunctionName="f", Runtime="python3.11", Role=MADE_ROLE, Handler="a.h", Code={"ZipFile": packed_code()})
    client("sts", gateway.agents_url, session.credentials()).get_caller_identity()
    sqs = client("sqs", gateway.agents_url, session.credentials())
    sqs.create_queue(QueueName="jobs")
    assert gateway.end(session).status_code == 200
    return session


@pytest.fixture(scope="module")
def recorded(module_folder):
    return record(module_folder, WHOLE_SCOPE, lambda gateway: [work(gateway), read_only(gateway)])


def read_only(gateway):
    session = gateway.session()
    client("ec2", gateway.agents_url, session.credentials()).describe_regions()
    client("iam", gateway.agents_url, session.credentials()).list_roles()
    assert gateway.end(session).status_code == 200
    return session


def agreed(said):
    assert said.findings() == []
    assert said.summary["open"] == []
    assert said.code == 0 and said.summary["verdict"] == "agreed", said.lines


def test_the_generated_trail_is_what_the_aws_cli_takes_for_one(tmp_path):
    written = Written(tmp_path / "trail")
    written.hour([])
    written.trail.aws_agrees()
    path, document, content, signature, key = written.trail.digests[-1]
    written.trail.digests = [(path, document, content + b" ", signature, key)]
    with pytest.raises(Exception, match="INVALID"):
        written.trail.aws_agrees()


def test_what_is_in_both_agrees(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    events = recorded.recorded.events()
    written.hour(events[:5], recorded.recorded.assumed(), events[5:])
    said = reconcile(recorded, written, tmp_path)
    agreed(said)
    assert said.summary["operations"] == said.summary["matched"] == len(events) == 12
    assert said.summary["not_covered"] == said.summary["pending"] == 0
    assert said.summary["events"] == len(events) + len(recorded.recorded.assumed()) + 4


def test_every_plant_is_found_and_nothing_else(recorded, tmp_path):
    """All of the issue's plants in one trail."""
    written = Written(tmp_path / "trail")
    known, operations = recorded.recorded, recorded.recorded.operations

    def one(name):
        return [each for each in operations if each.name == name][0]

    stolen = known.caller(operations[0])
    when = known.last
    lost = one("iam:ListRoles")
    differs = {
        "region": known.event(one("sqs:CreateQueue"), region="eu-west-1"),
        "outcome": known.event(one("ec2:DescribeRegions"), error="Client.UnauthorizedOperation"),
        "parameters": known.event(one("s3:CreateBucket"), parameters={"bucketName": "salaries"}),
        "operation": known.event(one("dynamodb:ListTables")) | {"eventName": "DeleteTable"},
        "account": known.event(one("lambda:CreateFunction"), parameters=None),
    }
    differs["account"]["userIdentity"]["accountId"] = "999999999999"
    hidden = known.event(one("dynamodb:CreateTable"), parameters={
        "tableName": "HIDDEN_DUE_TO_SECURITY_REASONS", "billingMode": "PAY_PER_REQ...", "keySchema": "***"})
    omitted = known.event(one("iam:CreateRole"), parameters=None) | {
        "requestParameters": {"omitted": True, "originalSize": 123_456, "reason": "field_too_large"}}
    touched = [one(n) for n in ("sqs:CreateQueue", "ec2:DescribeRegions", "s3:CreateBucket",
                                "dynamodb:ListTables", "lambda:CreateFunction", "dynamodb:CreateTable",
                                "iam:CreateRole", "iam:ListRoles")]
    rest = [known.event(each) for each in operations if each not in touched]
    shared = rest[0] | {"sharedEventID": "one-call"}
    copy = shared | {"eventID": event_id(), "recipientAccountId": "210987654321",
                     "userIdentity": {"type": "AWSAccount", "principalId": "AROAEXAMPLE:x", "accountId": ACCOUNT}}
    bypasses = {
        "the session's key, no record": event("s3", "DeleteObject", stolen, when, data=True),
        "a key that is not on record": event("s3", "ListBuckets", Caller("ASIAUNKNOWNKEY000001", "me"), when),
        "no key id, a session's name": event("s3", "DeleteBucket", Caller("", stolen.session_name), when),
        "a session's source identity in another role": event(
            "iam", "CreateUser", Caller("ASIAOTHERROLE0000001", "x", role=f"arn:aws:iam::{ACCOUNT}:role/other",
                                        source_identity="test-agent@ada@example.com"), when),
        "the gateway's own identity": event("iam", "ListUsers", user(), when),
        "somebody who assumes the connection's role": event(
            "sts", "AssumeRole", user("mallory", "AKIAMALLORY000000000"), when,
            parameters={"roleArn": ROLE_ARN, "roleSessionName": "m"}),
        "the console": event("signin", "SwitchRole", Caller("", "mallory"), when),
        "a person in the console, with the session's credentials": event(
            "ec2", "StopInstances", Caller(stolen.key_id, stolen.session_name, invoked_by="signin.amazonaws.com"), when),
        "the session, as another account's trail tells it": event(
            "s3", "PutObject", {"type": "AWSAccount", "principalId": f"AROAEXAMPLE:{stolen.session_name}",
                                "accountId": ACCOUNT}, when, data=True),
        "the gateway's own identity, at its archive": event(
            "s3", "DeleteBucketPolicy", user(), when, parameters={"bucketName": "the-archive"}),
        "the request id of a call, and another key": event(
            "s3", "ListBuckets", Caller("ASIAUNKNOWNKEY000002", "me"), when, request_id=rest[1]["requestID"]),
    }
    elsewhere = [
        event("s3", "GetObject", Caller("ASIAFUNCTION00000001", "f", role=MADE_ROLE), when, data=True),
        event("kms", "Decrypt", Caller("ASIAFORWARDED0000001", stolen.session_name,
                                       invoked_by="lambda.amazonaws.com"), when),
        event("iam", "ListUsers", user("somebody", "AKIASOMEBODYELSE0000"), when),
        event("sts", "AssumeRole", user(), when, error="AccessDenied",
              parameters={"roleArn": ROLE_ARN, "roleSessionName": "narrows-refused"}),
        event("s3", "PutObject", user(), when, data=True, parameters={"bucketName": "the-archive", "key": "v1/x"}),
        event("sts", "AssumeRole", user(), when, parameters={
            "roleArn": ROLE_ARN, "roleSessionName": "narrows-check", "sourceIdentity": "connection-check"}),
        event("ec2", "DescribeVpcs", user("leaker", LEAKED), when - 2 * HOUR),
        event("kms", "Sign", user(), when, parameters={"keyId": "alias/log", "signingAlgorithm": "ED25519_SHA_512"}),
    ]
    leaked = [event("s3", name, user("leaker", LEAKED), when) for name in ("ListBuckets", "GetObject")]
    late = event("ec2", "DescribeVpcs", user("somebody", "AKIASOMEBODYELSE0000"), when - 5 * HOUR)
    written.hour([*rest[1:], shared, copy, hidden, omitted], known.assumed(), [*differs.values(), late],
                 list(bypasses.values()), elsewhere, [rest[1], rest[1]], leaked)
    said = reconcile(recorded, written, tmp_path, "--gateway-bucket", "the-archive", "--gateway-key", "alias/log")
    expected = [("bypass", each["eventID"]) for each in bypasses.values()]
    number = {name: f"{one(n).intent.part}/{one(n).intent.sequence}" for name, n in (
        ("region", "sqs:CreateQueue"), ("outcome", "ec2:DescribeRegions"), ("parameters", "s3:CreateBucket"),
        ("operation", "dynamodb:ListTables"), ("account", "lambda:CreateFunction"))}
    expected += [("leaked-key", min(each["eventID"] for each in leaked))]
    expected += [("differs", record) for record in number.values()]
    expected += [("missing", f"{lost.intent.part}/{lost.intent.sequence}")]
    assert said.findings() == sorted(expected)
    assert said.code == 1 and said.summary["verdict"] == "wanting"
    assert said.summary["open"] == []

    fields = {line["record"]: [each["field"] for each in line["differences"]] for line in said.of("finding")
              if line["kind"] == "differs"}
    assert fields == {number["region"]: ["region"], number["outcome"]: ["outcome"],
                      number["parameters"]: ["parameters.bucketName"], number["operation"]: ["operation"],
                      number["account"]: ["account"]}
    assert [(line["key_id"], line["count"]) for line in said.of("finding") if line["kind"] == "leaked-key"] == [(LEAKED, 2)]
    consequences = {(line["operation"], line["principal"]) for line in said.of("consequence")}
    assert consequences == {("s3:GetObject", f"{ACCOUNT}:role/made-by-the-session"),
                            ("kms:Decrypt", f"{ACCOUNT}:role/narrows-agents")}
    assert {line["what"]: line["count"] for line in said.of("note")} == {"duplicates": 2, "shared": 1, "own": 4}


def test_without_data_events_the_trail_does_not_cover_objects(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    known = recorded.recorded
    management = [each for each in known.events() if each["eventCategory"] == "Management"]
    written.hour(management, known.assumed())
    said = reconcile(recorded, written, tmp_path, data=False)
    agreed(said)
    counts = {line["operation"]: line["count"] for line in said.of("not_covered")}
    assert counts == {"s3:PutObject": 1, "s3:GetObject": 2, "s3:ListObjectsV2": 1}
    assert said.summary["not_covered"] == 4

    said = reconcile(recorded, written, tmp_path, "--covers", "data-s3", "--covers", "management", data=False)
    assert [kind for kind, _ in said.findings()] == ["missing"] * 4 and said.code == 1


def test_a_trail_that_shows_data_events_of_a_bucket_must_show_them_all(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    known = recorded.recorded
    dropped = [each for each in known.operations if each.name == "s3:GetObject"][1]
    written.hour([known.event(each) for each in known.operations if each is not dropped], known.assumed())
    said = reconcile(recorded, written, tmp_path, data=False)
    assert said.findings() == [("missing", f"{dropped.intent.part}/{dropped.intent.sequence}")]


def test_young_operations_are_pending_and_never_missing(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    written.hour([])
    said = reconcile(recorded, written, tmp_path, settle="24h")
    assert said.findings() == [] and said.code == 0
    assert said.summary["pending"] == 13 + 1, "operations and AssumeRoles"
    said = reconcile(recorded, written, tmp_path)
    assert [kind for kind, _ in said.findings()] == ["missing"] * 14


def test_other_regions_and_earlier_times_are_not_covered(recorded, tmp_path):
    elsewhere = Written(tmp_path / "elsewhere", region="eu-west-1")
    elsewhere.hour([])
    said = reconcile(recorded, elsewhere, tmp_path)
    assert said.findings() == [] and said.summary["not_covered"] == said.summary["operations"] + 2
    assert all("us-east-1" in line["why"] for line in said.of("not_covered"))

    late = Written.__new__(Written)
    late.root, late.trail = tmp_path / "late", Trail(tmp_path / "late")
    start = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=1)
    late.trail.digest(start, start + HOUR)
    said = reconcile(recorded, late, tmp_path)
    assert said.findings() == [] and {line["why"] for line in said.of("not_covered")} == {"the trail begins later"}


# ---- the chain of digests


def whole(recorded, root, **options):
    written = Written(root, **options)
    known = recorded.recorded
    events = known.events()
    written.logs = written.hour(events[:6], known.assumed(), events[6:])
    return written


def test_a_changed_log_is_found(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    rewrite(written.logs[0], lambda text: text.replace(b"192.0.2.7", b"192.0.2.8"))
    said = reconcile(recorded, written, tmp_path)
    assert kinds(said) == ["log"] and said.code == 1
    assert str(written.logs[0]).endswith(said.of("finding")[0]["file"])


def test_a_log_that_is_no_log_is_found(recorded, tmp_path):
    for number, damage in enumerate((b"", b"no gzip", gzip.compress(b"{}"), gzip.compress(b'{"Records":[{}'),
                                     gzip.compress(b'{"Records":[]}')[:-6])):
        written = whole(recorded, tmp_path / f"trail-{number}")
        written.trail.log([], minute(written.now), listed=False).write_bytes(damage)
        said = reconcile(recorded, written, tmp_path)
        assert kinds(said) == ["log"], damage


def test_a_missing_log_is_found(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    written.logs[1].unlink()
    said = reconcile(recorded, written, tmp_path)
    assert "log-missing" in kinds(said)
    assert set(kinds(said)) == {"log-missing", "missing"}, "and its events with it"


def test_a_log_that_no_digest_lists_is_found(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    path = written.trail.log([], minute(written.now - 3 * HOUR), listed=False)
    said = reconcile(recorded, written, tmp_path)
    assert kinds(said) == ["log-unlisted"] and str(path).endswith(said.of("finding")[0]["file"])
    path.unlink()
    written.trail.log([], minute(written.now), listed=False)
    agreed(reconcile(recorded, written, tmp_path))


def test_a_missing_digest_is_found(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    path = written.trail.digests[1][0]
    path.unlink()
    said = reconcile(recorded, written, tmp_path)
    assert "digest-missing" in kinds(said) and set(kinds(said)) <= {"digest-missing", "log-unlisted"}
    assert any(str(path).endswith(line["file"]) for line in said.of("finding"))


def test_a_chain_that_begins_anew_is_found(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    written.trail.previous = None
    written.hour(recorded.recorded.events(), recorded.recorded.assumed())
    assert kinds(reconcile(recorded, written, tmp_path)) == ["digest-missing"]


def test_a_chain_that_is_broken_is_found(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    where, _, signature = written.trail.previous
    written.trail.previous = (where, "00" * 32, signature)
    written.hour(recorded.recorded.events(), recorded.recorded.assumed())
    assert kinds(reconcile(recorded, written, tmp_path)) == ["digest"]


def test_a_digest_signed_by_another_key_is_found(recorded, tmp_path):
    other = SigningKey()
    written = Written(tmp_path / "trail")
    events = recorded.recorded.events()
    written.trail.log(events, minute(written.now))
    written.trail.log(recorded.recorded.assumed(), minute(written.now))
    written.trail.digest(written.now - 2 * HOUR, written.now, key=other)
    said = reconcile(recorded, written, tmp_path)
    assert kinds(said) == ["digest"] and "not among the public keys" in said.of("finding")[0]["why"]
    agreed(reconcile(recorded, written, tmp_path, keys=[other]))

    other.fingerprint = written.trail.key.fingerprint  # and says that it is CloudTrail's
    written = Written(tmp_path / "trail-2", key=written.trail.key)
    written.trail.log(events, minute(written.now))
    written.trail.log(recorded.recorded.assumed(), minute(written.now))
    written.trail.digest(written.now - 2 * HOUR, written.now, key=other)
    said = reconcile(recorded, written, tmp_path)
    assert kinds(said) == ["digest"] and "not by the key" in said.of("finding")[0]["why"]


def test_a_changed_digest_is_found(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    rewrite(written.trail.digests[2][0], lambda text: text.replace(b'"newestEventTime": "', b'"newestEventTime":  "', 1))
    assert kinds(reconcile(recorded, written, tmp_path)) == ["digest"]


def test_signatures_come_from_the_next_digest_too(recorded, tmp_path):
    """As in a copy that `aws s3 sync` made: objects' metadata is lost."""
    written = whole(recorded, tmp_path / "trail")
    for path, *_ in written.trail.digests:
        path.with_name(path.name + ".signature").unlink()
    agreed(reconcile(recorded, written, tmp_path))


def test_what_proves_nothing_is_said(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    said = reconcile(recorded, written, tmp_path, key=False)
    assert said.code == 3 and said.findings() == [] and "--public-keys" in said.summary["open"][0]
    shutil.rmtree(tmp_path / "trail/AWSLogs" / ACCOUNT / "CloudTrail-Digest")
    said = reconcile(recorded, written, tmp_path)
    assert said.code == 3 and said.findings() == [] and "no digest files" in said.summary["open"][0]
    written.root = tmp_path / "empty"
    written.root.mkdir()
    said = reconcile(recorded, written, tmp_path)
    assert said.code == 3 and "no file of a trail" in said.summary["open"][0]


# ---- what else it cannot tell


def test_without_a_key_nothing_can_be_compared(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    alone = tmp_path / "data"
    shutil.copytree(recorded.data_dir, alone)
    (alone / "reviewer.key").rename(tmp_path / "reviewer.key")
    said = reconcile(recorded, written, tmp_path, data_dir=alone)
    assert said.code == 3 and said.findings() == [] and said.summary["operations"] == 0
    assert any("no key opens" in each for each in said.summary["open"])
    agreed(reconcile(recorded, written, tmp_path, "--key", tmp_path / "reviewer.key", data_dir=alone))


def test_events_that_are_younger_than_the_recordings_are_not_called_bypasses(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    later = event("s3", "ListBuckets", Caller("ASIAUNKNOWNKEY000001", "me"), written.now + HOUR)
    written.hour(recorded.recorded.events(), recorded.recorded.assumed(), [later])
    said = reconcile(recorded, written, tmp_path)
    assert said.code == 3 and said.findings() == [] and said.of("unexplained")[0]["event"] == later["eventID"]


# ---- from run to run


def test_the_next_run_reads_what_is_new(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    known, events = recorded.recorded, recorded.recorded.events()
    state = ("--state", tmp_path / "state")
    first = written.trail.log(events[:4], minute(written.now))
    written.trail.log(known.assumed(), minute(written.now))
    said = reconcile(recorded, written, tmp_path, *state, settle="1h")
    assert said.code == 0 and said.summary["matched"] == 4 and said.summary["pending"] == len(events) - 4
    counted = said.summary["events"]

    planted = event("s3", "ListBuckets", Caller("ASIAUNKNOWNKEY000001", "me"), known.last)
    written.trail.log([*events[4:], planted], minute(written.now))
    written.trail.digest(written.now - 2 * HOUR, written.now + datetime.timedelta(minutes=1))
    said = reconcile(recorded, written, tmp_path, *state)
    assert said.findings() == [("bypass", planted["eventID"])]
    assert said.summary["matched"] == len(events) and said.summary["events"] == counted + len(events) - 3
    assert reconcile(recorded, written, tmp_path, *state).lines == said.lines, "what was found stays found"

    rewrite(first, lambda text: text.replace(b"192.0.2.7", b"192.0.2.8"))
    assert kinds(reconcile(recorded, written, tmp_path, *state)) == ["bypass", "log"]


def test_a_record_that_comes_after_its_event_explains_it(recorded, tmp_path):
    """The first run has an older copy of the recordings."""
    emulator = Emulator(tmp_path)
    gateway = Gateway(tmp_path / "gateway", [Connection("all", WHOLE_SCOPE, emulator.endpoint)], emulator.admin).start()
    read_only(gateway)
    old = tmp_path / "old"
    assert gateway.stop() == 0
    shutil.copytree(gateway.data_dir, old)
    time.sleep(2)
    gateway.start()
    read_only(gateway)
    assert gateway.stop() == 0
    emulator.stop()
    known = Recorded(gateway.records())
    written = Written(tmp_path / "trail")
    written.hour(known.events(), known.assumed())
    state = ("--state", tmp_path / "state")
    said = reconcile(gateway, written, tmp_path, *state, data_dir=old)
    assert said.code == 3 and said.findings() == [] and len(said.of("unexplained")) == 3
    agreed(reconcile(gateway, written, tmp_path, *state))


# ---- size


def many(count, when):
    """Events of other people, each about as long as a real one."""
    made = event("dynamodb", "PutItem", user("batch", "AKIABATCH00000000000"), when, data=True,
                 parameters={"tableName": "t", "key": {"id": "HIDDEN_DUE_TO_SECURITY_REASONS"}})
    text = json.dumps(made).encode()
    before, after = text.split(made["eventID"].encode())
    for number in range(count):
        yield before + b"%036d" % number + after


def large(recorded, tmp_path, count):
    written = Written(tmp_path / "trail")
    written.trail.stream(many(count, written.now), minute(written.now))
    planted = event("s3", "ListBuckets", Caller("ASIAUNKNOWNKEY000001", "me"), recorded.recorded.last)
    written.hour(recorded.recorded.events(), recorded.recorded.assumed(), [planted])
    code, lines, peak = peak_mib(recorded, written, tmp_path)
    assert code == 1 and lines[-1]["bypasses"] == 1 and lines[-1]["matched"] == lines[-1]["operations"]
    assert lines[-1]["events"] > count
    return peak


def test_memory_does_not_grow_with_the_trail(recorded, tmp_path):
    small = large(recorded, tmp_path / "small", 100)
    assert large(recorded, tmp_path / "large", 100_000) < small + 8


@pytest.mark.full
def test_two_million_events_need_no_memory(recorded, tmp_path):
    assert large(recorded, tmp_path, 2_000_000) < 64


# ---- where the trail is, and where the verdict goes


def test_a_trail_in_a_bucket(recorded, tmp_path):
    """Signatures are objects' metadata there."""
    emulator = Emulator(tmp_path)
    written = whole(recorded, tmp_path / "trail")
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="the-trail")
    signed = {path: signature for path, _, _, signature, _ in written.trail.digests}
    for path in sorted(written.root.rglob("*.json.gz")):
        metadata = {"signature": signed[path], "signature-algorithm": "SHA256withRSA"} if path in signed else {}
        s3.put_object(Bucket="the-trail", Key=f"some/prefix/{path.relative_to(written.root)}", Body=path.read_bytes(),
                      Metadata=metadata)
    environment = {"AWS_ACCESS_KEY_ID": emulator.admin.key_id, "AWS_SECRET_ACCESS_KEY": emulator.admin.secret}
    place = argparse.Namespace(root="s3://the-trail/some/prefix", trail=written.trail)
    agreed(reconcile(recorded, place, tmp_path, "--endpoint", emulator.endpoint, env=environment))

    changed = str(written.logs[0].relative_to(written.root))
    s3.put_object(Bucket="the-trail", Key=f"some/prefix/{changed}", Body=gzip.compress(b'{"Records":[]}'))
    said = reconcile(recorded, place, tmp_path, "--endpoint", emulator.endpoint, env=environment)
    assert ("log", changed) in said.findings()
    place.root = "s3://no-such-bucket"
    public = written.trail.public_keys(tmp_path / "keys.json")
    done = recorded.command("reconcile", "--cloudtrail", place.root, "--data-dir", recorded.data_dir, "--public-keys",
                            public, "--endpoint", emulator.endpoint, env=environment)
    assert done.returncode == 3 and "NoSuchBucket" in done.stderr
    emulator.stop()


def test_the_verdict_is_in_the_log_where_a_reviewer_puts_it(tmp_path):
    emulator = Emulator(tmp_path)
    gateway = Gateway(tmp_path / "gateway", [Connection("all", WHOLE_SCOPE, emulator.endpoint)], emulator.admin)
    reviewer_key = new_key("nrw_launcher_")
    gateway.more = f'[[reviewer]]\nid = "on-call"\nkey_sha256 = "{digest(reviewer_key)}"\n'
    gateway.write_config()
    gateway.start()
    session = read_only(gateway)
    known = Recorded(gateway.records())
    written = Written(tmp_path / "trail")
    written.hour(known.events(), known.assumed())
    shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir).stdout
    assert "has not been reconciled" in shown

    done = gateway.command("reconcile", "--cloudtrail", written.root, "--data-dir", gateway.data_dir, "--record")
    assert done.returncode == 3 and "[[reviewer]]" in done.stderr, "a launcher puts nothing there"
    assert "calls without a record 0" in done.stdout
    said = reconcile(gateway, written, tmp_path, "--record", env={"NARROWS_LAUNCHER_KEY": reviewer_key})
    agreed(said)
    lines = said.text.splitlines(keepends=True)
    assert said.summary["recorded"] and said.summary["report"] == hashlib.sha256("".join(lines[:-1]).encode()).hexdigest()

    shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir).stdout
    assert "by on-call, with the verdict agreed" in shown
    for body in ({}, {"trail": "x", "from": 2, "to": 1, "verdict": "agreed", "counts": {}, "report": "00" * 32},
                 {"trail": "x", "from": 1, "to": 2, "verdict": "fine", "counts": {}, "report": "00" * 32},
                 {"trail": "x", "from": 1, "to": 2, "verdict": "agreed", "counts": {"a": -1}, "report": "00" * 32}):
        assert gateway.api("POST", "/v1/reconciliations", body, key=reviewer_key).status_code == 400
    assert gateway.stop() == 0
    emulator.stop()
    for done in (gateway.verify("--trust", gateway.data_dir / "trust"), gateway.verify_apart()):
        assert done.returncode == 0 and "tells of 1 reconciliations" in done.stdout, done.stdout + done.stderr


def test_people_read_it_too(recorded, tmp_path):
    written = Written(tmp_path / "trail")
    planted = event("s3", "ListBuckets", Caller("ASIAUNKNOWNKEY000001", "me\x1b[31m"), recorded.recorded.last)
    written.hour(recorded.recorded.events(), recorded.recorded.assumed(), [planted])
    public = written.trail.public_keys(tmp_path / "keys.json")
    done = recorded.command("reconcile", "--cloudtrail", written.root, "--data-dir", recorded.data_dir, "--public-keys",
                            public, "--settle", "0s")
    assert done.returncode == 1 and "\x1b" not in done.stdout
    assert "bypass" in done.stdout and planted["eventID"] in done.stdout and "FOUND WANTING" in done.stdout
    for wrong in (["--settle", "soon"], ["--covers", "all"], ["--gateway-identity", "me"], ["--public-keys", "/dev/null"]):
        done = recorded.command("reconcile", "--cloudtrail", written.root, "--data-dir", recorded.data_dir, *wrong)
        assert done.returncode == 2, wrong
