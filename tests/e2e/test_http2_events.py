"""Event streams over HTTP/2 with the SDK that speaks it by itself: both ways at once, on record, signed event by event."""

import json
import threading
import time

import pytest

from conversations import SPEAK, TALK, WORDS, Agent, Speaker, body, delta, heard, kill, octets, printed, running, start
from harness.emulator import Credentials
from harness.events import event, exception
from harness.events_http2 import EventStubHttp2
from harness.gateway import Connection, Gateway, scope, statement
from harness.http2 import Peer
from harness.processes import clean_environment, wait_until
from harness.stub_http2 import tls_context

pytestmark = pytest.mark.usefixtures("forget")

KINESIS = {"package": "@aws-sdk/client-kinesis", "client": "KinesisClient"}
POLLY = {"package": "@aws-sdk/client-polly", "client": "PollyClient"}
SPEAK_TARGET = "/model/amazon.nova-sonic-v1%3A0/invoke-with-bidirectional-stream"
SUBSCRIBE = KINESIS | {
    "command": "SubscribeToShardCommand",
    "input": {"ConsumerARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1",
              "ShardId": "shardId-000000000000", "StartingPosition": {"Type": "LATEST"}},
    "meanwhile": ["PutRecordCommand", {"StreamName": "s", "PartitionKey": "k", "Data": octets("a record")}]}
SYNTHESISE = POLLY | {
    "command": "StartSpeechSynthesisStreamCommand",
    "input": {"Engine": "generative", "OutputFormat": "mp3", "VoiceId": "Matthew"},
    "speech": ["ActionStream", [{"TextEvent": {"Text": "hello"}}, {"CloseStreamEvent": {}}]]}


def shard_event(number):
    return event("SubscribeToShardEvent", {"Records": [], "ContinuationSequenceNumber": str(number), "MillisBehindLatest": 0})


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory, pair):
    """By connection: in the clear, over TLS, and over TLS without HTTP/2."""
    contexts = {"clear": None, "secured": tls_context(*pair), "older": tls_context(*pair, ["http/1.1"])}
    with running(tmp_path_factory, EventStubHttp2, contexts) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(upstreams, pair, tmp_path_factory):
    connections = [Connection(name, scope(statement("*")), each.endpoint) for name, each in upstreams.items()]
    connections.append(Connection("none", scope(statement("s3:ListAllMyBuckets")), upstreams["secured"].endpoint))
    made = Gateway(tmp_path_factory.mktemp("gateway"), connections, upstreams["clear"].admin)
    yield made.start(env={"SSL_CERT_FILE": pair[0]})
    made.stop()


@pytest.fixture
def agent_of(gateway, upstreams, tmp_path):
    return lambda scheme, connection: Agent(gateway, upstreams, scheme, connection, tmp_path)


def assert_spoken(agent, lines):
    """Each word was answered before the next was said, and arrived signed."""
    chunks = [{"heard": {"chunk": {"bytes": octets(word)}}} for word in WORDS]
    turns = [line for line in lines if "status" not in line]
    assert turns == [line for chunk in chunks for line in ({"said": "chunk"}, chunk)] + [{"end": True}], lines
    assert not agent.stub.rejected and len(agent.stub.heard) == 3 and agent.stub.ended == [SPEAK_TARGET]


def test_a_conversation_both_ways_at_once(agent):
    lines = agent.call(SPEAK, waits=True)
    assert_spoken(agent, lines)
    assert agent.versions() == ["2"]
    operation, result = agent.only()
    assert operation.name == "bedrock:InvokeModelWithBidirectionalStream" and operation.outcome == "answered"
    assert operation.intent.get("request", "http") == "2"
    assert operation.intent.get("signature", "payload") == "signed-events"
    assert result.get("events_request") == {"messages": 3, "types": {"chunk": 3}}
    assert result.get("events") == {"messages": 3, "types": {"chunk": 3}}
    assert body(operation, "request") == b"".join(agent.stub.heard)
    assert body(operation, "response") == b"".join(map(agent.stub.reply, agent.stub.heard))


def test_it_is_the_same_as_without_the_gateway(agent, pair):
    direct = printed(start(SPEAK | {"waits": True}, agent.upstream.endpoint, pair[0],
                           clean_environment(**agent.upstream.admin.env())))
    assert_spoken(agent, direct)
    said = list(agent.stub.heard)
    assert agent.call(SPEAK, waits=True) == direct
    assert agent.stub.heard == said * 2


def test_the_upstream_hears_no_other_signature(agent, pair):
    """What the other tests rely on."""
    other = Credentials(agent.upstream.admin.key_id, "another secret")
    lines = printed(start(SPEAK, agent.upstream.endpoint, pair[0], clean_environment(**other.env())))
    assert "error" in lines[-1] and not agent.stub.heard
    assert agent.stub.rejected == [(SPEAK_TARGET, "the signature does not match")]


