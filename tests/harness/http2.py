"""A client of HTTP/2 that shows each frame's effect, and requests signed for it; framing by the package h2."""

import dataclasses
import hashlib
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

UNCHECKED = h2.config.H2Configuration(
    header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False,
    validate_inbound_headers=True,
)


@dataclasses.dataclass
class Stream:
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    interim: list = dataclasses.field(default_factory=list)
    ended: bool = False
    reset: int = None  # the error code


class Peer:
    """One connection. `window`: what each stream may bring; it is then never given back."""

    def __init__(self, port, trust=None, window=None, connected=None):
        self.socket = connected or socket.create_connection(("127.0.0.1", port), timeout=20)
        if trust:
            context = ssl.create_default_context(cafile=trust)
            context.set_alpn_protocols(["h2", "http/1.1"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
            assert self.socket.selected_alpn_protocol() == "h2"
        self.streams, self.gone, self.closed = {}, None, False
        self.h2 = h2.connection.H2Connection(UNCHECKED)
        if window is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.keeps_window = window is not None
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.raw(self.h2.data_to_send())

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def ask(self, headers, body=b"", ends=True):
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = Stream()
        self.h2.send_headers(number, headers, end_stream=ends and not body)
        if body:
            self.send(number, body, ends)
        self.flush()
        return number

    def send(self, number, body, ends=True):
        """As far as windows allow; reads for more, until the stream is over."""
        while body and not (self.streams[number].ended or self.streams[number].reset is not None or self.closed):
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if room <= 0:
                self.flush()
                self.receive()
                continue
            part, body = body[:room], body[room:]
            self.h2.send_data(number, part, end_stream=ends and not body)
        self.flush()

    def receive(self):
        """What comes next; False: nothing more."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return False
        for event in self.h2.receive_data(data):
            self.note(event)
        self.flush()
        return True

    def note(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.gone = event.error_code
        elif stream is None:
            return
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
            stream.status = int(stream.headers[":status"])
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.interim.append(int(dict(event.headers)[":status"]))
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if not self.keeps_window:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code

    def wait(self, *numbers, until=lambda stream: stream.ended or stream.reset is not None):
        """The streams, once they are over."""
        while not all(until(self.streams[number]) for number in numbers) and self.receive():
            pass
        found = [self.streams[number] for number in numbers]
        return found[0] if len(found) == 1 else found

    def until_closed(self):
        while self.receive():
            pass

    def close(self):
        self.socket.close()


class Signed:
    """Requests of one session, as Peer.ask takes them."""

    def __init__(self, session, authority, scheme="http", region="us-east-1", connection=None, service="s3"):
        keys = session.credentials(connection)
        self.signer = S3SigV4Auth(Credentials(keys.key_id, keys.secret, keys.token or None), service, region)
        self.authority, self.scheme = authority, scheme

    def headers(self, method, target, body=b"", unsigned=False, more=(), digest=None):
        digest = digest or ("UNSIGNED-PAYLOAD" if unsigned else hashlib.sha256(body).hexdigest())
        request = AWSRequest(method, f"{self.scheme}://{self.authority}{target}", headers={"x-amz-content-sha256": digest})
        self.signer.payload = lambda _: digest
        self.signer.add_auth(request)
        pseudo = [(":method", method), (":scheme", self.scheme), (":authority", self.authority), (":path", target)]
        return pseudo + [(name.lower(), value) for name, value in request.headers.items()] + list(more)
