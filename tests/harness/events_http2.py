"""The upstream of events over HTTP/2: as harness.events, which it goes on speaking over HTTP/1.1."""

import asyncio

import h2.events
import h2.exceptions
from botocore.eventstream import EventStreamBuffer
from h2.errors import ErrorCodes

from . import stub_http2
from .events import CONTENT_TYPE, EVENTS, EventStub, event

JSON = "application/x-amz-json-1.1"


class EventStubHttp2(stub_http2.Stub, EventStub):
    """`arrived`: target, version of HTTP and X-Amz-Target of every request."""

    def __init__(self, log, admin):
        EventStub.__init__(self, log, admin)
        self.arrived = []

    def forget(self):
        """What came, and how to answer."""
        self.steps = []
        for kept in (self.arrived, self.heard, self.ended, self.rejected, self.sent):
            kept.clear()

    def connection(self, reader, writer):
        return EventConnection(self, reader, writer)

    def note(self, method, target, headers, http="1.1"):
        self.arrived.append((target, http, headers.get("x-amz-target")))
        return super().note(method, target, headers, http)

    def is_streamed(self, method, target, headers, body):
        return not puts_record(headers) and super().is_streamed(method, target, headers, body)

    def answer(self, method, target, headers, body, request_id):
        answer = super().answer(method, target, headers, body, request_id)
        if puts_record(headers) and answer[0] == "200 OK":
            return "200 OK", b'{"SequenceNumber":"7","ShardId":"shardId-000000000000"}', {"Content-Type": JSON}
        return answer

    def reply(self, inner):
        """As the services: a model says what it heard, Polly speaks the text."""
        buffer = EventStreamBuffer()
        buffer.add_data(inner)
        [heard] = buffer
        kind = heard.headers[":event-type"]
        if kind == "TextEvent":
            return event("AudioEvent", heard.payload, "application/octet-stream")
        return event("StreamClosedEvent", {"RequestCharacters": 5}) if kind == "CloseStreamEvent" else event(kind, heard.payload)


def puts_record(headers):
    return headers.get("x-amz-target", "").endswith(".PutRecord")


class EventConnection(stub_http2.Connection):
    def __init__(self, owner, reader, writer):
        super().__init__(owner, reader, writer)
        self.speech = {}  # by stream, of those who stream events

    def take(self, happened):
        number = getattr(happened, "stream_id", None)
        speech = self.speech.get(number)
        if speech and isinstance(happened, h2.events.DataReceived):
            speech.feed_data(happened.data)
            self.h2.acknowledge_received_data(happened.flow_controlled_length, number)
            return None
        if speech and isinstance(happened, h2.events.StreamEnded):
            return speech.feed_eof()
        if speech and isinstance(happened, h2.events.StreamReset):
            speech.set_exception(ConnectionResetError())
        answer = super().take(happened)
        asks = isinstance(happened, h2.events.RequestReceived)
        if asks and self.asked[number]["headers"].get("x-amz-content-sha256") == EVENTS:
            self.speech[number] = asyncio.StreamReader()
            return self.converse(number)
        return answer

    async def converse(self, number):
        asked = self.asked[number]
        try:
            await self.owner.converse(pieces(self.speech[number]), FramedAnswer(self, number), asked["method"],
                                      asked["target"], asked["headers"], asked["request_id"])
        except (ConnectionError, h2.exceptions.ProtocolError):
            self.owner.write(target=asked["target"], cut=True)
        self.asked.pop(number, None)

    async def answer(self, number):
        asked = self.asked[number]
        what = [asked[name] for name in ("method", "target", "headers", "body")]
        if not self.owner.is_streamed(*what):
            return await super().answer(number)
        try:
            await self.owner.stream(FramedAnswer(self, number), asked["request_id"])
        except (ConnectionError, h2.exceptions.ProtocolError):
            self.owner.write(target=asked["target"], cut=True)
        self.asked.pop(number, None)


async def pieces(reader):
    while part := await reader.read(65536):
        yield part


class FramedAnswer:
    """An answer of events over HTTP/2."""

    def __init__(self, connection, number):
        self.connection, self.number = connection, number

    async def head(self, request_id):
        fields = [(":status", "200"), ("content-type", CONTENT_TYPE), ("x-amzn-requestid", request_id)]
        self.connection.h2.send_headers(self.number, fields)
        await self.connection.flush()

    async def write(self, content):
        await self.connection.send(self.number, content, False)

    async def end(self):
        self.connection.h2.end_stream(self.number)
        await self.connection.flush()

    def abort(self):
        self.connection.h2.reset_stream(self.number, ErrorCodes.INTERNAL_ERROR)
        self.connection.writer.write(self.connection.h2.data_to_send())
