"""An S3 for bodies of any size: checks signatures and checksums of what is put, chunk by chunk, and keeps digests only.

strict_store.py PORT LOG. Each whole and right PUT is one JSON line of LOG: {"target", "size", "sha256", "framing", "trailer"};
each wrong or broken one {"target", "wrong"}. GET /BUCKET/SIZE answers that many bytes of `framings.content`.
"""

import base64
import hashlib
import http.server
import json
import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent)]

from chunked import EMPTY, digest  # noqa: E402
from framings import CHECKSUMS, CHUNK, content  # noqa: E402
from harness import sigv4  # noqa: E402
from harness.stub import ASSUMED  # noqa: E402

SECRET, TOKEN, KEY = "strict-store-secret-0000000000000000000000", "strict-store-token", "ASIASTRICTSTORE00000"
# Checksums in plain Python: longer ones are compared by whoever sent them.
SLOW_BYTES_MAX = 4 << 20


class Wrong(Exception):
    pass


class Transport:
    """What HTTP carries, with a length or in chunks."""

    def __init__(self, source, headers):
        self.source, self.in_chunks = source, headers.get("transfer-encoding", "") == "chunked"
        self.left = 0 if self.in_chunks else int(headers.get("content-length", 0))
        self.pending = b""

    def read(self, most):
        """At least a byte, or none at the end."""
        if self.in_chunks and self.left == 0:
            self.left = int(self.source.readline().split(b";")[0], 16)
            if self.left == 0:
                self.source.readline()
                self.in_chunks = False
        got = self.source.read(min(most, self.left))
        if len(got) < min(most, self.left):
            raise Wrong("the body broke off")
        self.left -= len(got)
        if self.in_chunks and self.left == 0:
            self.source.readline()
        return got

    def exactly(self, size):
        while len(self.pending) < size:
            got = self.read(CHUNK)
            if not got:
                raise Wrong("the body is too short")
            self.pending += got
        taken, self.pending = self.pending[:size], self.pending[size:]
        return taken

    def line(self):
        while b"\r\n" not in self.pending:
            got = self.read(CHUNK)
            if not got or len(self.pending) > 2 * CHUNK:
                raise Wrong("a line without an end")
            self.pending += got
        taken, _, self.pending = self.pending.partition(b"\r\n")
        return taken

    def ended(self):
        return not self.pending and not self.read(1)


class Chunks:
    """aws-chunked taken apart; https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html."""

    def __init__(self, transport, headers):
        self.transport, self.date = transport, headers["x-amz-date"]
        self.signed = "HMAC" in headers["x-amz-content-sha256"]
        self.trailing = headers["x-amz-content-sha256"].endswith("TRAILER")
        self.before = headers["authorization"].rsplit("Signature=", 1)[1]
        self.scope = headers["authorization"].split("Credential=")[1].split(",")[0].split("/", 1)[1]
        self.key, self.trailer = ("AWS4" + SECRET).encode(), {}
        for part in self.scope.split("/"):
            self.key = digest(self.key, part).digest()

    def check(self, kind, signature, *hashes):
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", self.date, self.scope, self.before, *hashes])
        self.before = digest(self.key, text).hexdigest()
        if signature != self.before:
            raise Wrong(f"the signature of a {kind.lower()} does not match")

    def __iter__(self):
        while True:
            size, _, extension = self.transport.line().partition(b";")
            data = self.transport.exactly(int(size, 16))
            if self.signed:
                self.check("PAYLOAD", extension.partition(b"=")[2].decode(), EMPTY, hashlib.sha256(data).hexdigest())
            if not data:
                break
            yield data
            self.transport.exactly(2)
        self.read_trailer()

    def read_trailer(self):
        signature = None
        while line := self.transport.line():
            name, _, value = line.decode().partition(":")
            if name == "x-amz-trailer-signature":
                signature = value
            else:
                self.trailer[name] = value
        if self.signed and self.trailing:
            lines = "".join(f"{name}:{value}\n" for name, value in sorted(self.trailer.items()))
            self.check("TRAILER", signature, hashlib.sha256(lines.encode()).hexdigest())
        if self.trailer and not self.trailing:
            raise Wrong("a trailer that was not announced")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = None

    def do_GET(self):
        size = int(self.path.rsplit("/", 1)[1])
        self.head(200, size)
        for block in content(size):
            self.wfile.write(block)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        self.answer(200, ASSUMED.format(key=KEY, secret=SECRET, token=TOKEN, expiry=expiry, name="s", request="r").encode())

    def do_PUT(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            told = self.take(headers)
        except (Wrong, ValueError, KeyError, OSError) as wrong:
            self.note(target=self.path, wrong=f"{type(wrong).__name__}: {wrong}")
            self.close_connection = True
            self.answer(400, b"")
            return
        self.note(target=self.path, **told)
        self.answer(200, b"")

    def take(self, headers):
        declared, transport = headers["x-amz-content-sha256"], Transport(self.rfile, headers)
        is_framed = declared.startswith("STREAMING")
        source = Chunks(transport, headers) if is_framed else iter(lambda: transport.read(CHUNK), b"")
        whole, size = hashlib.sha256(), 0
        trailer = headers.get("x-amz-trailer", "")
        summed = CHECKSUMS[trailer.removeprefix("x-amz-checksum-")]() if trailer else None
        for data in source:
            whole.update(data)
            size += len(data)
            if summed and size <= SLOW_BYTES_MAX:
                summed.update(data)
        if not transport.ended():
            raise Wrong("more than the body")
        if is_framed and size != int(headers["x-amz-decoded-content-length"]):
            raise Wrong("another length than declared")
        if trailer and size <= SLOW_BYTES_MAX and base64.b64encode(summed.digest()).decode() != source.trailer.get(trailer):
            raise Wrong("the checksum does not match")
        why = sigv4.why_invalid("PUT", self.path, headers, None, SECRET, whole.hexdigest())
        if why:
            raise Wrong(why)
        kept = source.trailer if is_framed else {}
        return {"size": size, "sha256": whole.hexdigest(), "framing": declared, "trailer": kept}

    def note(self, **told):
        self.log.write(json.dumps(told) + "\n")

    def head(self, status, size):
        self.send_response(status)
        self.send_header("x-amz-request-id", "STRICTSTORE")
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def answer(self, status, body):
        self.head(status, len(body))
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    Handler.log = open(sys.argv[2], "a", buffering=1)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
