"""Hostile bytes on the agents' port: a clear refusal, a record, nothing upstream, no crash."""

import re
import socket
import time

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import wait_until
from harness.upstream import StrictUpstream
from load import Agent

HOST = b"Host: localhost\r\n"
AUTH = (
    b"Authorization: AWS4-HMAC-SHA256 Credential=ASIAXXXXXXXXXXXXXXXX/20261123/us-east-1/s3/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64 + b"\r\nX-Amz-Date: 20261123T070000Z\r\n"
)
GET = b"GET /b/k HTTP/1.1\r\n" + HOST
PUT = b"PUT /b/k HTTP/1.1\r\n" + HOST + AUTH

MALFORMED = {
    "no request line": b"\r\n\r\n\r\n\r\n",
    "not http": b"\x00\x01\x02\x03 hello\r\n\r\n",
    "tls to nowhere": b"\x16\x03\x01\x00\x05hello",
    "lone LF": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "bare CR in a value": GET + b"X-A: a\rb\r\n\r\n",
    "NUL in a value": GET + b"X-A: a\x00b\r\n\r\n",
    "space before colon": GET + b"X-A : 1\r\n\r\n",
    "folded header": GET + b"X-A: 1\r\n 2\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: other\r\n\r\n",
    "http/3.0": b"GET / HTTP/3.0\r\n" + HOST + b"\r\n",
    "http/0.9": b"GET /\r\n\r\n",
    "space in target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "bad percent": b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n",
    "unknown method": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect to nowhere": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
    "huge header": GET + b"X-A: " + b"a" * (1 << 20) + b"\r\n\r\n",
    "many headers": GET + b"".join(b"X-%d: 1\r\n" % n for n in range(20000)) + b"\r\n",
    "huge target": b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "negative length": PUT + b"Content-Length: -1\r\n\r\n",
    "signed length": PUT + b"Content-Length: +4\r\n\r\nabcd",
    "huge length": PUT + b"Content-Length: 99999999999999999999\r\n\r\n",
    "upgrade": GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
}
# After each of these a second request is smuggled; it must never be answered or forwarded.
INNER = b"GET /burst/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLING = {
    "CL and TE": PUT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "two CL": PUT + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + INNER,
    "CL list": PUT + b"Content-Length: 0, 5\r\n\r\n" + INNER,
    "TE xchunked": PUT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE twice": PUT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + INNER,
    "TE list": PUT + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE tab": PUT + b"Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n" + INNER,
    "TE on 1.0": PUT.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "chunk size overflow": PUT + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + INNER,
    "chunk size spaces": PUT + b"Transfer-Encoding: chunked\r\n\r\n 0 \r\n\r\n" + INNER,
    "chunk size 0x": PUT + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + INNER,
    "chunk without CRLF": PUT + b"Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n" + INNER,
    "chunk lone LF": PUT + b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + INNER,
    "trailer": PUT + b"Transfer-Encoding: chunked\r\n\r\n0\r\nHost: other\r\n\r\n" + INNER,
    "body on GET": GET + AUTH + b"Content-Length: %d\r\n\r\n" % len(INNER) + INNER,
    "CL in Connection": PUT + b"Connection: content-length\r\nContent-Length: 5\r\n\r\nhello" + INNER,
}


