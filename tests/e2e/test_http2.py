"""HTTP/2 on both sides: what agents get, what arrives upstream, what goes on record."""

import base64
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement
from harness.http2 import Peer, Signed
from harness.processes import NODE, NODE_MODULES, clean_environment, wait_until
from harness.upstream import StrictUpstream
from load import Agent

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "arn:aws:s3:::burst/*"))


@pytest.fixture(scope="module")
def cleartext(tmp_path_factory):
    made = StrictUpstream(tmp_path_factory.mktemp("cleartext"), "harness.stub_http2")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def secured(tmp_path_factory, pair):
    made = StrictUpstream(tmp_path_factory.mktemp("secured"), "harness.stub_http2", pair)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateways(cleartext, secured, pair, tmp_path_factory):
    """By the upstream's scheme."""
    made = {}
    for scheme, upstream in (("http", cleartext), ("https", secured)):
        folder = tmp_path_factory.mktemp(f"gateway-{scheme}")
        made[scheme] = Gateway(folder, [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin)
        made[scheme].start(env={"SSL_CERT_FILE": pair[0]})
    yield made
    for each in made.values():
        each.stop()


class Side:
    """One gateway with a session: `peer` for its agents, arrivals upstream, records."""

    def __init__(self, gateway, upstream, scheme, folder):
        self.gateway, self.upstream, self.scheme = gateway, upstream, scheme
        self.session = gateway.session()
        self.trust = folder / "ca.pem"
        self.trust.write_text(self.session.answer["ca_pem"])
        self.signed = Signed(self.session, f"localhost:{gateway.agents_port}", scheme)

    def peer(self, **more):
        return Peer(self.gateway.agents_port, self.trust if self.scheme == "https" else None, **more)

    def arrived(self, target):
        return [line for line in self.upstream.arrivals() if line["target"] == target]

    def operation(self, target):
        """The one with an outcome."""
        def found():
            every = self.gateway.records(self.session).operations()
            return [each for each in every if each.target == target and each.outcome]

        [only] = wait_until(found, 20, f"an outcome of {target}")
        return only


@pytest.fixture(scope="module", params=["http", "https"])
def side(request, gateways, cleartext, secured, tmp_path_factory):
    upstream = {"http": cleartext, "https": secured}[request.param]
    return Side(gateways[request.param], upstream, request.param, tmp_path_factory.mktemp("side"))


def test_get_and_put(side):
    peer = side.peer()
    body = bytes(range(256)) * 40
    put = peer.ask(side.signed.headers("PUT", "/burst/a%20b%2Fc", body), body)
    get = peer.ask(side.signed.headers("GET", "/burst/get"))
    answers = peer.wait(put, get)
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[1].body == b"stub object\n" and answers[0].headers["x-amz-request-id"]
    assert [line["http"] for line in side.arrived("/burst/a%20b%2Fc")] == ["2"]
    assert side.operation("/burst/get").intent.get("request", "http") == "2"
    assert not side.upstream.wrong()


def test_a_denial(side):
    peer = side.peer()
    answer = peer.wait(peer.ask(side.signed.headers("GET", "/elsewhere/k")))
    assert answer.status == 403 and b"AccessDenied" in answer.body and b"[Narrows ns-" in answer.body
    answer = peer.wait(peer.ask(side.signed.headers("PUT", "/elsewhere/k", b"body"), b"body"))
    assert answer.status == 403
    assert not side.arrived("/elsewhere/k")


def test_many_at_a_time(side):
    peer = side.peer()
    numbers = [peer.ask(side.signed.headers("GET", f"/burst/many{number}")) for number in range(100)]
    assert [stream.status for stream in peer.wait(*numbers)] == [200] * 100
    assert len([line for line in side.upstream.arrivals() if "/burst/many" in line["target"]]) == 100


def test_large_bodies_both_ways(side):
    peer = side.peer()
    answer = peer.wait(peer.ask(side.signed.headers("GET", "/burst/mib-2")))
    assert (answer.status, len(answer.body)) == (200, 2 << 20)
    body = bytes(2 << 20)
    answer = peer.wait(peer.ask(side.signed.headers("PUT", "/burst/up", body), body))
    assert answer.status == 200
    assert side.operation("/burst/mib-2").outcome == "answered"
    assert side.operation("/burst/up").outcome == "answered"
    assert not side.upstream.wrong()


def test_head(side):
    peer = side.peer()
    answer = peer.wait(peer.ask(side.signed.headers("HEAD", "/burst/head")))
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "12", b"")


