"""Answers that are event streams: they reach the agent as they come, only whole, and the record tells them as a story."""

import base64
import csv
import io
import json
import subprocess
import threading
import time

import botocore.exceptions
import pytest
import urllib3.exceptions

from harness.emulator import client
from harness.events import EventUpstream, event, exception, message
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import AWS_PYPI

CUT = (botocore.exceptions.BotoCoreError, urllib3.exceptions.ProtocolError)
TALK = [{"role": "user", "content": [{"text": "hello"}]}]


def delta(text):
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}, "p": "abc"})


# What a client calls, where its events stand in the answer, what the upstream sends.
CALLS = {
    "bedrock-runtime:ConverseStream": (
        "converse_stream", {"modelId": "m", "messages": TALK}, "stream",
        [event("messageStart", {"role": "assistant"}), delta("Hel"), delta("lo"),
         event("messageStop", {"stopReason": "end_turn"})]),
    "bedrock-runtime:InvokeModelWithResponseStream": (
        "invoke_model_with_response_stream", {"modelId": "m", "body": b"{}"}, "body",
        [event("chunk", {"bytes": base64.b64encode(b'{"delta":{"text":"Guten Tag"}}').decode()})]),
    "kinesis:SubscribeToShard": (
        "subscribe_to_shard",
        {"ConsumerARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1", "ShardId": "shardId-000000000000",
         "StartingPosition": {"Type": "LATEST"}}, "EventStream",
        [event("initial-response", {}),
         event("SubscribeToShardEvent", {"Records": [], "ContinuationSequenceNumber": "1", "MillisBehindLatest": 0})]),
    "logs:StartLiveTail": (
        "start_live_tail", {"logGroupIdentifiers": ["arn:aws:logs:us-east-1:123456789012:log-group:g"]}, "responseStream",
        [event("initial-response", {}), event("sessionStart", {"requestId": "r", "sessionId": "s"}),
         event("sessionUpdate", {"sessionMetadata": {"sampled": False}, "sessionResults": [{"message": "line"}]})]),
    "s3:SelectObjectContent": (
        "select_object_content",
        {"Bucket": "bkt", "Key": "k.csv", "ExpressionType": "SQL", "Expression": "select * from s3object",
         "InputSerialization": {"CSV": {}}, "OutputSerialization": {"CSV": {}}}, "Payload",
        [event("Records", b"a,b\n1,2\n", "application/octet-stream"),
         event("Stats", b"<Stats><BytesScanned>8</BytesScanned></Stats>", "text/xml"), event("End")]),
    "lambda:InvokeWithResponseStream": (
        "invoke_with_response_stream", {"FunctionName": "f", "Payload": b"{}"}, "EventStream",
        [event("PayloadChunk", b"some bytes \xff", "application/octet-stream"), event("InvokeComplete", {})]),
}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    made = EventUpstream(tmp_path_factory.mktemp("upstream"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, tmp_path_factory):
    made = Gateway(tmp_path_factory.mktemp("gateway"), [Connection("c", scope(statement("*")), upstream.endpoint)],
                   upstream.admin)
    yield made.start()
    made.stop()


def call(name, endpoint, credentials):
    service, _ = name.split(":")
    method, parameters, member, _ = CALLS[name]
    made = client(service, endpoint, credentials, inject_host_prefix=False, s3={"addressing_style": "path"})
    answer = getattr(made, method)(**parameters)
    return list(answer[member])


def through(gateway, session, name="bedrock-runtime:ConverseStream"):
    return call(name, gateway.agents_url, session.credentials())


def only(gateway, session):
    (operation,) = gateway.records(session).operations()
    return operation, operation.of_kind("result")[0]


def body(operation):
    parts = sorted(operation.of_kind("body"), key=lambda each: each.get("index"))
    return b"".join(base64.b64decode(each.get("bytes")) for each in parts if each.get("dir") == "response")


def show(gateway, session, *more):
    shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir, *more)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


