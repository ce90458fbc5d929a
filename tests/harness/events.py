"""Messages of event streams in Python, and an upstream that answers with them, in this process.

What the upstream sends is a list of steps: bytes to send, seconds to wait, or a threading.Event to wait for. Every
request's signature is checked with botocore. Who streams events to it is answered event by event, once each one's
signature has held."""

import asyncio
import datetime
import hashlib
import hmac
import json
import struct
import threading
import time
import zlib

from botocore.eventstream import EventStreamBuffer

from . import sigv4
from .emulator import Credentials
from .processes import free_port
from .stub import HEADER_LIMIT, Stub

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def message(headers, payload=b""):
    """https://smithy.io/2.0/aws/amazon-eventstream.html; header values are texts."""
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    return framed(block, payload)


def framed(block, payload):
    start = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    start += struct.pack(">I", zlib.crc32(start))
    return start + block + payload + struct.pack(">I", zlib.crc32(start + block + payload))


def event(kind, payload=b"", content_type="application/json"):
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    return message({":message-type": "event", ":event-type": kind, ":content-type": content_type}, payload)


def exception(kind, text="no"):
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return message(headers, json.dumps({"message": text}).encode())


EVENTS = "STREAMING-AWS4-HMAC-SHA256-EVENTS"


class EventChain:
    """Opens and makes signed events: AWS4-HMAC-SHA256-PAYLOAD over date, scope, the signature before, headers and payload.
    `headers`: of the signed request that they follow."""

    def __init__(self, headers, secret):
        key, _, region, service, _, self.prior = sigv4.AUTHORIZATION.match(headers["authorization"]).groups()
        self.secret, self.region, self.service = secret, region, service

    def sign(self, date, payload):
        at = datetime.datetime.fromtimestamp(date // 1000, datetime.timezone.utc)
        day = at.strftime("%Y%m%d")
        key = b"AWS4" + self.secret.encode()
        for step in (day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        text = "\n".join([
            "AWS4-HMAC-SHA256-PAYLOAD", at.strftime("%Y%m%dT%H%M%SZ"), f"{day}/{self.region}/{self.service}/aws4_request",
            self.prior, hashlib.sha256(date_header(date)).hexdigest(), hashlib.sha256(payload).hexdigest()])
        self.prior = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return bytes.fromhex(self.prior)

    def open(self, signed):
        """The event's own message; ValueError if its signature does not hold."""
        expected = self.sign(signed.headers[":date"], signed.payload)
        if expected != signed.headers[":chunk-signature"] or set(signed.headers) != {":date", ":chunk-signature"}:
            raise ValueError("the signature of an event does not hold")
        return signed.payload

    def make(self, payload):
        date = time.time_ns() // 1_000_000
        signature = self.sign(date, payload)
        return framed(date_header(date) + b"\x10:chunk-signature\x06" + struct.pack(">H", 32) + signature, payload)


def date_header(date):
    return b"\x05:date\x08" + struct.pack(">q", date)


class EventStub(Stub):
    def __init__(self, log, admin):
        super().__init__(log, admin.key_id, admin.secret)
        self.steps, self.sent, self.rejected, self.heard, self.ended = [], [], [], [], []

    async def body(self, reader, headers):
        """Who streams events is read as they are answered."""
        return unchunked(reader) if headers.get("x-amz-content-sha256") == EVENTS else await super().body(reader, headers)

    async def respond(self, writer, method, target, headers, body, request_id):
        if not isinstance(body, bytes):
            return await self.converse(body, ChunkedAnswer(writer), method, target, headers, request_id)
        if self.is_streamed(method, target, headers, body):
            return await self.stream(ChunkedAnswer(writer), request_id)
        await super().respond(writer, method, target, headers, body, request_id)

    def is_streamed(self, method, target, headers, body):
        """Whether the answer is the steps: the request is signed, and no AssumeRole."""
        return b"Action=AssumeRole" not in body and not self.rejects(method, target, headers, body)

    def rejects(self, method, target, headers, body):
        secret = self.secrets.get(sigv4.key_id(headers))
        wrong = sigv4.why_invalid(method, target, headers, body, secret) if secret else "unknown key"
        if wrong:
            self.rejected.append((target, wrong))
        return wrong

    async def converse(self, parts, answer, method, target, headers, request_id):
        """Answers each event of the agent; what was sent by then, on its end, with the steps. `parts`: what comes, in
        pieces; `answer`: as ChunkedAnswer."""
        if self.rejects(method, target, headers, b""):
            return answer.abort()
        chain, buffer = EventChain(headers, self.secrets[sigv4.key_id(headers)]), EventStreamBuffer()
        await answer.head(request_id)
        async for part in parts:
            buffer.add_data(part)
            for signed in buffer:
                try:
                    inner = chain.open(signed)
                except ValueError as wrong:
                    self.rejected.append((target, str(wrong)))
                    return answer.abort()
                if not inner:
                    self.ended.append(target)
                    continue
                self.heard.append(inner)
                await answer.write(self.reply(inner))
                if b"stop" in inner:  # AWS ends the conversation while the agent speaks
                    return await answer.end()
        await self.steps_to(answer)

    def reply(self, inner):
        return event("heard", {"bytes": len(inner)})

    async def stream(self, answer, request_id):
        await answer.head(request_id)
        await self.steps_to(answer)

    async def steps_to(self, answer):
        for step in self.steps:
            if step is None:  # breaks off
                return answer.abort()
            if isinstance(step, (int, float)):
                await asyncio.sleep(step)
                continue
            if isinstance(step, threading.Event):  # the test says when
                await asyncio.to_thread(step.wait, 30)
                continue
            self.sent.append(time.monotonic())
            await answer.write(step)
        await answer.end()


async def unchunked(reader):
    while size := int((await reader.readline()).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()


class ChunkedAnswer:
    """An answer of events over HTTP/1.1."""

    def __init__(self, writer):
        self.writer = writer

    async def head(self, request_id):
        self.writer.write((f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nx-amzn-requestid: {request_id}\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n").encode())

    async def write(self, content):
        self.writer.write(b"%x\r\n%s\r\n" % (len(content), content))
        await self.writer.drain()

    async def end(self):
        await self.write(b"")

    def abort(self):
        self.writer.transport.abort()


class EventUpstream:
    """`tls`: an ssl.SSLContext for localhost."""

    def __init__(self, folder, stub=EventStub, tls=None):
        self.port, self.tls = free_port(), tls
        self.endpoint = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        self.admin = Credentials("AKIASTUBGATEWAYHOST0", "stub-secret-of-the-gateways-host-0000000")
        self.stub = stub(folder / "arrivals.jsonl", self.admin)
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait(10)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        start = asyncio.start_server(self.stub.serve, "127.0.0.1", self.port, limit=HEADER_LIMIT, ssl=self.tls)
        self.loop.run_until_complete(start)
        started.set()
        self.loop.run_forever()

    def answers(self, *steps):
        self.stub.steps = list(steps)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