def test_expect_100_continue(side):
    peer = side.peer()
    more = [("expect", "100-continue"), ("content-length", "4")]
    number = peer.ask(side.signed.headers("PUT", "/burst/expected", b"body", more=more), ends=False)
    assert peer.wait(number, until=lambda stream: stream.interim).interim == [100]
    peer.send(number, b"body")
    assert peer.wait(number).status == 200


def test_http1_is_spoken_still_and_stays_http1(side):
    agent = Agent(side.gateway.agents_port, side.session.credentials())
    assert agent.request("GET", "/burst/old").status == 200
    assert [line["http"] for line in side.arrived("/burst/old")] == ["1.1"]
    assert side.operation("/burst/old").intent.get("request", "http") == "1.1"


OUTCOMES = {"refused": ("not_sent", 503), "leaving": ("not_sent", 503), "reset": ("unknown", 502),
            "half": ("cut", 200), "early": ("answered", 403)}


@pytest.mark.parametrize("ends", OUTCOMES)
def test_what_became_of_it(side, ends):
    outcome, status = OUTCOMES[ends]
    peer = side.peer()
    method, body = ("PUT", bytes(1 << 20)) if ends == "early" else ("GET", b"")
    answer = peer.wait(peer.ask(side.signed.headers(method, f"/burst/{ends}", body), body))
    operation = side.operation(f"/burst/{ends}")
    assert operation.outcome == outcome
    if ends == "half":
        assert not answer.ended and answer.reset, "half an answer is not taken for a whole one"
    else:
        assert answer.status == status
    assert len(side.arrived(f"/burst/{ends}")) == 1, "nothing is sent twice"


def test_the_end_of_a_session_cuts_its_streams(side):
    session = side.gateway.session()
    peer = side.peer(window=1000)
    signed = Signed(session, f"localhost:{side.gateway.agents_port}", side.scheme)
    numbers = [peer.ask(signed.headers("GET", f"/burst/cut{number}/mib-8")) for number in range(3)]
    peer.wait(*numbers, until=lambda stream: len(stream.body) == 1000)
    assert side.gateway.end(session).status_code == 200
    began = time.monotonic()
    answers = peer.wait(*numbers)
    assert time.monotonic() - began < 15
    assert all(answer.reset for answer in answers) and not peer.closed, "the connection itself goes on"
    other = peer.wait(peer.ask(side.signed.headers("GET", "/burst/other-session")))
    assert other.status == 200


def test_sessions_share_no_connection_upstream(side):
    """What another session's connection knows stays there: each has its own."""
    peer = side.peer()
    for session in (side.gateway.session(), side.gateway.session()):
        signed = Signed(session, f"localhost:{side.gateway.agents_port}", side.scheme)
        assert peer.wait(peer.ask(signed.headers("GET", "/burst/apart"))).status == 200
    keys = {line["key_id"] for line in side.arrived("/burst/apart")}
    assert len(keys) == 2