@pytest.mark.parametrize("name", CALLS)
def test_a_client_reads_the_same_events_and_they_are_on_record(gateway, upstream, name):
    steps = CALLS[name][3]
    upstream.answers(*steps)
    direct = call(name, upstream.endpoint, upstream.admin)
    session = gateway.session()
    assert through(gateway, session, name) == direct
    operation, result = only(gateway, session)
    assert operation.name.split(":")[1] == name.split(":")[1] and operation.outcome == "answered"
    assert body(operation) == b"".join(steps)
    assert result.get("events")["messages"] == len(steps) == sum(result.get("events")["types"].values())
    assert result.get("exception") is None and result.get("bytes_delivered") is None
    assert not upstream.stub.rejected


def test_the_first_event_arrives_before_the_last_is_made(gateway, upstream):
    has_first = threading.Event()
    upstream.answers(delta("first"), has_first, delta("last"))
    session = gateway.session()
    arrived = []
    made = client("bedrock-runtime", gateway.agents_url, session.credentials())
    for _ in made.converse_stream(modelId="m", messages=TALK)["stream"]:
        arrived.append(time.monotonic())
        has_first.set()
    assert arrived[0] < upstream.stub.sent[-1] and len(arrived) == 2


def test_the_head_does_not_wait_for_the_first_event(gateway, upstream):
    has_head, before = threading.Event(), len(upstream.stub.sent)
    upstream.answers(has_head, delta("late"))
    made = client("bedrock-runtime", gateway.agents_url, gateway.session().credentials())
    stream = made.converse_stream(modelId="m", messages=TALK)["stream"]
    assert len(upstream.stub.sent) == before
    has_head.set()
    assert len(list(stream)) == 1


def test_a_flipped_bit_ends_the_stream_and_is_on_record(gateway, upstream):
    good, bad = delta("good"), bytearray(delta("broken"))
    bad[-8] ^= 1
    upstream.answers(good, 0.2, bytes(bad), delta("never"))
    session = gateway.session()
    made = client("bedrock-runtime", gateway.agents_url, session.credentials())
    got = []
    with pytest.raises(CUT):
        for each in made.converse_stream(modelId="m", messages=TALK)["stream"]:
            got.append(each)
    assert [each["contentBlockDelta"]["delta"]["text"] for each in got] == ["good"]
    operation, result = only(gateway, session)
    assert operation.outcome == "cut" and "CRC" in result.get("why")
    assert result.get("bytes_delivered") == len(good)
    assert body(operation).startswith(good + bytes(bad))


@pytest.mark.parametrize("steps", [[delta("a"), delta("b")[:30]], [delta("a"), 0.1, delta("b")[:30], None]])
def test_an_end_within_a_message_is_no_end(gateway, upstream, steps):
    upstream.answers(*steps)
    session = gateway.session()
    with pytest.raises(CUT):
        through(gateway, session)
    operation, result = only(gateway, session)
    assert operation.outcome == "cut" and result.get("why")
    assert body(operation) == b"".join(step for step in steps if isinstance(step, bytes))


def test_an_exception_within_the_stream_is_the_outcome(gateway, upstream):
    upstream.answers(delta("so far"), exception("throttlingException", "slow down"))
    session = gateway.session()
    with pytest.raises(botocore.exceptions.EventStreamError, match="slow down"):
        through(gateway, session)
    operation, result = only(gateway, session)
    assert operation.outcome == "answered" and result.get("status") == 200
    assert result.get("exception") == "throttlingException"
    assert "ended by throttlingException" in show(gateway, session)


def test_the_record_tells_the_stream_as_a_story(gateway, upstream):
    upstream.answers(event("messageStart", {"role": "assistant"}), *[delta(f"w{i} ") for i in range(20)], 1.2, delta("end"))
    session = gateway.session()
    through(gateway, session)
    told = [line for line in show(gateway, session).splitlines() if "  answered" in line]
    assert len(told) == 3, told
    assert "messageStart" in told[0] and "contentBlockDelta x20" in told[1] and "w0 w1 w2" in told[1]
    assert "contentBlockDelta" in told[2] and told[2].endswith(": end")
    lines = [json.loads(line) for line in show(gateway, session, "--json").splitlines()]
    (operation,) = [line for line in lines if line["type"] == "operation"]
    assert [each["events"] for each in operation["response_events"]] == [1, 20, 1]
    assert operation["response_events"][2]["at_ms"] - operation["response_events"][1]["at_ms"] > 1000


