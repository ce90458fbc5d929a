"""Credentials that stand in answers in the clear are found while they pass, and said; never the secret itself."""

import json

import pytest

from harness.emulator import client
from harness.gateway import Connection, Gateway, scope, statement

KEY = "AKIAIOSFODNN7EXAMPLE"  # the documentation's
SIGNATURE = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
TOKEN = "IQoJb3JpZ2luX2Vj" + "canary" * 50
BODIES = {
    "config": (f"aws_access_key_id = {KEY}\naws_secret_access_key = canary-secret\n", [("access-key-id", 20, KEY)]),
    "pem": ("x\n-----BEGIN RSA PRIVATE KEY-----\ncanary-pem\n", [("private-key", 7, None)]),
    "url": (f"https://b.s3.amazonaws.com/k?X-Amz-Credential={KEY}/2026&X-Amz-Signature={SIGNATURE}",
            [("access-key-id", 46, KEY), ("signed-url", 72, None)]),
    "token": (f"token: {TOKEN}\n", [("session-token", 7, None)]),
    "far": ("." * 300_000 + KEY, [("access-key-id", 300_000, KEY)]),
    "none": (f"x{KEY} -----BEGIN CERTIFICATE-----", []),
}


@pytest.fixture(scope="module")
def session(behind, module_folder):
    behind.client("s3").create_bucket(Bucket="found")
    for name, (body, _) in BODIES.items():
        behind.client("s3").put_object(Bucket="found", Key=name, Body=body.encode())
    behind.client("dynamodb").create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    behind.client("dynamodb").put_item(TableName="t", Item={"id": {"S": "x"}, "note": {"S": f"key {KEY}!"}})
    gateway = Gateway(module_folder / "gateway", [Connection("all", scope(statement("*")), behind.endpoint)], behind.admin)
    made = gateway.start().session()
    made.gateway = gateway
    s3 = client("s3", gateway.agents_url, made.credentials())
    for name, (body, _) in BODIES.items():
        assert s3.get_object(Bucket="found", Key=name)["Body"].read() == body.encode(), "nothing is held back"
    found = client("dynamodb", gateway.agents_url, made.credentials()).get_item(TableName="t", Key={"id": {"S": "x"}})
    assert KEY in found["Item"]["note"]["S"]
    made.metrics = gateway.api("GET", "/metrics").text
    made.live = [gateway.command("session", "show", made.id, *more)
                 for more in ([], ["--json"])]
    assert gateway.end(made).status_code == 200
    yield made
    gateway.stop()


def test_each_answers_findings_are_on_record(session):
    operations = session.gateway.records(session).operations()
    for operation, (body, expected) in zip(operations, BODIES.values()):
        result = operation.of_kind("result")[0]
        found = [(each["kind"], each["at"], each.get("key_id")) for each in result.get("findings", default=[])]
        assert found == expected, operation.target
        assert result.get("findings_total", default=0) == len(expected)
        text = json.dumps(result.body)
        assert "canary" not in text and SIGNATURE not in text
    item = operations[len(BODIES)].of_kind("result")[0]
    assert [each["key_id"] for each in item.get("findings")] == [KEY]


def test_people_and_tools_are_told(session):
    shown = session.gateway.command("recording", "show", session.id, "--data-dir", session.gateway.data_dir).stdout
    assert shown.count(f"the answer holds access-key-id {KEY} in the clear") == 4
    assert shown.count("the answer holds private-key in the clear") == 1
    done = session.gateway.command("recording", "export", session.id, "--data-dir", session.gateway.data_dir,
                                   "--format", "ocsf")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = [each for event in events for each in event.get("unmapped", {}).get("result", {}).get("findings", [])]
    assert len(told) == 7
    assert "narrows_findings_total 7" in session.metrics


def test_a_sessions_findings_are_listed_and_counted(session):
    """The gateway counts and cannot say more; who has the key reads a line each."""
    people, tools = session.live
    assert people.returncode == tools.returncode == 0, people.stderr
    assert "findings     7 in its answers since the gateway started" in people.stdout
    assert f"narrows recording show {session.id} --key" in people.stdout and KEY not in people.stdout
    assert json.loads(tools.stdout)["findings"] == 7 and KEY not in tools.stdout

    command = ("recording", "show", session.id, "--data-dir", session.gateway.data_dir)
    shown = session.gateway.command(*command).stdout
    listed = shown[shown.index("Findings: 7 in its answers"):shown.index("What this recording cannot show")].splitlines()[1:]
    expected = [(kind, at, key) for _, found in BODIES.values() for kind, at, key in found] + [("access-key-id", None, KEY)]
    assert len([line for line in listed if line.strip()]) == len(expected) == 7
    for line, (kind, at, key) in zip(listed, expected):
        assert f": {kind}{' ' + key if key else ''}, at byte" in line and (at is None or line.endswith(f" {at} of the answer"))

    found = [json.loads(line) for line in session.gateway.command(*command, "--json").stdout.splitlines()]
    found = [line for line in found if line["type"] == "findings"]
    assert len(found) == 1 and found[0]["count"] == 7 and found[0]["sealed"] == 0
    assert [(each["kind"], each.get("key_id")) for each in found[0]["findings"]] == [(kind, key) for kind, _, key in expected]
    assert {each["operation"] for each in found[0]["findings"]} == {"s3:GetObject", "dynamodb:GetItem"}


def test_without_a_key_findings_are_not_known_and_that_is_said(session, tmp_path):
    other = session.gateway.data_dir / "reviewer.key"
    hidden = other.rename(tmp_path / "reviewer.key")
    try:
        shown = session.gateway.command("recording", "show", session.id, "--data-dir", session.gateway.data_dir).stdout
    finally:
        hidden.rename(other)
    answers = len(BODIES) + 1
    assert "Findings: 0 in its answers" in shown and f"not known of {answers} answers, which no key given here opens" in shown
