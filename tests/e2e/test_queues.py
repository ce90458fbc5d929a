"""In endpoint mode a queue stands behind the endpoint that the agent used; AWS's own URLs are on record and sent to AWS."""

import hashlib
import json

import pytest

from clients import CLIENTS
from harness.emulator import ACCOUNT, client
from harness.gateway import Connection, Gateway, scope, statement

STEPS = [
    ("CreateQueue", {"QueueName": "jobs"}),
    ("GetQueueUrl", {"QueueName": "jobs"}),
    ("ListQueues", {"QueueNamePrefix": "jo"}),
    ("SendMessage", {"QueueUrl": "$GetQueueUrl.QueueUrl", "MessageBody": "about http://127.0.0.1/x"}),
    ("ReceiveMessage", {"QueueUrl": "$CreateQueue.QueueUrl"}),
    ("DeleteQueue", {"QueueUrl": "$CreateQueue.QueueUrl"}),
]


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    allowed = scope(
        statement(["sqs:CreateQueue", "sqs:GetQueueUrl", "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteQueue"],
                  f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"),
        statement("sqs:ListQueues"),
    )
    made = Gateway(tmp_path_factory.mktemp("gateway"), [Connection("c", allowed, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.mark.parametrize("name", CLIENTS)
def test_unmodified_clients_stay_inside(gateway, name):
    session = gateway.session()
    results = CLIENTS[name]("sqs", STEPS, session.env())
    assert not [step for step in results if "error" in step], results
    url = f"{gateway.agents_url}/{ACCOUNT}/jobs"
    shown = {step["step"]: step.get("result") for step in results}
    assert shown["CreateQueue"]["QueueUrl"] == shown["GetQueueUrl"]["QueueUrl"] == url
    assert shown["ListQueues"]["QueueUrls"] == [url]
    assert shown["ReceiveMessage"]["Messages"][0]["Body"] == "about http://127.0.0.1/x"
    operations = [op.name for op in gateway.records(session).operations()]
    assert operations == [f"sqs:{step}" for step, _ in STEPS]


def test_the_record_has_what_aws_said_and_what_was_delivered(gateway, behind):
    session = gateway.session()
    sqs = client("sqs", session.agents_url, session.credentials())
    delivered = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=delivered, MessageBody="m")
    created, sent = gateway.records(session).operations()
    result = created.of_kind("result")[0]
    answer = json.loads(bytes_of(created, "response"))
    assert answer["QueueUrl"] == f"{behind.endpoint}/{ACCOUNT}/jobs" != delivered
    assert result.get("sha256_response") == hashlib.sha256(bytes_of(created, "response")).hexdigest()
    assert result.get("rewritten") and result.get("bytes_delivered")
    assert result.get("sha256_delivered") != result.get("sha256_response")
    assert sent.intent.body["derived"]["access"][0]["resources"][0]["arn"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
    assert sent.intent.get("derived", "parameters", "QueueUrl") in (None, delivered)
    for_aws = sent.of_kind("result")[0]
    assert for_aws.get("sha256_sent") and for_aws.get("rewritten") is None


def bytes_of(operation, direction):
    """The body on record, from BODY records (hex or base64 as the export writes bytes)."""
    import base64

    parts = [r for r in operation.of_kind("body") if r.get("dir") == direction]
    return b"".join(base64.b64decode(r.get("bytes")) for r in sorted(parts, key=lambda r: r.get("index")))
