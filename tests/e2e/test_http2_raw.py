"""Hostile HTTP/2 on the agents' port: a clear refusal, a record, nothing upstream, bounded memory, no crash."""

import socket
import struct
import time

import pytest
from hpack import Encoder

from harness.gateway import Connection, Gateway, scope, statement
from harness.http2 import Peer, Signed
from harness.processes import peak_mib, wait_until
from harness.upstream import StrictUpstream

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
GET = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/burst/k")]


@pytest.fixture(scope="module")
def upstream(module_folder):
    made = StrictUpstream(module_folder, "harness.stub_http2")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, module_folder):
    allowed = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
    made = Gateway(module_folder / "gateway", [Connection("burst", allowed, upstream.endpoint)], upstream.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


@pytest.fixture
def signed(gateway, session):
    return Signed(session, f"localhost:{gateway.agents_port}")


@pytest.fixture
def peer(gateway):
    made = Peer(gateway.agents_port)
    yield made
    made.close()


def still_serves(gateway, signed):
    assert gateway.process.running(), gateway.process.output()[-2000:]
    peer = Peer(gateway.agents_port)
    status = peer.wait(peer.ask(signed.headers("GET", "/burst/alive"))).status
    peer.close()
    return status == 200


MALFORMED = {
    "upper case": [*GET, ("X-A", "1")],
    "line end in a value": [*GET, ("x-a", "1\r\nx-b: 2")],
    "connection": [*GET, ("connection", "x-amz-date")],
    "transfer encoding": [*GET, ("transfer-encoding", "chunked")],
    "te": [*GET, ("te", "gzip")],
    "two paths": [*GET, (":path", "/other")],
    "pseudo out of place": [*GET[:3], ("x-a", "1"), (":path", "/burst/k")],
    "no path": GET[:3],
    "no host": [GET[0], GET[1], GET[3]],
    "another host": [*GET, ("host", "other")],
    "absolute target": [*GET[:3], (":path", "http://localhost/burst/k")],
    "blank in the target": [*GET[:3], (":path", "/burst/a b")],
    "tunnel": [(":method", "CONNECT"), (":authority", "localhost:443")],
    "websocket": [*GET, (":protocol", "websocket")],
    "two lengths": [*GET, ("content-length", "0"), ("content-length", "4")],
    "a body that does not follow": [*GET, ("content-length", "4")],
    "two dates": [*GET, ("x-amz-date", "20261123T070000Z"), ("x-amz-date", "20261123T070001Z")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(gateway, upstream, signed, peer, name):
    before, refused = len(upstream.arrivals()), refusals(gateway)
    answer = peer.wait(peer.ask(MALFORMED[name]))
    assert answer.status == 400 and b"not well-formed HTTP/2" in answer.body
    assert len(upstream.arrivals()) == before
    assert refusals(gateway) == refused + 1
    assert peer.wait(peer.ask(signed.headers("GET", "/burst/k"))).status == 200, "other streams go on"


def refusals(gateway):
    return sum(operation.reason == "not-recognised" for operation in gateway.records().operations())


def test_a_large_head(gateway, signed, peer):
    answer = peer.wait(peer.ask([*GET, ("x-a", "a" * 100_000)]))
    assert answer.status == 431
    assert peer.wait(peer.ask(signed.headers("GET", "/burst/k"))).status == 200


def test_a_body_that_is_not_as_long_as_it_says(gateway, upstream, signed, peer):
    for body in (b"four", b"longer"):
        head = signed.headers("PUT", "/burst/length", body, unsigned=True, more=[("content-length", "5")])
        answer = peer.wait(peer.ask(head, body))
        assert answer.status != 200
    assert not [line for line in upstream.lines() if line.get("target") == "/burst/length" and "wrong" in line]
    assert still_serves(gateway, signed)


def test_trailers(gateway, signed, peer):
    number = peer.ask(signed.headers("PUT", "/burst/trailers", b"x", unsigned=True), ends=False)
    peer.send(number, b"x", ends=False)
    peer.h2.send_headers(number, [("x-amz-date", "20261123T070000Z")], end_stream=True)
    peer.flush()
    assert peer.wait(number).status != 200
    assert still_serves(gateway, signed)


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def block(fields):
    return Encoder().encode(fields, huffman=False)


def resets():
    for number in range(1, 200_000, 2):
        yield frame(HEADERS, END_HEADERS | END_STREAM, number, block(GET)) + frame(RESET, 0, number, struct.pack(">I", 8))


def endless(kind, flags=0, payload=b""):
    yield frame(HEADERS, END_HEADERS, 1, block(GET))
    for _ in range(200_000):
        yield frame(kind, flags, 1 if kind in (DATA, PRIORITY) else 0, payload)


def head_without_end(part):
    yield frame(HEADERS, 0, 1, block(GET))
    for _ in range(100_000):
        yield frame(CONTINUATION, 0, 1, part)


FLOODS = {
    "rapid reset": resets,
    "ping": lambda: endless(PING, payload=b"12345678"),
    "settings": lambda: endless(SETTINGS),
    "windows": lambda: endless(WINDOW, payload=struct.pack(">I", 1)),
    "priority": lambda: endless(PRIORITY, payload=struct.pack(">IB", 3, 1)),
    "empty data": lambda: endless(DATA),
    "empty continuation": lambda: head_without_end(b""),
    "continuation": lambda: head_without_end(block([("x-a", "a" * 1000)])),
}


BROKEN = {
    "no frames": b"not HTTP/2 any more" * 20,
    "a head without bound": lambda: b"".join(
        [frame(HEADERS, 0, 1, block(GET)), *[frame(CONTINUATION, 0, 1, block([("x-a", "a" * 10_000)]))] * 40]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_connection_is_on_record(gateway, signed, name):
    refused = refusals(gateway)
    sent = BROKEN[name]
    with socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=20) as peer:
        peer.sendall(PREFACE + frame(SETTINGS) + (sent if isinstance(sent, bytes) else sent()))
        try:
            while peer.recv(65536):
                pass
        except OSError:
            pass
    assert refusals(gateway) == refused + 1
    assert still_serves(gateway, signed)


@pytest.mark.parametrize("name", FLOODS)
def test_floods_end_the_connection(gateway, signed, name):
    with socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=20) as peer:
        peer.sendall(PREFACE + frame(SETTINGS))
        frames, pushed = FLOODS[name](), 0
        try:
            for pushed, each in enumerate(frames):
                peer.sendall(each)
        except OSError:
            pass
    assert pushed < 100_000 - 1, "the connection was not cut"
    assert still_serves(gateway, signed)


def test_streams_that_are_interleaved(gateway, upstream, signed, peer):
    while peer.h2.outbound_flow_control_window < 1 << 20:
        peer.receive()
    bodies = {peer.ask(signed.headers("PUT", f"/burst/i{n}", b"%04d" % n * 500), ends=False): b"%04d" % n * 500 for n in range(100)}
    for at in range(0, 2000, 400):
        for number, body in bodies.items():
            peer.h2.send_data(number, body[at:at + 400], end_stream=at == 1600)
        peer.flush()
    assert [stream.status for stream in peer.wait(*bodies)] == [200] * 100
    assert not upstream.wrong(), "each body fits its own signature"


def test_more_streams_than_are_allowed_are_refused(gateway, signed):
    with socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=20) as peer:
        waiting = signed.headers("PUT", "/burst/waiting", b"never comes")  # its exchange waits for the body
        heads = b"".join(frame(HEADERS, END_HEADERS, number, block(waiting)) for number in range(1, 400, 2))
        peer.sendall(PREFACE + frame(SETTINGS) + heads)
        refused = set()
        peer.settimeout(60)
        data = b""
        while len(refused) < 200 - 128:
            data += peer.recv(65536)
            while len(data) >= 9 and len(data) >= 9 + (size := int.from_bytes(data[:3], "big")):
                if data[3] == RESET and data[9:13] == struct.pack(">I", 7):
                    refused.add(int.from_bytes(data[5:9], "big"))
                data = data[9 + size:]
    assert len(refused) == 72 and min(refused) == 257
    assert still_serves(gateway, signed)


def test_slow_readers_cost_little(gateway, signed):
    before = peak_mib(gateway.pid_of("boundary"))
    peers = [Peer(gateway.agents_port, window=1000) for _ in range(3)]
    for each in peers:
        for number in range(30):
            each.ask(signed.headers("GET", "/burst/mib-8"))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:  # each stream gets its 1000 bytes and no more
        for each in peers:
            each.socket.settimeout(0.1)
            each.receive() if not each.closed else None
            each.closed = False
    grown = peak_mib(gateway.pid_of("boundary")) - before
    assert grown < 90, f"90 streams of 8 MiB each cost {grown:.0f} MiB"
    assert max(len(stream.body) for each in peers for stream in each.streams.values()) == 1000
    for each in peers:
        each.close()
    assert still_serves(gateway, signed)


def test_bodies_that_nobody_reads_cost_little(gateway, signed):
    """An upload over the wire is held up at the window while its exchange waits for a slow target."""
    before = peak_mib(gateway.pid_of("boundary"))
    peer = Peer(gateway.agents_port)
    for number in range(100):
        each = peer.ask(signed.headers("PUT", f"/elsewhere/{number}", unsigned=True), ends=False)
        room = min(peer.h2.local_flow_control_window(each), 65536)
        while room > 0:
            part = min(room, 16384)
            peer.h2.send_data(each, bytes(part))
            room -= part
    peer.flush()
    answers = peer.wait(*peer.streams)
    assert {stream.status for stream in answers} == {403}
    assert peak_mib(gateway.pid_of("boundary")) - before < 64
    assert still_serves(gateway, signed)


@pytest.mark.parametrize("step", [1, 7, 24])
def test_the_preface_in_pieces(gateway, signed, step):
    with socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=20) as peer:
        bytes_ = PREFACE + frame(SETTINGS)
        for at in range(0, len(bytes_), step):
            peer.sendall(bytes_[at:at + step])
            time.sleep(0.005)
        assert peer.recv(9)[3] == SETTINGS


@pytest.mark.parametrize("said", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"PRI / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"P"])
def test_almost_a_preface(gateway, signed, said):
    with socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=20) as peer:
        peer.sendall(said)
        peer.shutdown(socket.SHUT_WR)
        assert b" 200 " not in peer.recv(65536)
    assert still_serves(gateway, signed)


def test_a_stream_that_is_reset_midway(gateway, upstream, signed):
    peer = Peer(gateway.agents_port, window=1000)
    number = peer.ask(signed.headers("GET", "/burst/reset-by-agent/mib-8"))
    peer.wait(number, until=lambda stream: len(stream.body) == 1000)
    peer.h2.reset_stream(number, 8)
    peer.flush()
    ended = wait_until(lambda: [op for op in gateway.records().operations() if "reset-by-agent" in op.target and op.outcome], 20,
                       "an outcome")
    assert ended[0].outcome == "cut"
    assert peer.wait(peer.ask(signed.headers("GET", "/burst/k"))).status == 200
    peer.close()


def test_what_was_taken_back_at_once(gateway, upstream, signed, peer):
    number = peer.h2.get_next_available_stream_id()
    peer.h2.send_headers(number, signed.headers("PUT", "/burst/taken-back", b"x", unsigned=True))
    peer.h2.reset_stream(number, 8)
    peer.flush()
    assert peer.wait(peer.ask(signed.headers("GET", "/burst/k"))).status == 200
    assert "/burst/taken-back" not in upstream.count_by_target()


def test_the_record_holds(gateway):
    assert gateway.verify().returncode == 0
