"""The strict stub over HTTP/2: checks every signature with botocore, notes every arrival before answering.

Started as a program: stub_http2.py PORT LOG ADMIN_KEY ADMIN_SECRET [CERTIFICATE KEY]. With a certificate it speaks TLS and
chooses h2 by ALPN where it is offered; without, prior knowledge tells. HTTP/1.1 is spoken on the same port, as harness.stub
does. A line of the log has "http", and where a stream broke off {"target", "cut"}. What a target ends with is done:
/refused: REFUSED_STREAM; /leaving: GOAWAY that does not count the stream; /reset: INTERNAL_ERROR; /half: half an answer, then
INTERNAL_ERROR; /early: 403 before the body has come; /mib-N: so many MiB.
"""

import asyncio
import re
import ssl
import sys
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.errors import ErrorCodes

from . import stub

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CONFIG = h2.config.H2Configuration(client_side=False, header_encoding="latin-1")


class Stub(stub.Stub):
    async def serve(self, reader, writer):
        secured = writer.get_extra_info("ssl_object")
        if secured is not None:
            speaks_http2 = secured.selected_alpn_protocol() == "h2"
        else:
            first = await reader.read(3)
            speaks_http2 = first == PREFACE[:3]
            reader = Rest(reader, first)
        if speaks_http2:
            await self.connection(reader, writer).serve()
        else:
            await super().serve(reader, writer)

    def connection(self, reader, writer):
        return Connection(self, reader, writer)

    def note(self, method, target, headers, http="1.1"):
        self.http = http
        return super().note(method, target, headers)

    def write(self, **line):
        super().write(**({"http": self.http} if "n" in line else {}), **line)


class Rest:
    """A reader of which the first bytes were read."""

    def __init__(self, reader, first):
        self.reader, self.first = reader, first

    async def readuntil(self, end):
        first, self.first = self.first, b""
        return first + await self.reader.readuntil(end)

    async def read(self, size):
        first, self.first = self.first, b""
        return first or await self.reader.read(size)

    def __getattr__(self, name):
        return getattr(self.reader, name)


class Patient(h2.connection.H2Connection):
    """Streams go on after a client's GOAWAY (RFC 9113 section 6.8), which the package takes for the end."""

    def _receive_goaway_frame(self, frame):
        return [], []


class Connection:
    def __init__(self, owner, reader, writer):
        self.owner, self.reader, self.writer = owner, reader, writer
        self.h2 = Patient(CONFIG)
        self.asked, self.windows = {}, asyncio.Condition()

    async def serve(self):
        self.h2.initiate_connection()
        answers = set()
        try:
            await self.flush()
            while data := await self.reader.read(65536):
                for event in self.h2.receive_data(data):
                    task = self.take(event)
                    if task is not None:
                        answers.add(asyncio.ensure_future(task))
                async with self.windows:
                    self.windows.notify_all()
                await self.flush()
        except (ConnectionError, h2.exceptions.ProtocolError):
            pass
        finally:
            for target in (asked["target"] for asked in self.asked.values()):
                self.owner.write(target=target, cut=time.time_ns())
            for answer in answers:
                answer.cancel()
            self.writer.close()

    def take(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self.arrived(number, event.headers, event.stream_ended is not None)
        if isinstance(event, h2.events.DataReceived) and number in self.asked:
            self.asked[number]["body"] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, number)
        if isinstance(event, h2.events.StreamEnded) and number in self.asked:
            return self.answer(number)
        if isinstance(event, h2.events.StreamReset) and number in self.asked:
            self.owner.write(target=self.asked.pop(number)["target"], cut=time.time_ns())
        return None

    def arrived(self, number, fields, ended):
        pseudo = {name: value for name, value in fields if name.startswith(":")}
        headers = {"host": pseudo[":authority"], ":authority": pseudo[":authority"]}
        for name, value in fields:
            if not name.startswith(":"):
                headers[name] = headers[name] + "," + value if name in headers else value
        target = pseudo[":path"]
        request_id = self.owner.note(pseudo[":method"], target, headers, "2")
        self.asked[number] = {"method": pseudo[":method"], "target": target, "headers": headers,
                              "body": b"", "request_id": request_id}
        if target.endswith("/refused"):
            self.end(number, ErrorCodes.REFUSED_STREAM)
        elif target.endswith("/reset"):
            self.end(number, ErrorCodes.INTERNAL_ERROR)
        elif target.endswith("/leaving"):
            self.h2.close_connection(last_stream_id=number - 2 if number > 1 else 0)
        elif target.endswith("/early"):
            self.h2.send_headers(number, [(":status", "403"), ("x-amz-request-id", request_id)], end_stream=True)
            self.asked.pop(number) if ended else self.end(number, ErrorCodes.NO_ERROR)

    def end(self, number, code):
        self.asked.pop(number)
        self.h2.reset_stream(number, code)

    async def answer(self, number):
        asked = self.asked[number]
        status, content, extra = self.owner.answer(*(asked[name] for name in ("method", "target", "headers", "body", "request_id")))
        mib = re.search(r"/mib-(\d+)$", asked["target"])
        if mib and status.startswith("200") and asked["method"] == "GET":
            content = bytes(int(mib.group(1)) << 20)
        fields = [(":status", status.split()[0]), ("x-amz-request-id", asked["request_id"]),
                  ("content-length", str(len(content)))]
        self.h2.send_headers(number, fields + [(name.lower(), value) for name, value in extra.items()],
                             end_stream=not content or asked["method"] == "HEAD")
        if content and asked["method"] != "HEAD":
            await self.send(number, content[:len(content) // 2] if asked["target"].endswith("/half") else content,
                            not asked["target"].endswith("/half"))
        if asked["target"].endswith("/half"):
            self.end(number, ErrorCodes.INTERNAL_ERROR)
        self.asked.pop(number, None)
        await self.flush()

    async def send(self, number, content, ends):
        while content:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if room <= 0:
                async with self.windows:
                    await self.windows.wait()
                continue
            part, content = content[:room], content[room:]
            self.h2.send_data(number, part, end_stream=ends and not content)
            await self.flush()

    async def flush(self):
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()


def tls_context(certificate, key, protocols=("h2", "http/1.1")):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(protocols)
    return context


async def main(port, log, admin_key, admin_secret, certificate=None, key=None):
    owner = Stub(log, admin_key, admin_secret)
    context = tls_context(certificate, key) if certificate else None
    server = await asyncio.start_server(owner.serve, "127.0.0.1", int(port), limit=stub.HEADER_LIMIT, ssl=context)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
