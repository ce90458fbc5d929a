"""Conversations in events with the SDK for JavaScript, which speaks HTTP/2 by itself: the client as a process, the agent
that it is, what it printed, and calls that more than one test makes."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess

from harness.emulator import REGION
from harness.events import EVENTS, EventChain, EventUpstream, event
from harness.http2 import Signed
from harness.processes import NODE, NODE_MODULES, wait_until

CLIENT = pathlib.Path(__file__).parent / "sdk_client.cjs"
BEDROCK = {"package": "@aws-sdk/client-bedrock-runtime", "client": "BedrockRuntimeClient"}
WORDS = ["one", "two", "three"]


def octets(text):
    return {"$bytes": base64.b64encode(text.encode()).decode()}


SPEAK = BEDROCK | {
    "command": "InvokeModelWithBidirectionalStreamCommand", "input": {"modelId": "amazon.nova-sonic-v1:0"},
    "speech": ["body", [{"chunk": {"bytes": octets(word)}} for word in WORDS]]}
TALK = BEDROCK | {
    "command": "ConverseStreamCommand",
    "input": {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hello"}]}]}}


def delta(text):
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


@contextlib.contextmanager
def running(folders, stub, contexts):
    """Upstreams of this kind by name of connection; `contexts`: their TLS, None in the clear. A context may serve several."""
    made = {name: EventUpstream(folders.mktemp(name), stub, tls) for name, tls in contexts.items()}
    yield made
    for each in made.values():
        each.stop()


def start(call, endpoint, trust, env):
    """The client as a process that has been told everything."""
    env = env | {"NODE_PATH": str(NODE_MODULES), "NODE_EXTRA_CA_CERTS": str(trust), "AWS_ENDPOINT_URL": endpoint,
                 "AWS_REGION": REGION}
    client = subprocess.Popen([NODE, CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=env, start_new_session=True)
    client.stdin.write(json.dumps(call))
    client.stdin.close()
    client.stdin = None
    return client


def kill(client):
    """With the processes below it: what is called node here starts another one."""
    os.killpg(client.pid, signal.SIGKILL)


def printed(client):
    try:
        out, err = client.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        kill(client)
        out, err = client.communicate()
    assert out, err
    return [json.loads(line) for line in out.splitlines()]


class Agent:
    """A session whose agent speaks http or https, and the upstream that it reaches."""

    def __init__(self, gateway, upstreams, scheme, connection, folder, **session):
        self.gateway, self.scheme, self.connection = gateway, scheme, connection
        self.endpoint = f"{scheme}://localhost:{gateway.agents_port}"
        self.upstream = upstreams.get(connection)
        self.stub = self.upstream and self.upstream.stub
        self.session = gateway.session(**session)
        self.trust = folder / "ca.pem"
        self.trust.write_text(self.session.answer["ca_pem"])

    def start(self, call, **more):
        return start(call | more, self.endpoint, self.trust, self.session.env(self.connection))

    def call(self, call, **more):
        """What the client printed."""
        return printed(self.start(call, **more))

    def signed(self):
        """Requests to Bedrock that Python makes."""
        authority = self.endpoint.partition("://")[2]
        return Signed(self.session, authority, self.scheme, REGION, self.connection, "bedrock")

    def operations(self):
        return self.gateway.records(self.session).operations()

    def only(self):
        """The operation, once it has an outcome, and its RESULT."""
        def over():
            every = self.operations()
            return every if every and all(each.outcome for each in every) else None

        [operation] = wait_until(over, 10, "an outcome")
        return operation, operation.of_kind("result")[0]

    def versions(self):
        """Of HTTP, in which the operations arrived."""
        return [http for target, http, operation in self.stub.arrived if target != "/" or operation]


def heard(lines):
    return [line["heard"] for line in lines if "heard" in line]


def body(operation, direction):
    parts = sorted((each for each in operation.of_kind("body") if each.get("dir") == direction),
                   key=lambda each: each.get("index"))
    return b"".join(base64.b64decode(each.get("bytes")) for each in parts)


class Speaker:
    """One conversation of several on a connection."""

    def __init__(self, agent, peer, model):
        self.target = f"/model/{model}/invoke-with-bidirectional-stream"
        headers = agent.signed().headers("POST", self.target, digest=EVENTS)
        self.chain = EventChain(dict(headers), agent.session.credentials(agent.connection).secret)
        self.peer, self.number = peer, peer.ask(headers, ends=False)
        self.stream = peer.streams[self.number]

    def say(self, text):
        """And hears it."""
        said, had = event("chunk", {"text": text}), len(self.stream.body)
        self.peer.send(self.number, self.chain.make(said), ends=False)
        self.peer.wait(self.number, until=lambda stream: stream.reset is not None or len(stream.body) >= had + len(said))
        return self.stream.body[had:] == said

    def close(self):
        self.peer.send(self.number, self.chain.make(b""))
        return self.peer.wait(self.number).ended
