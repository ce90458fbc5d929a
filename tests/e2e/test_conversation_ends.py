"""Event streams over HTTP/2 that the gateway ends, or the budget, or the session: what was heard by then is on record, the end
is told as what it was, CLOSE comes after it. And conversations inside a tunnel."""

import base64
import json
import signal
import socket
import ssl
import time

import pytest

from conversations import TALK, Agent, Speaker, body, delta, heard, printed, running
from harness.emulator import REGION
from harness.events_http2 import EventStubHttp2
from harness.gateway import Connection, Gateway, scope, statement
from harness.http2 import Peer
from harness.processes import wait_until
from harness.stub_http2 import tls_context

pytestmark = pytest.mark.usefixtures("forget")

HOST = f"bedrock-runtime.{REGION}.amazonaws.com"


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory, pair):
    """By connection; `tight` has a budget."""
    with running(tmp_path_factory, EventStubHttp2, dict.fromkeys(("wide", "tight"), tls_context(*pair))) as made:
        yield made


@pytest.fixture(scope="module")
def started(upstreams, pair, tmp_path_factory):
    """Gateways, as many as are asked for."""
    made = []

    def start():
        allowed = scope(statement(["bedrock:InvokeModel*"]))
        budgets = {"wide": "", "tight": "bytes_mib = 1"}
        connections = [Connection(name, allowed, each.endpoint, budget=budgets[name]) for name, each in upstreams.items()]
        made.append(Gateway(tmp_path_factory.mktemp("gateway"), connections, upstreams["wide"].admin))
        return made[-1].start(env={"SSL_CERT_FILE": pair[0]})

    yield start
    for each in made:
        each.stop()


@pytest.fixture(scope="module")
def gateway(started):
    return started()


@pytest.fixture
def agent_of(upstreams, tmp_path):
    def made(gateway, scheme="https", connection="wide", **session):
        folder = tmp_path / f"{time.monotonic_ns()}"
        folder.mkdir()
        return Agent(gateway, upstreams, scheme, connection, folder, **session)

    return made


@pytest.fixture(params=["http", "https"])
def scheme(request):
    return request.param


def peer_of(agent):
    return Peer(agent.gateway.agents_port, agent.trust if agent.scheme == "https" else None)


def tunnelled(agent):
    """A connection to AWS's host through the proxy. The agent's requests are made for that host from then on."""
    plain = socket.create_connection(("127.0.0.1", agent.gateway.agents_port), timeout=20)
    answer = agent.session.answer
    user = base64.b64encode(f"{answer['proxy_user']}:{answer['proxy_token']}".encode()).decode()
    plain.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\nProxy-Authorization: Basic {user}\r\n\r\n".encode())
    assert b" 200 " in plain.recv(65536)
    context = ssl.create_default_context(cafile=agent.trust)
    context.set_alpn_protocols(["h2"])
    agent.endpoint, agent.scheme = f"https://{HOST}", "https"
    return Peer(agent.gateway.agents_port, connected=context.wrap_socket(plain, server_hostname=HOST))


def assert_closed_after(agent, reason):
    """CLOSE with this reason is the last record of the session's first part, after the only RESULT or UNKNOWN."""
    every = agent.gateway.records(agent.session).records
    part = [record for record in every if record.part == min(each.part for each in every)]
    assert part[-1].kind == "close" and part[-1].get("reason") == reason, part[-1]
    [outcome] = [record for record in part if record.kind in ("result", "unknown")]
    assert outcome.sequence < part[-1].sequence