def test_proxy_mode(gateways, secured, tmp_path_factory):
    gateway = gateways["https"]
    session = gateway.session()
    trust = tmp_path_factory.mktemp("trust") / "ca.pem"
    trust.write_text(session.answer["ca_pem"])
    plain = socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=20)
    host = f"s3.{REGION}.amazonaws.com"
    credential = base64.b64encode(f"{session.answer['proxy_user']}:{session.answer['proxy_token']}".encode()).decode()
    plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nProxy-Authorization: Basic {credential}\r\n\r\n".encode())
    assert b" 200 " in plain.recv(65536)
    context = ssl.create_default_context(cafile=trust)
    context.set_alpn_protocols(["h2"])
    peer = Peer(gateway.agents_port, connected=context.wrap_socket(plain, server_hostname=host))
    answer = peer.wait(peer.ask(Signed(session, host, "https").headers("GET", "/burst/proxied")))
    assert answer.status == 200
    assert [line["http"] for line in secured.arrivals() if line["target"] == "/burst/proxied"] == ["2"]


def curl(side, *arguments):
    keys = side.session.credentials()
    common = ["curl", "-sS", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", f"{keys.key_id}:{keys.secret}",
              "-H", f"x-amz-security-token: {keys.token}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
              "-w", "\n%{http_version} %{http_code}"]
    done = subprocess.run([*common, *arguments], env=clean_environment(), capture_output=True, text=True, timeout=30)
    return done.stdout.rsplit("\n", 1) + [done.stderr]


def test_curl(side):
    url = f"{side.scheme}://localhost:{side.gateway.agents_port}/burst/curl"
    options = ["--http2-prior-knowledge"] if side.scheme == "http" else ["--http2", "--cacert", side.trust]
    assert curl(side, *options, url) == ["stub object\n", "2 200", ""]
    assert [line["http"] for line in side.arrived("/burst/curl")] == ["2"]


JS = """
const { NodeHttp2Handler } = require("@smithy/node-http-handler");
const { S3Client, GetObjectCommand, PutObjectCommand } = require("@aws-sdk/client-s3");
(async () => {
    const client = new S3Client({ maxAttempts: 1, forcePathStyle: true, requestHandler: new NodeHttp2Handler() });
    const get = async (n) => {
        const answer = await client.send(new GetObjectCommand({ Bucket: "burst", Key: `js-${n}` }));
        return (await answer.Body.transformToString());
    };
    await client.send(new PutObjectCommand({ Bucket: "burst", Key: "js-put", Body: Buffer.alloc(300000, 1) }));
    console.log(JSON.stringify(await Promise.all([1, 2, 3, 4, 5].map(get))));
    client.destroy();
})();
"""


def test_the_javascript_sdk(side):
    env = side.session.env() | {
        "NODE_PATH": str(NODE_MODULES), "AWS_ENDPOINT_URL": f"{side.scheme}://localhost:{side.gateway.agents_port}",
        "NODE_EXTRA_CA_CERTS": str(side.trust),
    }
    done = subprocess.run([NODE, "-e", JS], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["stub object\n"] * 5
    assert {line["http"] for line in side.upstream.arrivals() if "/burst/js-" in line["target"]} == {"2"}
    assert not side.upstream.wrong()


def test_the_drain_lets_streams_finish(cleartext, pair, tmp_path_factory):
    made = Gateway(tmp_path_factory.mktemp("drained"), [Connection("burst", ALLOWED, cleartext.endpoint)], cleartext.admin)
    made.start(env={"SSL_CERT_FILE": pair[0]})
    signed = Signed(made.session(), f"localhost:{made.agents_port}")
    peer = Peer(made.agents_port, window=1000)
    number = peer.ask(signed.headers("GET", "/burst/drained/mib-1"))
    peer.wait(number, until=lambda stream: len(stream.body) == 1000)
    ending = threading.Thread(target=made.stop)
    ending.start()
    time.sleep(0.5)
    peer.keeps_window = False
    peer.h2.increment_flow_control_window(1 << 20, number)
    peer.flush()
    answer = peer.wait(number)
    assert (answer.ended, len(answer.body)) == (True, 1 << 20)
    ending.join(60)
    assert not ending.is_alive()


def test_the_records_hold(gateways):
    for gateway in gateways.values():
        assert gateway.verify().returncode == 0
