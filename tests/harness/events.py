"""Messages of event streams in Python, and an upstream that answers with them, in this process.

What the upstream sends is a list of steps: bytes to send, or a number of seconds to wait. Every request's signature is
checked with botocore."""

import asyncio
import json
import struct
import threading
import time
import zlib

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


class EventStub(Stub):
    def __init__(self, log, admin):
        super().__init__(log, admin.key_id, admin.secret)
        self.steps, self.sent, self.rejected = [], [], []

    async def respond(self, writer, method, target, headers, body, request_id):
        if b"Action=AssumeRole" in body:
            return await super().respond(writer, method, target, headers, body, request_id)
        secret = self.secrets.get(sigv4.key_id(headers))
        wrong = sigv4.why_invalid(method, target, headers, body, secret) if secret else "unknown key"
        if wrong:
            self.rejected.append((target, wrong))
            return await super().respond(writer, method, target, headers, body, request_id)
        await self.stream(writer, request_id)

    async def stream(self, writer, request_id):
        writer.write((f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nx-amzn-requestid: {request_id}\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n").encode())
        for step in self.steps:
            if step is None:  # breaks off
                writer.transport.abort()
                return
            if isinstance(step, (int, float)):
                await asyncio.sleep(step)
                continue
            self.sent.append(time.monotonic())
            writer.write(b"%x\r\n%s\r\n" % (len(step), step))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


class EventUpstream:
    def __init__(self, folder, stub=EventStub):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.admin = Credentials("AKIASTUBGATEWAYHOST0", "stub-secret-of-the-gateways-host-0000000")
        self.stub = stub(folder / "arrivals.jsonl", self.admin)
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait(10)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        start = asyncio.start_server(self.stub.serve, "127.0.0.1", self.port, limit=HEADER_LIMIT)
        self.loop.run_until_complete(start)
        started.set()
        self.loop.run_forever()

    def answers(self, *steps):
        self.stub.steps = list(steps)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
