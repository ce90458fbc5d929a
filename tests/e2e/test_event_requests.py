"""Events that agents stream to AWS: verified one by one, on record before they go, signed anew, while the answer flows."""

import base64
import json
import subprocess
import time

import pytest

from harness.emulator import REGION
from harness.events import EventUpstream, event, exception
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import NODE, NODE_MODULES, clean_environment, wait_until

CLIENT = __file__.rsplit("/", 1)[0] + "/event_client.cjs"
SPEAK = "/model/amazon.nova-sonic-v1:0/invoke-with-bidirectional-stream"
WORDS = [["chunk", {"bytes": base64.b64encode(word.encode()).decode()}] for word in ("one", "two", "three")]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    made = EventUpstream(tmp_path_factory.mktemp("upstream"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, tmp_path_factory):
    connections = [Connection("c", scope(statement("*")), upstream.endpoint),
                   Connection("none", scope(statement("s3:ListAllMyBuckets")), upstream.endpoint),
                   Connection("little", scope(statement("*")), upstream.endpoint, budget="bytes_mib = 1")]
    made = Gateway(tmp_path_factory.mktemp("gateway"), connections, upstream.admin)
    yield made.start()
    made.stop()


@pytest.fixture(autouse=True)
def forget(upstream):
    upstream.answers()
    for each in (upstream.stub.heard, upstream.stub.ended, upstream.stub.rejected):
        each.clear()


def start(url, credentials, steps, path=SPEAK, service="bedrock", **more):
    asked = {"url": url + path, "service": service, "region": REGION, "steps": steps, "headers": {}, **more,
             "credentials": {"accessKeyId": credentials.key_id, "secretAccessKey": credentials.secret,
                             "sessionToken": credentials.token or None}}
    client = subprocess.Popen([NODE, CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=clean_environment(NODE_PATH=NODE_MODULES))
    client.stdin.write(json.dumps(asked))
    client.stdin.close()
    client.stdin = None
    return client


def speak(*arguments, **more):
    out, err = start(*arguments, **more).communicate(timeout=30)
    assert out, err
    return [json.loads(line) for line in out.splitlines()]


def through(gateway, session, steps=WORDS, connection="c", **more):
    return speak(gateway.agents_url, session.credentials(connection), steps, **more)


def only(gateway, session):
    (operation,) = gateway.records(session).operations()
    return operation, (operation.of_kind("result") or operation.of_kind("unknown") or [None])[0]


def said(operation):
    parts = sorted((each for each in operation.of_kind("body") if each.get("dir") == "request"),
                   key=lambda each: each.get("index"))
    return [base64.b64decode(each.get("bytes")) for each in parts]


def test_a_conversation_is_the_same_as_without_the_gateway_and_on_record(gateway, upstream):
    upstream.answers(event("chunk", {"bytes": base64.b64encode(b"bye").decode()}))
    direct = speak(upstream.endpoint, upstream.admin, WORDS)
    spoken = list(upstream.stub.heard)
    session = gateway.session()
    assert through(gateway, session) == direct
    assert direct[-1] == {"end": True, "left": 0} and [line["type"] for line in direct[1:-1]] == ["heard"] * 3 + ["chunk"]
    assert upstream.stub.heard[3:] == spoken and len(upstream.stub.ended) == 2 and not upstream.stub.rejected
    operation, result = only(gateway, session)
    assert operation.name == "bedrock:InvokeModelWithBidirectionalStream" and operation.outcome == "answered"
    assert said(operation) == spoken + [b""]
    assert result.get("events_request") == {"messages": 3, "types": {"chunk": 3}}
    assert result.get("events")["types"] == {"heard": 3, "chunk": 1}
    assert result.get("bytes_request") == sum(map(len, spoken))
    assert operation.intent.get("signature", "payload") == "signed-events"
    assert operation.intent.get("parameters", "body") == {"$body": "streamed"}
    shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir).stdout
    assert "asked" in shown and "chunk x3" in shown and "onetwothree" in shown.replace(" ", "")


def test_who_waits_to_be_told_to_speak_is_told(gateway):
    lines = through(gateway, gateway.session(), headers={"expect": "100-continue"})
    assert [line.get("type") for line in lines[1:-1]] == ["heard"] * 3, lines


def test_answers_come_while_the_agent_still_speaks(gateway, upstream):
    session = gateway.session()
    lines = through(gateway, session, wait_for_answers=True)
    assert [line.get("type") for line in lines[1:-1]] == ["heard"] * 3, lines
    assert only(gateway, session)[0].outcome == "answered"


def test_other_services_speak_too(gateway, upstream):
    session = gateway.session()
    lines = through(gateway, session, [["TextEvent", {"Text": "hello"}], ["CloseStreamEvent", {}]],
                    path="/v1/synthesisStream", service="polly",
                    headers={"x-amzn-Engine": "generative", "x-amzn-OutputFormat": "mp3", "x-amzn-VoiceId": "Matthew"})
    assert lines[-1] == {"end": True, "left": 0}
    operation, result = only(gateway, session)
    assert operation.name == "polly:StartSpeechSynthesisStream"
    assert operation.intent.get("parameters", "VoiceId") == "Matthew"
    assert result.get("events_request")["types"] == {"TextEvent": 1, "CloseStreamEvent": 1}


def test_an_event_of_another_signature_goes_nowhere(gateway, upstream):
    session = gateway.session()
    lines = through(gateway, session, spoil=1, wait_for_answers=True)
    assert not any(line.get("end") and line.get("left") == 0 for line in lines), lines
    wait_until(lambda: only(gateway, session)[1], 10, "an outcome")
    operation, result = only(gateway, session)
    assert "signature of an event" in result.get("why")
    assert len(upstream.stub.heard) == 1 and not upstream.stub.ended
    assert [part for part in said(operation) if part] == upstream.stub.heard


def test_without_the_closing_event_it_is_cut(gateway, upstream):
    session = gateway.session()
    through(gateway, session, close=False)
    wait_until(lambda: only(gateway, session)[1], 10, "an outcome")
    assert "without the one that closes" in only(gateway, session)[1].get("why")
    assert not upstream.stub.ended


def test_aws_may_end_it_while_the_agent_speaks(gateway, upstream):
    session = gateway.session()
    lines = through(gateway, session, [["chunk", {"word": "one"}], ["chunk", {"word": "stop"}], *WORDS])
    assert [line["type"] for line in lines if "type" in line][:2] == ["heard", "heard"]
    operation, result = only(gateway, session)
    assert operation.outcome == "answered" and gateway.verify().returncode == 0
    assert result.get("bytes_request") == sum(map(len, said(operation)))


def test_an_exception_ends_it_and_is_the_outcome(gateway, upstream):
    upstream.answers(exception("modelTimeoutException"))
    session = gateway.session()
    lines = through(gateway, session)
    assert lines[-2]["type"] == "modelTimeoutException"
    assert only(gateway, session)[1].get("exception") == "modelTimeoutException"


def test_what_the_scope_denies_never_starts(gateway, upstream):
    session = gateway.session()
    began = time.monotonic()
    lines = through(gateway, session, connection="none")
    assert time.monotonic() - began < 20
    assert lines[0]["status"] == 403 and "Narrows" in lines[-1]["left"]
    assert only(gateway, session)[0].verdict == "deny" and not upstream.stub.heard


def test_a_stream_for_an_operation_that_takes_none_is_refused(gateway, upstream):
    session = gateway.session()
    lines = through(gateway, session, path="/model/m/converse-stream")
    assert lines[0]["status"] == 403
    assert only(gateway, session)[0].verdict == "deny" and not upstream.stub.heard


def test_events_are_charged(gateway, upstream):
    session = gateway.session()
    through(gateway, session, [["chunk", {"word": "x" * 400_000}]] * 4, connection="little")
    wait_until(lambda: only(gateway, session)[1], 10, "an outcome")
    assert "budget" in only(gateway, session)[1].get("why")
    assert len(upstream.stub.heard) < 4


def test_the_end_of_the_session_cuts_both_ways(gateway, upstream):
    upstream.answers(*[0.2, event("chunk", {})] * 50)
    session = gateway.session()
    client = start(gateway.agents_url, session.credentials("c"), WORDS)
    wait_until(lambda: len(upstream.stub.ended) > 0, 10, "the events")
    gateway.end(session)
    client.communicate(timeout=10)
    wait_until(lambda: only(gateway, session)[1], 10, "an outcome")
    assert only(gateway, session)[0].outcome == "cut"


def test_both_verifiers_agree(gateway):
    assert gateway.verify().returncode == 0
    done = gateway.verify_apart()
    assert done.returncode == 0, done.stdout + done.stderr
