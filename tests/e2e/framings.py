"""Bodies of any size and the ways they travel, made and sent block by block.

A framing is what vouches for a body (chunked.FORMS), with the kind of a checksum behind it, and how HTTP carries it: with a
length, or in chunks ("-chunked"). `send` gives the answer; `content` is what a body of some size holds.
"""

import base64
import hashlib
import http.client
import random
import struct
import zlib
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chunked import EMPTY, FORMS, PresetPayload, digest

BLOCK = 1 << 20
CHUNK = 64 * 1024
FILLING = random.Random(7).randbytes(BLOCK)
FRAMINGS = ["signed", "unsigned", "unsigned-chunked", "trailer", "trailer-chunked", "chunks", "chunks-chunked", "chunks-trailer",
            "chunks-trailer-chunked"]


def content(size):
    """Blocks that no two places share."""
    for number in range((size + BLOCK - 1) // BLOCK):
        block = struct.pack(">Q", number) + FILLING[8:]
        yield block[: min(BLOCK, size - number * BLOCK)]


def sha256_of(blocks):
    whole = hashlib.sha256()
    for block in blocks:
        whole.update(block)
    return whole.hexdigest()


def table(polynomial):
    made = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial & -(value & 1))
        made.append(value)
    return made


class Crc:
    """A reflected CRC with all bits set before and flipped behind, byte by byte."""

    def __init__(self, polynomial, size):
        self.table, self.mask, self.size = table(polynomial), (1 << 8 * size) - 1, size
        self.state = self.mask

    def update(self, data):
        state, rows = self.state, self.table
        for byte in data:
            state = (state >> 8) ^ rows[(state ^ byte) & 0xFF]
        self.state = state

    def digest(self):
        return (self.state ^ self.mask).to_bytes(self.size, "big")


class Crc32:
    state = 0

    def update(self, data):
        self.state = zlib.crc32(data, self.state)

    def digest(self):
        return self.state.to_bytes(4, "big")


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html; polynomials from the
# catalogue of parametrised CRC algorithms, whose check values test_framings.py has.
CHECKSUMS = {
    "crc32": Crc32, "crc32c": lambda: Crc(0x82F63B78, 4), "crc64nvme": lambda: Crc(0x9A6C9329AC4BC9B5, 8),
    "sha1": hashlib.sha1, "sha256": hashlib.sha256,
}


class Upload:
    """One PUT. `wrong` declares the checksum of something else, in the trailer."""

    def __init__(self, env, path, size, framing, checksum="crc32", wrong=False):
        self.env, self.path, self.size, self.checksum, self.wrong = env, path, size, checksum, wrong
        self.in_chunks = framing.endswith("-chunked")
        self.declared = FORMS[framing.removesuffix("-chunked")] or sha256_of(content(size))
        headers = {"X-Amz-Content-SHA256": self.declared}
        if self.declared.startswith("STREAMING"):
            headers |= {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(size)}
        if self.declared.endswith("TRAILER"):
            headers["X-Amz-Trailer"] = f"x-amz-checksum-{checksum}"
        request = AWSRequest("PUT", env["AWS_ENDPOINT_URL"] + path, headers=headers, data=b"")
        request.context["declared"] = self.declared
        credentials = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN"))
        PresetPayload(credentials, "s3", "us-east-1").add_auth(request)
        self.headers = dict(request.headers.items())
        self.before = self.headers["Authorization"].rsplit("Signature=", 1)[1]
        self.key = ("AWS4" + env["AWS_SECRET_ACCESS_KEY"]).encode()
        self.scope = f"{self.headers['X-Amz-Date'][:8]}/us-east-1/s3/aws4_request"
        for part in self.scope.split("/"):
            self.key = digest(self.key, part).digest()

    def sign(self, kind, *hashes):
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", self.headers["X-Amz-Date"], self.scope, self.before, *hashes])
        self.before = digest(self.key, text).hexdigest()
        return self.before.encode()

    def chunk(self, data):
        mark = b""
        if "HMAC" in self.declared:
            mark = b";chunk-signature=" + self.sign("PAYLOAD", EMPTY, hashlib.sha256(data).hexdigest())
        return b"%x%s\r\n" % (len(data), mark) + (data + b"\r\n" if data else b"")

    def trailer(self, summed):
        if self.wrong:
            summed.update(b"more")
        line = f"x-amz-checksum-{self.checksum}:{base64.b64encode(summed.digest()).decode()}".encode()
        if "HMAC" in self.declared:
            signature = self.sign("TRAILER", hashlib.sha256(line + b"\n").hexdigest())
            return line + b"\r\nx-amz-trailer-signature:" + signature + b"\r\n"
        return line + b"\r\n"

    def wire(self):
        if not self.declared.startswith("STREAMING"):
            yield from content(self.size)
            return
        summed = CHECKSUMS[self.checksum]()
        for block in content(self.size):
            if self.declared.endswith("TRAILER"):
                summed.update(block)
            yield b"".join(self.chunk(block[at : at + CHUNK]) for at in range(0, len(block), CHUNK))
        yield self.chunk(b"") + (self.trailer(summed) if self.declared.endswith("TRAILER") else b"") + b"\r\n"

    def length(self):
        if not self.declared.startswith("STREAMING"):
            return self.size
        mark = len(";chunk-signature=") + 64 if "HMAC" in self.declared else 0
        framed = sum(len(b"%x" % len(block[at : at + CHUNK])) + mark + 4 + len(block[at : at + CHUNK])
                     for block in content(self.size) for at in range(0, len(block), CHUNK))
        trailer = 0
        if self.declared.endswith("TRAILER"):
            trailer = len(f"x-amz-checksum-{self.checksum}:") + 4 * ((len(CHECKSUMS[self.checksum]().digest()) + 2) // 3) + 2
            trailer += len("x-amz-trailer-signature:") + 64 + 2 if mark else 0
        return framed + 1 + mark + 2 + trailer + 2

    def send(self, timeout=1800):
        """Status and body. An answer that comes before the whole body was sent is taken too."""
        host = urlsplit(self.env["AWS_ENDPOINT_URL"])
        connection = http.client.HTTPConnection(host.hostname, host.port, timeout=timeout)
        framing = {"Transfer-Encoding": "chunked"} if self.in_chunks else {"Content-Length": str(self.length())}
        try:
            try:
                connection.request("PUT", self.path, body=self.wire(), headers=self.headers | framing, encode_chunked=self.in_chunks)
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
