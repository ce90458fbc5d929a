"""SigV4A beside the product: keys, signatures and chunks out of `cryptography`, canonical requests out of botocore.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html; key derivation as in aws-c-auth's key_derivation.c.
"""

import base64
import hashlib
import hmac
import re
import zlib

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ALGORITHM = "AWS4-ECDSA-P256-SHA256"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=([^/]+)/(\d{8})/([^/]+)/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]+)"
)
CHUNK = 64 * 1024
PADDED = 144
EMPTY = hashlib.sha256(b"").hexdigest()


def key_pair(key_id, secret):
    for counter in range(1, 255):
        text = b"\0\0\0\1" + ALGORITHM.encode() + b"\0" + key_id.encode() + bytes([counter]) + b"\0\0\1\0"
        number = int.from_bytes(hmac.digest(b"AWS4A" + secret.encode(), text, "sha256"), "big")
        if number <= ORDER - 2:
            return ec.derive_private_key(number + 1, ec.SECP256R1())
    raise ValueError("no key in 254 candidates")


def signature(key, text):
    return key.sign(text.encode(), ec.ECDSA(SHA256())).hex()


def holds(key, text, given):
    try:
        key.public_key().verify(bytes.fromhex(given), text.encode(), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


class Canonical(SigV4Auth):
    """Exactly the headers that are listed, the payload as declared, and the path of `as_sent` services as it came."""

    as_sent = ("s3", "s3express")

    def headers_to_sign(self, request):
        listed = HTTPHeaders()
        for name in request.context["signed"]:
            listed[name] = request.headers.get(name, "")
        return listed

    def payload(self, request):
        return request.context["payload"]

    def _normalize_url_path(self, path):
        return path if self._service_name in self.as_sent else super()._normalize_url_path(path)


def text_to_sign(method, target, headers, signed, payload, date, scope):
    service = scope.split("/")[1]
    request = AWSRequest(method, f"http://{headers['host']}{target}", headers=headers)
    request.context.update(signed=signed, payload=payload)
    canonical = Canonical(Credentials("", ""), service, "").canonical_request(request)
    return "\n".join([ALGORITHM, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])


def sign(method, target, headers, payload, credentials, service, region_set, date):
    """The headers with those of a signature; `headers` has lower-case names, host among them."""
    key_id, secret, token = credentials
    whole = headers | {"x-amz-date": date, "x-amz-region-set": region_set, "x-amz-content-sha256": payload}
    if token:
        whole["x-amz-security-token"] = token
    signed, scope = sorted(whole), f"{date[:8]}/{service}/aws4_request"
    text = text_to_sign(method, target, whole, signed, payload, date, scope)
    made = signature(key_pair(key_id, secret), text)
    whole["authorization"] = (
        f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={';'.join(signed)}, Signature={made}"
    )
    return whole


def why_invalid(method, target, headers, body, secret):
    """None if signature and body hold, else what is wrong. `headers`: lower-case names to values."""
    match = AUTHORIZATION.match(headers.get("authorization", ""))
    if not match:
        return "no SigV4A Authorization header"
    key_id, day, service, signed, given = match.groups()
    signed, scope = signed.split(";"), f"{day}/{service}/aws4_request"
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signed]
    if "host" not in signed or "x-amz-region-set" not in signed or unsigned:
        return f"not signed: {unsigned or 'host or region set'}"
    declared = headers.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest())
    if re.fullmatch(r"[0-9a-f]{64}", declared) and hashlib.sha256(body).hexdigest() != declared:
        return "the body is not the one that was signed"
    key, date = key_pair(key_id, secret), headers["x-amz-date"]
    if not holds(key, text_to_sign(method, target, headers, signed, declared, date, scope), given):
        return "the signature does not match"
    return Chunks(key, date, scope, given).why_invalid(body) if declared.startswith(f"STREAMING-{ALGORITHM}") else None


class Chunks:
    """The chain of an upload's signatures, each over the one before; padded with `*` on the wire, never when signed."""

    def __init__(self, key, date, scope, seed):
        self.key, self.begin, self.before = key, f"{date}\n{scope}\n", seed

    def text(self, kind, *hashes):
        return f"{ALGORITHM}-{kind}\n{self.begin}" + "\n".join([self.before, *hashes])

    def sign(self, kind, *hashes):
        self.before = signature(self.key, self.text(kind, *hashes))
        return self.before.ljust(PADDED, "*").encode()

    def check(self, kind, given, *hashes):
        held = len(given) == PADDED and holds(self.key, self.text(kind, *hashes), given.rstrip("*"))
        self.before = given.rstrip("*")
        return held

    def encode(self, data, trailer=True):
        wire = b""
        for chunk in [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)] + [b""]:
            mark = self.sign("PAYLOAD", EMPTY, hashlib.sha256(chunk).hexdigest())
            wire += b"%x;chunk-signature=%s\r\n" % (len(chunk), mark) + (chunk + b"\r\n" if chunk else b"")
        if trailer:
            line = "x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
            mark = self.sign("TRAILER", hashlib.sha256((line + "\n").encode()).hexdigest())
            wire += line.encode() + b"\r\nx-amz-trailer-signature:" + mark + b"\r\n"
        return wire + b"\r\n"

    def why_invalid(self, body):
        size = None
        while size != 0:
            line, body = body.split(b"\r\n", 1)
            size, mark = line.decode().split(";chunk-signature=")
            size = int(size, 16)
            data, body = body[:size], body[size + 2 if size else 0 :]
            if not self.check("PAYLOAD", mark, EMPTY, hashlib.sha256(data).hexdigest()):
                return "a chunk's signature does not match"
        *trailers, mark = body.removesuffix(b"\r\n").decode().split("\r\n")[:-1] or [""]
        if not mark:
            return None
        lines = "".join(line + "\n" for line in trailers)
        given = mark.removeprefix("x-amz-trailer-signature:")
        held = self.check("TRAILER", given, hashlib.sha256(lines.encode()).hexdigest())
        return None if held else "the trailers' signature does not match"
