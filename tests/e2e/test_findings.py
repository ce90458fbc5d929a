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
