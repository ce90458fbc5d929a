"""Amazon Transcribe's streams with the SDK for JavaScript: audio up, each event signed anew, transcripts down, both on record."""

import json
import time

import pytest
from botocore.eventstream import EventStreamBuffer

from conversations import Agent, body, heard, kill, octets, printed, running, start
from harness.events import event, exception
from harness.events_http2 import EventStubHttp2
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import clean_environment, wait_until
from harness.stub_http2 import tls_context

pytestmark = pytest.mark.usefixtures("forget")

CLIENT = {"package": "@aws-sdk/client-transcribe-streaming", "client": "TranscribeStreamingClient"}
VOICE = {"LanguageCode": "en-US", "MediaEncoding": "pcm", "MediaSampleRateHertz": 16000}
WORDS = ["good", "morning", "all"]
ROLE = "arn:aws:iam::123456789012:role/analytics"
SESSION = "11111111-2222-3333-4444-555555555555"


def audio(*words):
    """What is said is its own sound here."""
    return [{"AudioEvent": {"AudioChunk": octets(word)}} for word in words]


TRANSCRIBE = CLIENT | {"command": "StartStreamTranscriptionCommand", "input": VOICE, "speech": ["AudioStream", audio(*WORDS)]}
MEDICAL = CLIENT | {
    "command": "StartMedicalStreamTranscriptionCommand",
    "input": VOICE | {"Specialty": "PRIMARYCARE", "Type": "DICTATION"}, "speech": ["AudioStream", audio("a cough")]}
CALL = CLIENT | {
    "command": "StartCallAnalyticsStreamTranscriptionCommand", "input": VOICE,
    "speech": ["AudioStream", [{"ConfigurationEvent": {
        "PostCallAnalyticsSettings": {"OutputLocation": "s3://calls/", "DataAccessRoleArn": ROLE}}}]]}
STATE = CLIENT | {"command": "GetMedicalScribeStreamCommand", "input": {"SessionId": SESSION}}
LIVENESS = {
    "package": "@aws-sdk/client-rekognitionstreaming", "client": "RekognitionStreamingClient",
    "command": "StartFaceLivenessSessionCommand",
    "input": {"SessionId": SESSION, "VideoWidth": "640", "VideoHeight": "480", "ChallengeVersions": "c_1.0"},
    "speech": ["LivenessRequestStream", [{"VideoEvent": {"VideoChunk": octets("a frame"), "TimestampMillis": 1}}]]}


def transcript(text):
    return {"Transcript": {"Results": [{"ResultId": "r", "IsPartial": False, "Alternatives": [{"Transcript": text}]}]}}


class Transcriber(EventStubHttp2):
    """Answers audio with what was said, video with a goodbye, and knows the state of a stream."""

    def is_streamed(self, method, target, headers, body):
        return method != "GET" and super().is_streamed(method, target, headers, body)

    def answer(self, method, target, headers, body, request_id):
        if method == "GET" and not self.rejects(method, target, headers, body):
            state = {"MedicalScribeStreamDetails": {"SessionId": target.rsplit("/", 1)[1], "StreamStatus": "COMPLETED"}}
            return "200 OK", json.dumps(state).encode(), {"Content-Type": "application/json"}
        return super().answer(method, target, headers, body, request_id)

    def reply(self, inner):
        buffer = EventStreamBuffer()
        buffer.add_data(inner)
        [said] = buffer
        kind = said.headers[":event-type"]
        if kind == "AudioEvent":
            return event("TranscriptEvent", transcript(said.payload.decode()))
        return event("DisconnectionEvent", {"TimestampMillis": 2}) if kind == "VideoEvent" else b""


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory, pair):
    with running(tmp_path_factory, Transcriber, {"clear": None, "secured": tls_context(*pair)}) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(upstreams, pair, tmp_path_factory):
    calls = statement(["transcribe:*", "transcribe:StartCallAnalyticsStreamTranscription",
                       "rekognition:StartFaceLivenessSession"])
    passes = statement("iam:PassRole", Condition={
        "StringEquals": {"iam:PassedToService": "transcribe.streaming.amazonaws.com"}})
    one_role = statement("iam:PassRole", ROLE)
    connections = [Connection(name, scope(calls), each.endpoint) for name, each in upstreams.items()]
    secured = upstreams["secured"].endpoint
    connections += [
        Connection("passes", scope(calls, passes), secured), Connection("one-role", scope(calls, one_role), secured),
        Connection("none", scope(statement("transcribe:StartTranscriptionJob")), secured)]
    made = Gateway(tmp_path_factory.mktemp("gateway"), connections, upstreams["clear"].admin)
    yield made.start(env={"SSL_CERT_FILE": pair[0]})
    made.stop()


