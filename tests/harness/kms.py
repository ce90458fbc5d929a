"""A stand-in for AWS KMS: one Ed25519 key, Sign and GetPublicKey in the JSON 1.1 protocol, as strict as AWS is.

Written from the service model and the API reference; botocore checks the signatures of requests, `cryptography` makes
those of notes. It refuses whatever KMS would refuse, and remembers why, so that a test can say that it refused nothing.
"""

import base64
import calendar
import http.server
import json
import secrets
import threading
import time

from botocore.session import get_session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .emulator import ACCOUNT, REGION, Credentials
from .sigv4 import AUTHORIZATION, why_invalid

SPEC, ALGORITHM = "ECC_NIST_EDWARDS25519", "ED25519_SHA_512"
ALGORITHMS = [ALGORITHM, "ED25519_PH_SHA_512"]
MODEL = get_session().get_service_model("kms")


class Refused(Exception):
    def __init__(self, code, why, status=400):
        super().__init__(why)
        self.code, self.status = code, status


class StrictKms:
    """`fault`, if set, is asked with operation and true answer for the answer to give instead: a dict, (status, bytes), or
    None to hang up. `forbidden` are operations that the key's policy does not allow."""

    def __init__(self, folder, region=REGION):
        self.folder, self.region = folder, region
        self.credentials = Credentials("AKIAKMSRECORDER00000", "kms-secret-of-the-recorder-0000000000000")
        self.key = Ed25519PrivateKey.generate()
        self.arn = f"arn:aws:kms:{region}:{ACCOUNT}:key/{secrets.token_hex(4)}-12ab-34cd-56ef-1234567890ab"
        self.enabled, self.forbidden, self.fault = True, set(), None
        self.asked, self.refused, self.signed = [], [], []
        self.server = None
        self.port = 0
        self.start()

    def start(self):
        """Also after a stop, at the port that it had."""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def toml(self):
        """The settings of [evidence]."""
        path = self.folder / "log-key.credentials"
        path.write_text(f"[default]\naws_access_key_id = {self.credentials.key_id}\n"
                        f"aws_secret_access_key = {self.credentials.secret}\n")
        return (f'log_key = "kms:{self.arn}"\nlog_key_endpoint = "{self.endpoint}"\n'
                f'log_key_credentials = "{path}"\n')

    def public_key(self):
        return self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def count(self, operation):
        return self.asked.count(operation)

    def _handler(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = outer.answer(self.command, self.path, headers, body)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, content = answer
                self.send_response(status)
                self.send_header("x-amzn-RequestId", secrets.token_hex(16))
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass  # whoever asked has gone

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, method, path, headers, body):
        operation = headers.get("x-amz-target", "").removeprefix("TrentService.")
        self.asked.append(operation)
        try:
            status, said = 200, self._serve(method, path, headers, body, operation)
        except Refused as refused:
            self.refused.append(f"{operation}: {refused.code}: {refused}")
            status, said = refused.status, {"__type": refused.code, "message": str(refused)}
        if self.fault:
            said = self.fault(operation, said)
            if said is None or isinstance(said, tuple):
                return said
        return status, json.dumps(said).encode()

    def _serve(self, method, path, headers, body, operation):
        if (method, path) != ("POST", "/") or headers.get("content-type") != "application/x-amz-json-1.1":
            raise Refused("UnknownOperationException", "no request of this protocol")
        if operation not in ("Sign", "GetPublicKey"):
            raise Refused("UnknownOperationException", operation)
        self._authenticate(method, path, headers, body)
        asked = self._read(operation, body)
        self._authorize(operation, asked["KeyId"])
        return self._sign(asked) if operation == "Sign" else self._public_key()

    def _authenticate(self, method, path, headers, body):
        match = AUTHORIZATION.match(headers.get("authorization", ""))
        if not match:
            raise Refused("MissingAuthenticationTokenException", "not signed")
        key_id, date, region, service, signed, _ = match.groups()
        if (region, service) != (self.region, "kms") or headers["x-amz-date"][:8] != date:
            raise Refused("InvalidSignatureException", f"credential scope {date}/{region}/{service}")
        if abs(calendar.timegm(time.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")) - time.time()) > 300:
            raise Refused("InvalidSignatureException", "the signature has expired")
        if key_id != self.credentials.key_id:
            raise Refused("UnrecognizedClientException", "no such access key")
        wrong = why_invalid(method, path, headers, body, self.credentials.secret)
        if wrong or "content-type" not in signed.split(";"):
            raise Refused("InvalidSignatureException", wrong or "content-type is not signed")

    def _read(self, operation, body):
        """What the service model lets pass: known members, of their types, the required ones there."""
        shape = MODEL.operation_model(operation).input_shape

        def no_duplicates(pairs):
            if len(dict(pairs)) != len(pairs):
                raise Refused("SerializationException", "a member twice")
            return dict(pairs)

        try:
            asked = json.loads(body, object_pairs_hook=no_duplicates)
        except ValueError:
            raise Refused("SerializationException", "no JSON") from None
        if set(asked) - set(shape.members) or set(shape.required_members) - set(asked):
            raise Refused("ValidationException", f"members {sorted(asked)}")
        for name, value in asked.items():
            kind = {"string": str, "blob": str, "list": list, "boolean": bool}[shape.members[name].type_name]
            if not isinstance(value, kind):
                raise Refused("SerializationException", f"{name} is no {kind.__name__}")
            allowed = getattr(shape.members[name], "enum", None)
            if allowed and value not in allowed:
                raise Refused("ValidationException", f"{name} {value}")
        return asked

    def _authorize(self, operation, key_id):
        if key_id not in (self.arn, self.arn.rsplit("/", 1)[1]):
            raise Refused("NotFoundException", f"Key '{key_id}' does not exist")
        if operation in self.forbidden:
            raise Refused("AccessDeniedException", f"not authorized to perform: kms:{operation}")
        if not self.enabled:
            raise Refused("DisabledException", f"{self.arn} is disabled.")

    def _sign(self, asked):
        message = base64.b64decode(asked["Message"], validate=True)
        if not 1 <= len(message) <= 4096:
            raise Refused("ValidationException", f"Message of {len(message)} bytes")
        if asked["SigningAlgorithm"] not in ALGORITHMS:
            raise Refused("InvalidKeyUsageException", f"{asked['SigningAlgorithm']} is not this key's")
        if (asked["SigningAlgorithm"], asked.get("MessageType", "RAW")) != (ALGORITHM, "RAW"):
            raise Refused("ValidationException", "ED25519_SHA_512 and RAW go together; the other pair is not made here")
        self.signed.append(message)
        return {"KeyId": self.arn, "Signature": base64.b64encode(self.key.sign(message)).decode(),
                "SigningAlgorithm": ALGORITHM}

    def _public_key(self):
        info = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {"KeyId": self.arn, "PublicKey": base64.b64encode(info).decode(), "CustomerMasterKeySpec": SPEC,
                "KeySpec": SPEC, "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": ALGORITHMS}