@pytest.fixture(scope="module")
def upstream(module_folder):
    made = StrictUpstream(module_folder)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, module_folder):
    allowed = scope(
        statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"),
        statement(["s3:ListBucket"], "arn:aws:s3:::*"),
    )
    made = Gateway(module_folder / "gateway", [Connection("burst", allowed, upstream.endpoint)], upstream.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def speak(port, data, seconds=20):
    """Sends everything and gives what came back until the peer closed or fell silent."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as peer:
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while more := peer.recv(65536):
                got += more
        except (ConnectionError, TimeoutError):
            pass
    return got


def still_serves(gateway, session):
    assert gateway.process.running(), gateway.process.output()[-2000:]
    return Agent(gateway.agents_port, session.credentials()).request("GET", "/burst/alive").status == 200


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(gateway, session, upstream, name):
    before = len(upstream.arrivals())
    answer = speak(gateway.agents_port, MALFORMED[name])
    assert b" 200 " not in answer.split(b"\r\n")[0]
    if answer.startswith(b"HTTP/"):
        assert answer.split(b" ")[1][:1] in (b"4", b"5")
    assert len(upstream.arrivals()) == before
    assert still_serves(gateway, session)


def test_texts_that_are_not_utf8_hide_nothing(gateway, session):
    agent = Agent(gateway.agents_port, session.credentials())
    assert agent.request("GET", "/burst/latin1", headers={"User-Agent": "caf\xe9 \xff"}).status == 200
    [operation] = [op for op in gateway.records(session).operations() if op.target == "/burst/latin1"]
    assert operation.verdict == "allow" and operation.outcome == "answered"
    assert gateway.verify().returncode == 0


@pytest.mark.parametrize("name", SMUGGLING)
def test_smuggling(gateway, session, upstream, name):
    answer = speak(gateway.agents_port, SMUGGLING[name])
    assert len(re.findall(rb"^HTTP/1\.1 \d", answer, re.MULTILINE)) <= 1, answer
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert not [line for line in upstream.arrivals() if "smuggled" in line["target"]]
    assert still_serves(gateway, session)


@pytest.mark.parametrize(
    "target,host",
    [
        ("/other%2Fsecret.csv", None),
        ("/other%2fsecret.csv?list-type=2", None),
        ("/other%5Csecret.csv", None),
        ("/", "other/secret.csv.localhost"),
    ],
)
def test_a_bucket_is_a_name(gateway, session, upstream, target, host):
    before = len(upstream.arrivals())
    answer = Agent(gateway.agents_port, session.credentials()).request("GET", target, headers={"Host": host} if host else {})
    assert answer.status in (400, 403), answer
    assert len(upstream.arrivals()) == before
    assert Agent(gateway.agents_port, session.credentials()).request("GET", "/other").status == 200


@pytest.mark.parametrize("size", [1, 4 << 20])
def test_an_upload_is_checked_or_refused(gateway, session, upstream, size):
    before = len(upstream.arrivals())
    agent = Agent(gateway.agents_port, session.credentials())
    answer = agent.request("PUT", "/burst/k", b"x" * size, {"x-amz-checksum-blake3": "AAAAAAAAAAA="})
    assert answer.status in (0, 400, 403), answer  # 0: it hung up on the rest of the upload
    assert len(upstream.arrivals()) == before
    assert still_serves(gateway, session)


def test_refusals_are_on_record(gateway):
    lobby = {r.part for r in gateway.records().of_kind("open") if r.get("kind") == "lobby"}
    assert [op for op in gateway.records().operations() if op.intent.part in lobby]


def test_body_cut_short_is_not_sent_whole(gateway, session, upstream):
    agent = Agent(gateway.agents_port, session.credentials())
    agent.request("GET", "/burst/warm")
    raw = b"PUT /burst/cut HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 1000\r\n\r\nonly this"
    assert b" 200 " not in speak(gateway.agents_port, raw).split(b"\r\n")[0]
    assert "/burst/cut" not in upstream.count_by_target()


def test_slow_clients_do_not_stop_others(gateway, session):
    slow = []
    for _ in range(200):
        peer = socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=60)
        peer.sendall(b"GET /burst/slow HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        slow.append(peer)
    started = time.monotonic()
    assert still_serves(gateway, session)
    assert time.monotonic() - started < 20
    for peer in slow:
        peer.close()


def test_slow_header_ends_in_time(gateway):
    with socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=60) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nX-A: ")
        peer.settimeout(0.5)

        def gone():
            try:
                peer.sendall(b"a")
                return peer.recv(4096) == b"" or True
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_until(gone, 90, "the gateway to give up on a header that never ends")