def test_the_recording_tells_both_sides(agent):
    agent.call(SPEAK, waits=True)
    agent.only()
    shown = agent.gateway.command("recording", "show", agent.session.id, "--data-dir", agent.gateway.data_dir, "--json")
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    [operation] = [line for line in lines if line["type"] == "operation"]
    assert sum(each["events"] for each in operation["request_events"]) == 3, operation
    assert sum(each["events"] for each in operation["response_events"]) == 3
    told = agent.gateway.command("recording", "show", agent.session.id, "--data-dir", agent.gateway.data_dir).stdout
    assert "  asked" in told and "  answered" in told and "chunk" in told, told


def test_what_is_said_at_once_arrives_whole(agent):
    words = [{"chunk": {"bytes": octets(f"{number} " + "x" * 3000)}} for number in range(100)]
    lines = agent.call(SPEAK, speech=["body", words])
    assert heard(lines) == words and lines[-1] == {"end": True}
    assert len(agent.stub.heard) == 100 and not agent.stub.rejected
    assert agent.only()[1].get("events_request")["messages"] == 100


def test_polly_speaks_while_it_is_told_what(agent):
    lines = agent.call(SYNTHESISE, waits=True)
    assert [line for line in lines if "status" not in line] == [
        {"said": "TextEvent"}, {"heard": {"AudioEvent": {"AudioChunk": octets('{"Text":"hello"}')}}},
        {"said": "CloseStreamEvent"}, {"heard": {"StreamClosedEvent": {"RequestCharacters": 5}}}, {"end": True}]
    assert agent.versions() == ["2"] and not agent.stub.rejected
    operation, result = agent.only()
    assert operation.name == "polly:StartSpeechSynthesisStream"
    assert result.get("events_request")["types"] == {"TextEvent": 1, "CloseStreamEvent": 1}
    assert result.get("events")["types"] == {"AudioEvent": 1, "StreamClosedEvent": 1}


def test_a_model_answers_word_by_word(agent):
    heard_one = threading.Event()
    agent.upstream.answers(event("messageStart", {"role": "assistant"}), delta("Hel"), heard_one, delta("lo"))
    client = agent.start(TALK)
    for _ in range(3):  # status, messageStart, the first word
        line = client.stdout.readline()
    at = time.monotonic()
    heard_one.set()
    assert json.loads(line)["heard"]["contentBlockDelta"]["delta"] == {"text": "Hel"}
    out, _ = client.communicate(timeout=20)
    assert [json.loads(line) for line in out.splitlines()][-1] == {"end": True}
    assert at < agent.stub.sent[2] and agent.versions() == ["2"] and not agent.stub.rejected
    operation, result = agent.only()
    assert operation.name == "bedrock:ConverseStream" and result.get("events")["messages"] == 3


def test_a_record_is_put_while_a_shard_is_read(agent):
    agent.upstream.answers(event("initial-response", {}), shard_event(1), 1.0, shard_event(2))
    lines = agent.call(SUBSCRIBE)
    assert [each["SubscribeToShardEvent"]["ContinuationSequenceNumber"] for each in heard(lines)] == ["1", "2"], lines
    assert lines.index({"meanwhile": "7"}) == 2 and lines[-1] == {"end": True}
    assert agent.versions() == ["2", "2"] and not agent.stub.rejected
    wait_until(lambda: [each.outcome for each in agent.operations()] == ["answered"] * 2, 10, "both outcomes")
    names = {each.name: each for each in agent.operations()}
    assert set(names) == {"kinesis:SubscribeToShard", "kinesis:PutRecord"}
    put, read = names["kinesis:PutRecord"], names["kinesis:SubscribeToShard"]
    assert read.of_kind("result")[0].get("events")["types"]["SubscribeToShardEvent"] == 2
    assert put.of_kind("result")[0].get("events") is None


def test_an_exception_is_the_outcome(agent):
    agent.upstream.answers(exception("modelTimeoutException"))
    lines = agent.call(SPEAK, waits=True)
    assert len(heard(lines)) == 3 and lines[-1]["error"] == "ModelTimeoutException", lines
    operation, result = agent.only()
    assert operation.outcome == "answered" and result.get("exception") == "modelTimeoutException"


def test_an_answer_that_breaks_off_is_cut(agent):
    agent.upstream.answers(None)
    lines = agent.call(SPEAK, waits=True)
    assert len(heard(lines)) == 3 and "error" in lines[-1], lines
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("events")["messages"] == 3
    assert body(operation, "request") == b"".join(agent.stub.heard)


def test_aws_may_end_it_while_the_agent_speaks(agent):
    events = [{"TextEvent": {"Text": text}} for text in ("go on", "stop", "unheard")]
    lines = agent.call(SYNTHESISE, speech=["ActionStream", events], waits=True)
    assert len(heard(lines)) == 2 and lines[-1] == {"end": True}, lines
    assert len(agent.stub.heard) == 2 and not agent.stub.ended
    operation, result = agent.only()
    assert operation.outcome == "answered" and result.get("events")["messages"] == 2


def test_an_agent_that_goes_away_leaves_no_whole_request(agent, silent):
    client = agent.start(SPEAK, waits=True)
    wait_until(lambda: agent.stub.heard, 15, "the first word")
    kill(client)
    client.communicate()
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("events_request")["messages"] == 1
    assert len(agent.stub.heard) == 1 and not agent.stub.ended