def assert_verifies(gateway):
    assert gateway.verify().returncode == 0
    done = gateway.verify_apart()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_conversation_in_a_tunnel(gateway, agent_of):
    agent = agent_of(gateway)
    peer = tunnelled(agent)
    speakers = [Speaker(agent, peer, f"m{number}") for number in range(2)]
    assert all(speaker.say(f"{turn}") for turn in range(3) for speaker in speakers)
    assert all(speaker.close() for speaker in speakers)
    assert not agent.stub.rejected and len(agent.stub.heard) == 6 and agent.versions() == ["2", "2"]
    wait_until(lambda: [each.outcome for each in agent.operations()] == ["answered"] * 2, 10, "both outcomes")
    for operation in agent.operations():
        asked = operation.intent.get("request")
        assert operation.intent.get("mode") == "proxy" and asked["http"] == "2" and ["host", HOST] in asked["headers"]
        assert operation.intent.get("signature", "payload") == "signed-events"
        [result] = operation.of_kind("result")
        assert result.get("events_request") == {"messages": 3, "types": {"chunk": 3}} == result.get("events")
        assert body(operation, "request") == body(operation, "response") != b""


def test_an_event_of_another_signature_in_a_tunnel_ends_its_stream_alone(gateway, agent_of):
    agent = agent_of(gateway)
    peer = tunnelled(agent)
    spoiled, other = Speaker(agent, peer, "spoiled"), Speaker(agent, peer, "other")
    assert spoiled.say("one") and other.say("one")
    spoiled.chain.prior = "0" * 64
    assert not spoiled.say("of another signature") and spoiled.stream.reset is not None
    assert other.say("two") and other.close()
    wait_until(lambda: all(each.outcome for each in agent.operations()), 10, "the outcomes")
    assert {each.target: each.outcome for each in agent.operations()} == {spoiled.target: "cut", other.target: "answered"}


def test_the_end_of_the_session_ends_the_tunnels_conversation(gateway, agent_of):
    agent = agent_of(gateway)
    speaker = Speaker(agent, tunnelled(agent), "m")
    assert speaker.say("one")
    assert gateway.end(agent.session).status_code == 200
    operation, result = agent.only()
    assert operation.outcome == "cut" and "the session was over (ended)" in result.get("why")
    assert_closed_after(agent, "ended")
    assert not agent.stub.ended


@pytest.mark.parametrize("reason", ["ended", "killed", "expired"])
def test_the_session_is_over_in_the_middle(gateway, agent_of, scheme, reason):
    agent = agent_of(gateway, scheme, **({"lifetime_s": 3} if reason == "expired" else {}))
    speaker = Speaker(agent, peer_of(agent), "m")
    assert speaker.say("one") and speaker.say("two")
    if reason != "expired":
        assert (gateway.end if reason == "ended" else gateway.kill_session)(agent.session).status_code == 200
    speaker.peer.wait(speaker.number)
    assert not speaker.stream.ended, "half a conversation is not taken for a whole one"
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("status") == 200
    assert f"the session was over ({reason})" in result.get("why")
    assert result.get("events_request")["messages"] == 2 == result.get("events")["messages"]
    assert body(operation, "response") == speaker.stream.body
    wait_until(lambda: gateway.records(agent.session).of_kind("close"), 10, "CLOSE")
    assert_closed_after(agent, reason)
    assert not agent.stub.ended


def test_an_answer_that_uses_up_the_budget_is_cut(gateway, agent_of, upstreams, scheme):
    upstreams["tight"].answers(*[delta("x" * 50_000)] * 40)
    agent = agent_of(gateway, scheme, "tight")
    lines = agent.call(TALK)
    assert 10 < len(heard(lines)) < 21 and "error" in lines[-1], "a MiB, and no end that looks whole"
    operation, result = agent.only()
    assert operation.outcome == "cut" and result.get("status") == 200
    assert "budget of bytes is used up" in result.get("why")
    assert result.get("events")["messages"] < 40
    assert_over_by_budget(agent)


def test_who_speaks_until_the_budget_is_used_up_is_cut(gateway, agent_of, scheme):
    agent = agent_of(gateway, scheme, "tight")
    speaker = Speaker(agent, peer_of(agent), "m")
    turns = next(turn for turn in range(40) if not speaker.say("x" * 50_000))
    assert turns < 21 and not speaker.stream.ended
    operation, result = agent.only()
    assert operation.outcome == "cut" and "budget of bytes is used up" in result.get("why")
    assert result.get("events_request")["messages"] >= turns
    assert not agent.stub.ended
    assert_over_by_budget(agent)