@pytest.mark.parametrize("form", ["har", "ocsf", "csv"])
def test_exports_tell_it_too(gateway, upstream, form):
    upstream.answers(delta("so far"), exception("throttlingException"))
    session = gateway.session()
    with pytest.raises(botocore.exceptions.EventStreamError):
        through(gateway, session)
    done = gateway.command("recording", "export", session.id, "--data-dir", gateway.data_dir, "--format", form)
    assert done.returncode == 0, done.stderr
    if form == "har":
        (entry,) = json.loads(done.stdout)["log"]["entries"]
        assert [each["type"] for each in entry["response"]["content"]["_events"]] == [
            "contentBlockDelta", "throttlingException"]
    elif form == "ocsf":
        (line,) = [json.loads(each) for each in done.stdout.splitlines()]
        assert line["status"] == "Failure" and line["status_code"] == "throttlingException"
    else:
        (row,) = csv.DictReader(io.StringIO(done.stdout))
        assert row["exception"] == "throttlingException" and row["events"] == "2"


def test_a_long_stream_needs_no_more_memory(gateway, upstream):
    large = event("chunk", {"bytes": base64.b64encode(b"x" * 600_000).decode()})
    session = gateway.session()
    pid = gateway.pid_of("boundary")

    def resident():
        with open(f"/proc/{pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    upstream.answers(*[large] * 10)
    through(gateway, session, "bedrock-runtime:InvokeModelWithResponseStream")
    before, most, done = resident(), [], threading.Event()

    def watch():
        while not done.wait(0.05):
            most.append(resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    upstream.answers(*[large] * 130)
    made = client("bedrock-runtime", gateway.agents_url, session.credentials(), read_timeout=120)
    size = 0
    for each in made.invoke_model_with_response_stream(modelId="m", body=b"{}")["body"]:
        size += len(each["chunk"]["bytes"])
    done.set()
    watcher.join()
    assert size == 130 * 600_000
    assert max(most) - before < 32 * 1024, (before, max(most))


def test_the_command_line_tails_logs(gateway, upstream):
    upstream.answers(
        event("initial-response", {}), event("sessionStart", {"requestId": "r", "sessionId": "s"}),
        event("sessionUpdate", {"sessionMetadata": {"sampled": False}, "sessionResults": [
            {"message": "a line of a log", "timestamp": 1, "ingestionTime": 1, "logStreamName": "x",
             "logGroupIdentifier": "g"}]}))
    session = gateway.session()
    done = subprocess.run(
        [AWS_PYPI, "logs", "start-live-tail", "--log-group-identifiers",
         "arn:aws:logs:us-east-1:123456789012:log-group:g"],
        env=session.env() | {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}, capture_output=True, text=True, timeout=60)
    assert "a line of a log" in done.stdout, (done.stdout, done.stderr)
    assert only(gateway, session)[1].get("events")["types"]["sessionUpdate"] == 1


def test_messages_without_a_type_and_a_stream_that_says_nothing(gateway, upstream):
    session = gateway.session()
    upstream.answers()
    assert through(gateway, session) == []
    upstream.answers(message({}))
    through(gateway, session)
    first, second = gateway.records(session).operations()
    assert first.of_kind("result")[0].get("events")["messages"] == 0
    assert second.of_kind("result")[0].get("events")["types"] == {"": 1}


def test_both_verifiers_agree(gateway, upstream):
    assert gateway.verify().returncode == 0
    done = gateway.verify_apart()
    assert done.returncode == 0, done.stdout + done.stderr