@pytest.mark.parametrize("call", [SPEAK, TALK, SUBSCRIBE, SYNTHESISE], ids=lambda call: call["command"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_denial_is_understood(agent_of, upstreams, scheme, call):
    agent = agent_of(scheme, "none")
    lines = agent.call(call)
    assert lines[-1]["error"] == "AccessDeniedException", lines
    assert lines[-1]["status"] == (400 if call is SUBSCRIBE else 403), "as the services say it"
    assert "Narrows" in lines[-1]["text"]
    [operation] = agent.operations()
    assert operation.verdict == "deny" and operation.intent.get("request", "http") == "2"
    assert not upstreams["secured"].stub.heard


def test_the_end_of_the_session_cuts_a_conversation(agent):
    agent.upstream.answers(*[0.1, delta("word")] * 200)
    client = agent.start(TALK)
    wait_until(lambda: len(agent.stub.sent) > 3, 15, "three events heard and one more")
    began = time.monotonic()
    assert agent.gateway.end(agent.session).status_code == 200
    out, _ = client.communicate(timeout=20)
    assert time.monotonic() - began < 15
    last = json.loads(out.splitlines()[-1])
    assert "error" in last, "half an answer is not taken for a whole one"
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("events")["messages"] >= 3


def test_the_end_of_the_session_cuts_who_speaks(agent, silent):
    client = agent.start(SPEAK, waits=True)
    wait_until(lambda: agent.stub.heard, 15, "the first word")
    began = time.monotonic()
    assert agent.gateway.end(agent.session).status_code == 200
    assert "error" in printed(client)[-1]
    assert time.monotonic() - began < 15
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("events_request")["messages"] == 1
    assert len(agent.stub.heard) == 1 and not agent.stub.ended


@pytest.mark.parametrize("leaves", [False, True], ids=["the session's end", "the agent"])
def test_who_does_not_listen_is_cut_off_too(agent, leaves):
    """The gateway waits for the agent then, not for AWS, of whose answer the status is known."""
    agent.upstream.answers(*[delta("x" * 50_000)] * 20)
    peer = Peer(agent.gateway.agents_port, agent.trust if agent.scheme == "https" else None, window=1000)
    asked = json.dumps({"messages": TALK["input"]["messages"]}).encode()
    headers = agent.signed().headers("POST", "/model/m/converse-stream", asked, more=[("content-type", "application/json")])
    number = peer.ask(headers, asked)
    peer.wait(number, until=lambda stream: len(stream.body) == 1000)
    if leaves:
        peer.close()
    else:
        assert agent.gateway.end(agent.session).status_code == 200
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("status") == 200
    assert leaves or "the session was over" in result.get("why")
    assert result.get("bytes_delivered") < len(body(operation, "response"))


def test_conversations_of_one_connection_are_apart(agent):
    peer = Peer(agent.gateway.agents_port, agent.trust if agent.scheme == "https" else None)
    speakers = [Speaker(agent, peer, f"m{number}") for number in range(4)]
    assert all(speaker.say(f"{turn}") for turn in range(3) for speaker in speakers)
    spoiled, *others = speakers
    spoiled.chain.prior = "0" * 64
    assert not spoiled.say("of another signature") and spoiled.stream.reset is not None
    assert all(speaker.say("on") and speaker.close() for speaker in others)
    assert sorted(agent.stub.ended) == [speaker.target for speaker in others] and not agent.stub.rejected
    assert len(agent.stub.heard) == 4 * 3 + 3 and agent.versions() == ["2"] * 4
    wait_until(lambda: all(each.outcome for each in agent.operations()), 10, "the outcomes")
    outcomes = {each.target: (each.outcome, each.of_kind("result")[0].get("events_request")["messages"])
                for each in agent.operations()}
    assert outcomes == {spoiled.target: ("cut", 3)} | {speaker.target: ("answered", 4) for speaker in others}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_events_of_an_agent_over_http1_go_on_by_http2(agent_of, scheme):
    agent = agent_of(scheme, "secured")
    assert_spoken(agent, agent.call(SPEAK, waits=True, http1=True))
    assert agent.versions() == ["2"]
    assert agent.only()[0].intent.get("request", "http") == "1.1"


def test_an_answer_of_events_alone_goes_as_the_agent_speaks(agent_of):
    agent = agent_of("https", "secured")
    agent.upstream.answers(delta("word"))
    assert agent.call(TALK, http1=True)[-1] == {"end": True}
    assert agent.versions() == ["1.1"]


def test_a_target_without_http2_hears_the_events_still(agent_of):
    agent = agent_of("https", "older")
    assert_spoken(agent, agent.call(SPEAK, waits=True))
    assert agent.versions() == ["1.1"] and agent.only()[0].intent.get("request", "http") == "2"


def test_both_verifiers_agree(gateway):
    assert gateway.verify().returncode == 0
    done = gateway.verify_apart()
    assert done.returncode == 0, done.stdout + done.stderr