def assert_over_by_budget(agent):
    """Who asks again is denied, and the session ends; others go on."""
    lines = agent.call(TALK)
    assert lines[-1]["error"] == "AccessDeniedException", lines
    wait_until(lambda: agent.gateway.records(agent.session).of_kind("close"), 10, "CLOSE")
    [close] = agent.gateway.records(agent.session).of_kind("close")
    assert close.get("reason") == "budget"
    assert agent.gateway.records(agent.session).records[-1].kind == "close"


def test_the_gateway_dies_in_the_middle(started, agent_of, pair):
    """What was on record by then stays; the restart says that nobody knows the rest."""
    gateway = started()
    agent = agent_of(gateway)
    speaker = Speaker(agent, peer_of(agent), "m")
    assert speaker.say("one") and speaker.say("two")
    gateway.kill()
    gateway.start(env={"SSL_CERT_FILE": pair[0]})
    [operation] = agent.operations()
    assert operation.outcome == "unknown"
    assert_closed_after(agent, "interrupted")
    assert Speaker(agent, peer_of(agent), "m").say("and on")
    gateway.stop()
    assert_verifies(gateway)


class Drained:
    """A gateway told to stop while four conversations go on, each with a connection and a session of its own."""

    def __init__(self, gateway, agent_of, upstream):
        self.agents = {name: agent_of(gateway) for name in ("answered", "closing", "silent", "endless")}
        upstream.answers(delta("one"), 2.0, delta("two"))
        answered = self.agents["answered"].start(TALK)
        wait_until(lambda: upstream.stub.sent, 15, "the first word")
        upstream.answers(*[delta("word"), 0.5] * 200)
        endless = self.agents["endless"].start(TALK)
        wait_until(lambda: len(upstream.stub.sent) > 1, 15, "the endless one's first")
        closing, silent = (Speaker(self.agents[name], peer_of(self.agents[name]), name) for name in ("closing", "silent"))
        assert closing.say("before") and silent.say("before")
        upstream.answers()
        began = time.monotonic()
        gateway.process.signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in gateway.process.output(), 10, "the drain")
        self.heard_while_draining = closing.say("after") and closing.close()
        self.answered = printed(answered)
        self.status = gateway.process.child.wait(60)
        self.seconds = time.monotonic() - began
        self.endless = [json.loads(line) for line in endless.communicate(timeout=20)[0].splitlines()]
        silent.peer.wait(silent.number)
        self.silent = silent.stream


def test_a_drain(started, agent_of, upstreams):
    """What ends within the 30 s ends as it would have; the rest is cut, and all of it is on record before CLOSE."""
    gateway = started()
    drained = Drained(gateway, agent_of, upstreams["wide"])
    assert drained.status == 0 and 30 <= drained.seconds < 55
    assert drained.heard_while_draining and drained.answered[-1] == {"end": True}
    assert "error" in drained.endless[-1] and not drained.silent.ended
    for name, outcome in {"answered": "answered", "closing": "answered", "silent": "cut", "endless": "cut"}.items():
        operation, result = drained.agents[name].only()
        assert (name, operation.outcome) == (name, outcome)
        assert ("the session was over (drained)" in (result.get("why") or "")) == (outcome == "cut")
        assert_closed_after(drained.agents[name], "drained")
    assert drained.agents["closing"].only()[1].get("events_request")["messages"] == 2
    assert drained.agents["silent"].only()[1].get("events")["messages"] == 1
    assert drained.agents["endless"].only()[1].get("events")["messages"] > 20
    assert_verifies(gateway)


def test_both_verifiers_agree(gateway):
    assert_verifies(gateway)
