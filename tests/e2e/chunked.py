"""S3 uploads as they travel: each way to vouch for a body, and a sender that waits to be told to send."""

import base64
import hashlib
import hmac
import socket
import zlib
from urllib.parse import urlsplit

import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CHUNK = 64 * 1024
EMPTY = hashlib.sha256(b"").hexdigest()
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
FORMS = {
    "signed": None,
    "unsigned": "UNSIGNED-PAYLOAD",
    "chunks": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "chunks-trailer": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "trailer": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
}


class PresetPayload(S3SigV4Auth):
    def payload(self, request):
        return request.context["declared"]


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256)


class Put:
    """One signed PUT: `headers` and `body` as they go over the wire."""

    def __init__(self, env, path, data, form, spoil=None):
        self.env, self.path, self.data, self.form = env, path, data, form
        declared = FORMS[form] or hashlib.sha256(data).hexdigest()
        extra = {"X-Amz-Content-SHA256": declared}
        if declared.startswith("STREAMING"):
            extra |= {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(data))}
        if declared.endswith("TRAILER"):
            extra["X-Amz-Trailer"] = "x-amz-checksum-crc32"
        self.request = AWSRequest("PUT", env["AWS_ENDPOINT_URL"] + path, headers=extra, data=b"")
        self.request.context["declared"] = declared
        credentials = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
        PresetPayload(credentials, "s3", "us-east-1").add_auth(self.request)
        self.headers = dict(self.request.headers.items())
        self.body = self.encoded(data if spoil is None else spoil(data), data)

    def encoded(self, sent, meant):
        declared = FORMS[self.form] or ""
        if not declared.startswith("STREAMING"):
            return sent
        chunks = [sent[at : at + CHUNK] for at in range(0, len(sent), CHUNK)] + [b""]
        wire, before = b"", self.headers["Authorization"].rsplit("Signature=", 1)[1]
        for chunk in chunks:
            mark = b""
            if "HMAC" in declared:
                before = self.sign("PAYLOAD", before, EMPTY, hashlib.sha256(chunk).hexdigest())
                mark = b";chunk-signature=" + before.encode()
            wire += b"%x%s\r\n" % (len(chunk), mark) + (chunk + b"\r\n" if chunk else b"")
        if declared.endswith("TRAILER"):
            trailer = "x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(meant).to_bytes(4, "big")).decode()
            wire += trailer.encode() + b"\r\n"
            if "HMAC" in declared:
                signature = self.sign("TRAILER", before, hashlib.sha256((trailer + "\n").encode()).hexdigest())
                wire += b"x-amz-trailer-signature:" + signature.encode() + b"\r\n"
        return wire + b"\r\n"

    def sign(self, kind, before, *hashes):
        date = self.headers["X-Amz-Date"]
        scope = f"{date[:8]}/us-east-1/s3/aws4_request"
        key = ("AWS4" + self.env["AWS_SECRET_ACCESS_KEY"]).encode()
        for part in scope.split("/"):
            key = digest(key, part).digest()
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", date, scope, before, *hashes])
        return digest(key, text).hexdigest()

    def send(self):
        return requests.put(self.env["AWS_ENDPOINT_URL"] + self.path, data=self.body, headers=self.headers, timeout=60)

    def send_waiting(self, seconds=10):
        """Sends the head with Expect: 100-continue: (what came before the body was sent, what came after)."""
        host = urlsplit(self.env["AWS_ENDPOINT_URL"])
        fields = self.headers | {"Host": host.netloc, "Content-Length": len(self.body), "Expect": "100-continue"}
        head = f"PUT {self.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with socket.create_connection((host.hostname, host.port), timeout=seconds) as agent:
            agent.sendall(head.encode() + b"\r\n")
            told = agent.recv(65536)
            if not told.startswith(b"HTTP/1.1 100"):
                return told, b""
            agent.sendall(self.body)
            return told, agent.recv(65536)
