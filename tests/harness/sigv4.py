"""Verifies a SigV4 header signature over the raw request, with botocore as the signer; SigV4A: sigv4a.py."""

import hashlib
import re

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from . import sigv4a

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=(\w{64})"
)


class SignedAsSent:
    """Signs exactly the headers that the client listed, with the target as it came."""

    def headers_to_sign(self, request):
        listed = HTTPHeaders()
        for name in request.context["signed"]:
            listed[name] = request.headers.get(name, "")
        return listed

    def _normalize_url_path(self, path):
        return path if self._service_name in ("s3", "s3express") else super()._normalize_url_path(path)


class Signer(SignedAsSent, SigV4Auth):
    pass


class S3Signer(SignedAsSent, S3SigV4Auth):
    pass


def key_id(headers):
    authorization = headers.get("authorization", "")
    match = AUTHORIZATION.match(authorization) or sigv4a.AUTHORIZATION.match(authorization)
    return match.group(1) if match else None


def why_invalid(method, target, headers, body, secret, body_sha256=None):
    """None if the signature holds, else what is wrong. `headers`: lower-case names to values; of a body that is not held
    its digest is enough."""
    if headers.get("authorization", "").startswith(sigv4a.ALGORITHM):
        return sigv4a.why_invalid(method, target, headers, body, secret)
    match = AUTHORIZATION.match(headers.get("authorization", ""))
    if not match:
        return "no SigV4 Authorization header"
    key, date, region, service, signed, signature = match.groups()
    signed = signed.split(";")
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signed and name != "x-amz-trailer"]
    if not {"host", ":authority"}.intersection(signed) or unsigned:
        return f"not signed: {unsigned or 'host'}"
    declared = headers.get("x-amz-content-sha256")
    if declared and re.fullmatch(r"[0-9a-f]{64}", declared) and (body_sha256 or hashlib.sha256(body).hexdigest()) != declared:
        return "the body is not the one that was signed"
    request = AWSRequest(method, f"http://{headers['host']}{target}", headers=headers, data=body)
    request.context.update(signed=signed, timestamp=headers["x-amz-date"], payload_signing_enabled=True)
    signer = (S3Signer if service in ("s3", "s3express") else Signer)(Credentials(key, secret), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    if signer.signature(text, request) != signature:
        return "the signature does not match"
    return None