@pytest.fixture
def agent_of(gateway, upstreams, tmp_path):
    def made(scheme, connection):
        agent = Agent(gateway, upstreams, scheme, connection, tmp_path)
        agent.stub = agent.stub or upstreams["secured"].stub
        return agent

    return made


def texts(lines):
    return [each["TranscriptEvent"]["Transcript"]["Results"][0]["Alternatives"][0]["Transcript"] for each in heard(lines)]


def recording(agent, *what):
    done = agent.gateway.command("recording", *what, "--data-dir", agent.gateway.data_dir)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_audio_goes_up_and_transcripts_come_down(agent, pair):
    lines = agent.call(TRANSCRIBE, waits=True)
    assert texts(lines) == WORDS and lines[-1] == {"end": True}
    assert [line for line in lines if "said" in line] == [{"said": "AudioEvent"}] * 3
    assert agent.versions() == ["2"] and not agent.stub.rejected and agent.stub.ended == ["/stream-transcription"]
    operation, result = agent.only()
    assert operation.name == "transcribe:StartStreamTranscription" and operation.outcome == "answered"
    assert operation.intent.get("request", "http") == "2"
    assert operation.intent.get("signature", "payload") == "signed-events"
    assert operation.intent.get("parameters") == VOICE | {"AudioStream": {"$body": "streamed"}}
    assert result.get("events_request") == {"messages": 3, "types": {"AudioEvent": 3}}
    assert result.get("events") == {"messages": 3, "types": {"TranscriptEvent": 3}}
    assert body(operation, "request") == b"".join(agent.stub.heard)
    assert body(operation, "response") == b"".join(map(agent.stub.reply, agent.stub.heard))
    direct = printed(start(TRANSCRIBE | {"waits": True}, agent.upstream.endpoint, pair[0],
                           clean_environment(**agent.upstream.admin.env())))
    assert direct == lines and agent.stub.heard[3:] == agent.stub.heard[:3]


def test_the_record_tells_event_by_event_what_was_understood(agent):
    agent.call(TRANSCRIBE, waits=True)
    agent.only()
    shown = [json.loads(line) for line in recording(agent, "show", agent.session.id, "--json").splitlines()]
    [operation] = [line for line in shown if line["type"] == "operation"]
    assert sum(each["events"] for each in operation["request_events"]) == 3, operation
    assert [(each["events"], each["text"]) for each in operation["response_events"]] == [(1, word) for word in WORDS]
    told = recording(agent, "show", agent.session.id)
    assert "AudioEvent" in told and "TranscriptEvent" in told and all(word in told for word in WORDS), told
    [entry] = json.loads(recording(agent, "export", agent.session.id, "--format", "har"))["log"]["entries"]
    events = entry["response"]["content"]["_events"]
    assert [each["type"] for each in events] == ["TranscriptEvent"] * 3
    assert [each["text"] for each in events] == WORDS, events


@pytest.mark.parametrize("call, name, answered", [
    (MEDICAL, "transcribe:StartMedicalStreamTranscription", {"TranscriptEvent": 1}),
    (LIVENESS, "rekognition:StartFaceLivenessSession", {"DisconnectionEvent": 1})], ids=["medical", "liveness"])
