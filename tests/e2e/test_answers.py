"""Answers of every shape that HTTP has: what an agent reads through the gateway is what it would have read directly."""

import asyncio
import concurrent.futures
import http.client

import pytest

from harness.events import event
from harness.gateway import Connection, Gateway, scope, statement
from harness.giving import Giving
from harness.http2 import Peer, Signed
from load import Agent

DATE = b"Date: Thu, 26 Nov 2026 12:00:00 GMT\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
ERROR = b"<Error><Code>NoSuchKey</Code></Error>"
EVENTS = b"application/vnd.amazon.eventstream"
ANSWERS = {
    "whole": ("GET", b"200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "nothing": ("GET", b"200 OK\r\nContent-Length: 0\r\n\r\n"),
    "chunked": ("GET", b"200 OK\r\n" + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"),
    "chunked nothing": ("GET", b"200 OK\r\n" + CHUNKED + b"0\r\n\r\n"),
    "until the end": ("GET", b"200 OK\r\nConnection: close\r\n\r\nhello"),
    "an interim one": ("GET", b"100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "part": ("GET", b"206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab"),
    "unsatisfiable": ("GET", b"416 Requested Range Not Satisfiable\r\n" + CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(ERROR), ERROR)),
    "moved": ("GET", b"301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n\r\n"),
    "elsewhere": ("GET", b"307 Temporary Redirect\r\nLocation: http://b.s3.eu-west-1.amazonaws.com/k\r\nContent-Length: 0\r\n\r\n"),
    "unchanged": ("GET", b'304 Not Modified\r\nETag: "e"\r\n\r\n'),
    "failed dependency": ("GET", b"424 Failed Dependency\r\nContent-Length: 2\r\n\r\n{}"),
    "of no name": ("GET", b"499 \r\nContent-Length: 0\r\n\r\n"),
    "slow down": ("GET", b"503 Slow Down\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
    "fields twice": ("GET", b"200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"),
    "fields in utf-8": ("GET", b"200 OK\r\nx-amz-meta-n: caf\xc3\xa9\r\nx-amz-meta-empty:\r\nContent-Length: 0\r\n\r\n"),
    "long fields": ("GET", b"200 OK\r\nx-amz-meta-n: " + b"a" * 30_000 + b"\r\nContent-Length: 0\r\n\r\n"),
    "coded": ("GET", b"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00"),
    "head": ("HEAD", b"200 OK\r\nContent-Length: 1234567\r\n\r\n"),
    "head without a length": ("HEAD", b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "head of nothing": ("HEAD", b"404 Not Found\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "an object of events that are none": ("GET", b"200 OK\r\nContent-Type: %s\r\nContent-Length: 5\r\n\r\nhello" % EVENTS),
    "head of such an object": ("HEAD", b"200 OK\r\nContent-Type: %s\r\nContent-Length: 5\r\n\r\n" % EVENTS),
    "deleted": ("DELETE", b"204 No Content\r\nx-amz-version-id: v\r\n\r\n"),
    "accepted": ("PUT", b"202 Accepted\r\nContent-Length: 0\r\n\r\n"),
    "put and close": ("PUT", b"200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
}


PAUSE_S = 65  # more than an agent may
SELECT = (
    b'<SelectObjectContentRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Expression>e</Expression>'
    b"<ExpressionType>SQL</ExpressionType><InputSerialization><CSV/></InputSerialization>"
    b"<OutputSerialization><CSV/></OutputSerialization></SelectObjectContentRequest>")
PAUSING = {
    "/answers/object": (b"Content-Length: 2\r\n\r\na", b"b"),
    "/answers/object?select=&select-type=2": (b"Content-Type: " + EVENTS + b"\r\nConnection: close\r\n\r\n", event("End", b"")),
}


class Scripted(Giving):
    """Answers /answers/N with the Nth of ANSWERS, byte for byte; some pause in the middle."""

    async def pause(self, writer, first, rest):
        writer.write(b"HTTP/1.1 200 OK\r\n" + first)
        await writer.drain()
        await asyncio.sleep(PAUSE_S)
        writer.write(rest)
        await writer.drain()
        writer.close()

    async def respond(self, writer, method, target, headers, body, request_id):
        if target in PAUSING:
            return await self.pause(writer, *PAUSING[target])
        if not target.startswith("/answers/"):
            return await super().respond(writer, method, target, headers, body, request_id)
        status, rest = list(ANSWERS.values())[int(target.rsplit("/", 1)[1])][1].split(b"\r\n", 1)
        dated = b"" if status.startswith(b"1") else DATE + b"Server: AmazonS3\r\n"
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + dated + rest)
        await writer.drain()
        if b"Connection: close" in rest:
            writer.close()
            await asyncio.sleep(0)


@pytest.fixture(scope="module")
def upstream(module_folder):
    made = Scripted(module_folder)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, module_folder):
    made = Gateway(module_folder / "gateway", [Connection("c", scope(statement("s3:*")), upstream.endpoint)], upstream.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


@pytest.fixture(scope="module")
def trust(session, module_folder):
    path = module_folder / "ca.pem"
    path.write_text(session.answer["ca_pem"])
    return path


def read(port, credentials, method, target):
    """Status line, fields and body as the standard library's client reads them."""
    agent = Agent(port, credentials)
    agent.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    seen = {}
    got = agent.connection.getresponse

    def getresponse():
        answer = got()
        seen["line"] = (answer.version, answer.status, answer.reason)
        seen["fields"] = sorted((name.lower(), value) for name, value in answer.getheaders())
        seen["keeps"] = not answer.will_close
        return answer

    agent.connection.getresponse = getresponse
    seen["body"] = agent.request(method, target).body
    agent.close()
    return seen


# What is of each hop; the length of what is not chunked may be known after all.
FRAMING = ("connection", "transfer-encoding", "content-length")


def beside_framing(fields):
    return [field for field in fields if field[0] not in FRAMING]


@pytest.mark.parametrize("name", ANSWERS)
def test_is_read_the_same(upstream, gateway, session, name):
    target, method = f"/answers/{list(ANSWERS).index(name)}", ANSWERS[name][0]
    direct = read(upstream.port, session.credentials(), method, target)
    through = read(gateway.agents_port, session.credentials(), method, target)
    assert (through["line"], through["body"]) == (direct["line"], direct["body"])
    assert beside_framing(through["fields"]) == beside_framing(direct["fields"])
    if method == "HEAD":
        lengths = [dict(each["fields"]).get("content-length") for each in (direct, through)]
        assert lengths[0] == lengths[1]


@pytest.mark.parametrize("name", ANSWERS)
def test_is_read_the_same_over_http2(upstream, gateway, session, trust, name):
    target, method = f"/answers/{list(ANSWERS).index(name)}", ANSWERS[name][0]
    direct = read(upstream.port, session.credentials(), method, target)
    peer = Peer(gateway.agents_port, trust)
    signed = Signed(session, f"localhost:{gateway.agents_port}", "https")
    answer = peer.wait(peer.ask(signed.headers(method, target)))
    peer.close()
    assert (answer.status, answer.body, answer.ended) == (direct["line"][1], direct["body"], True)
    through = {name: value.encode() for name, value in beside_framing(answer.headers.items()) if not name.startswith(":")}
    assert through == {name: value.encode("latin-1") for name, value in beside_framing(direct["fields"])}
    if method == "HEAD":
        assert answer.headers.get("content-length") == dict(direct["fields"]).get("content-length")


@pytest.mark.full
def test_aws_may_take_its_time_in_the_middle(gateway, session):
    def ask(method, target, body=b""):
        agent = Agent(gateway.agents_port, session.credentials())
        agent.connection = http.client.HTTPConnection("127.0.0.1", gateway.agents_port, timeout=PAUSE_S + 60)
        return agent.request(method, target, body).body

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        whole = pool.submit(ask, "GET", "/answers/object")
        events = pool.submit(ask, "POST", "/answers/object?select&select-type=2", SELECT)
    assert whole.result() == b"ab"
    assert events.result() == event("End", b"")