def test_the_others_that_stream_both_ways(agent_of, call, name, answered):
    """Rekognition's client speaks HTTP/1.1 by itself; to AWS events go by HTTP/2."""
    agent = agent_of("https", "secured")
    lines = agent.call(call, waits=True)
    assert len(heard(lines)) == 1 and lines[-1] == {"end": True}, lines
    assert agent.versions() == ["2"] and len(agent.stub.heard) == 1 and not agent.stub.rejected
    operation, result = agent.only()
    assert operation.name == name and result.get("events")["types"] == answered


def test_the_state_of_a_stream_is_an_operation_like_others(agent):
    lines = agent.call(STATE)
    assert lines[-1]["answer"]["MedicalScribeStreamDetails"] == {"SessionId": SESSION, "StreamStatus": "COMPLETED"}
    operation, _ = agent.only()
    assert operation.name == "transcribe:GetMedicalScribeStream" and operation.intent.get("parameters") == {"SessionId": SESSION}


@pytest.mark.parametrize("connection, goes", [("passes", True), ("one-role", False), ("secured", False)])
def test_a_role_in_an_event_needs_every_role(agent_of, upstreams, connection, goes):
    """It is not known when the operation is decided on."""
    upstreams["secured"].answers(event("UtteranceEvent", {"UtteranceId": "u", "Transcript": "hello"}))
    agent = agent_of("https", connection)
    lines = agent.call(CALL)
    [operation] = agent.operations()
    assert operation.name == "transcribe:StartCallAnalyticsStreamTranscription"
    if goes:
        assert heard(lines) == [{"UtteranceEvent": {"UtteranceId": "u", "Transcript": "hello"}}] and agent.stub.heard, lines
    else:
        assert lines[-1]["error"] == "AccessDeniedException" and "iam:PassRole" in lines[-1]["text"], lines
        assert not agent.stub.heard and not agent.stub.arrived


@pytest.mark.parametrize("call", [TRANSCRIBE, MEDICAL, CALL, STATE, LIVENESS], ids=lambda call: call["command"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_denial_is_understood(agent_of, scheme, call):
    agent = agent_of(scheme, "none")
    lines = agent.call(call)
    assert lines[-1]["error"] == "AccessDeniedException" and lines[-1]["status"] == 403, lines
    assert "Narrows" in lines[-1]["text"]
    [operation] = agent.operations()
    assert operation.verdict == "deny" and not agent.stub.arrived


def test_an_exception_is_the_outcome(agent):
    agent.upstream.answers(exception("LimitExceededException"))
    lines = agent.call(TRANSCRIBE, waits=True)
    assert texts(lines) == WORDS and lines[-1]["error"] == "LimitExceededException", lines
    operation, result = agent.only()
    assert operation.outcome == "answered" and result.get("exception") == "LimitExceededException"


def test_an_answer_that_breaks_off_is_cut(agent):
    agent.upstream.answers(None)
    lines = agent.call(TRANSCRIBE, waits=True)
    assert texts(lines) == WORDS and "error" in lines[-1], lines
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("events")["messages"] == 3


@pytest.mark.parametrize("ends", ["the agent", "the session"])
def test_who_breaks_off_leaves_no_whole_request(agent, silent, ends):
    client = agent.start(TRANSCRIBE, waits=True)
    wait_until(lambda: agent.stub.heard, 15, "the first word")
    began = time.monotonic()
    if ends == "the agent":
        kill(client)
        client.communicate()
    else:
        assert agent.gateway.end(agent.session).status_code == 200
        assert "error" in printed(client)[-1]
    assert time.monotonic() - began < 15
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("events_request")["messages"] == 1
    assert len(agent.stub.heard) == 1 and not agent.stub.ended


def test_both_verifiers_agree(gateway):
    assert gateway.verify().returncode == 0
    done = gateway.verify_apart()
    assert done.returncode == 0, done.stdout + done.stderr
