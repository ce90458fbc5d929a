"""A CloudTrail trail in a folder, as CloudTrail delivers it: packed logs, digests, RSA signatures.

Written from AWS's pages, not from the reader under test; `aws_agrees` asks the AWS CLI's own validator.
"""

import base64
import datetime
import gzip
import hashlib
import json
import pathlib
import uuid

from awscli.customizations.cloudtrail.validation import Sha256RSADigestValidator
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .emulator import ACCOUNT, REGION, ROLE_ARN, ROLE_NAME

BUCKET = "the-trail"
UTC = datetime.timezone.utc


class SigningKey:
    """What CloudTrail has one of in each region."""

    def __init__(self):
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.der = self.private.public_key().public_bytes(serialization.Encoding.DER,
                                                          serialization.PublicFormat.PKCS1)
        self.fingerprint = hashlib.md5(self.der, usedforsecurity=False).hexdigest()

    def sign(self, text):
        return self.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()

    def listed(self):
        """As `aws cloudtrail list-public-keys` prints it."""
        return {"Value": base64.b64encode(self.der).decode(), "Fingerprint": self.fingerprint}


def iso(when):
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Trail:
    """Logs of one account and region, an hourly digest for each hour that is closed."""

    def __init__(self, root, account=ACCOUNT, region=REGION, key=None):
        self.root, self.account, self.region = pathlib.Path(root), account, region
        self.key = key or SigningKey()
        self.previous = None  # (key, hash, signature)
        self.logs = []  # of the hour that is open
        self.digests = []
        self.written = 0

    def _write(self, key, content, unpacked=False):
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if unpacked else gzip.compress(content, 6, mtime=0))
        return path

    def log(self, events, when, listed=True):
        """A log file with these events, delivered at `when`; its path."""
        self.written += 1
        name = f"{self.account}_CloudTrail_{self.region}_{when:%Y%m%dT%H%M}Z_{self.written:016d}.json.gz"
        key = f"AWSLogs/{self.account}/CloudTrail/{self.region}/{when:%Y/%m/%d}/{name}"
        content = json.dumps({"Records": list(events)}, separators=(",", ":")).encode()
        path = self._write(key, content)
        if listed:
            self.logs.append((key, hashlib.sha256(content).hexdigest()))
        return path

    def stream(self, events, when):
        """The same of any number of events, which are not held."""
        self.written += 1
        name = f"{self.account}_CloudTrail_{self.region}_{when:%Y%m%dT%H%M}Z_{self.written:016d}.json.gz"
        key = f"AWSLogs/{self.account}/CloudTrail/{self.region}/{when:%Y/%m/%d}/{name}"
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        hasher = hashlib.sha256()
        with gzip.open(path, "wb", 1) as packed:
            def put(data):
                hasher.update(data)
                packed.write(data)
            put(b'{"Records":[')
            for number, event in enumerate(events):
                put((b"," if number else b"") + (event if isinstance(event, bytes) else json.dumps(event).encode()))
            put(b"]}")
        self.logs.append((key, hasher.hexdigest()))
        return path

    def digest(self, start, end, key=None, signature_beside=True, trail="my-trail"):
        """Closes an hour; the digest's path."""
        key = key or self.key
        name = (f"{self.account}_CloudTrail-Digest_{self.region}_{trail}_{self.region}_"
                f"{end:%Y%m%dT%H%M%S}Z.json.gz")
        where = f"AWSLogs/{self.account}/CloudTrail-Digest/{self.region}/{end:%Y/%m/%d}/{name}"
        before = self.previous or (None, None, None)
        document = {
            "awsAccountId": self.account,
            "digestStartTime": iso(start),
            "digestEndTime": iso(end),
            "digestS3Bucket": BUCKET,
            "digestS3Object": where,
            "digestPublicKeyFingerprint": key.fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": iso(end), "oldestEventTime": iso(start),
            "previousDigestS3Bucket": BUCKET if before[0] else None,
            "previousDigestS3Object": before[0],
            "previousDigestHashValue": before[1],
            "previousDigestHashAlgorithm": "SHA-256" if before[0] else None,
            "previousDigestSignature": before[2],
            "logFiles": [
                {"s3Bucket": BUCKET, "s3Object": log, "hashValue": value, "hashAlgorithm": "SHA-256",
                 "newestEventTime": iso(end), "oldestEventTime": iso(start)} for log, value in self.logs
            ],
        }
        content = json.dumps(document).encode()
        value = hashlib.sha256(content).hexdigest()
        signature = key.sign(f"{iso(end)}\n{BUCKET}/{where}\n{value}\n{before[2] or 'null'}")
        path = self._write(where, content)
        if signature_beside:
            path.with_name(path.name + ".signature").write_text(signature + "\n")
        self.previous, self.logs = (where, value, signature), []
        self.digests.append((path, document, content, signature, key))
        return path

    def aws_agrees(self):
        """That the AWS CLI's validator takes every digest as signed; raises if not."""
        for path, document, content, signature, key in self.digests:
            document = document | {"_signature": signature}
            Sha256RSADigestValidator().validate(
                BUCKET, document["digestS3Object"], base64.b64encode(key.der).decode(), document, content)

    def public_keys(self, path, *more):
        path.write_text(json.dumps({"PublicKeyList": [key.listed() for key in (self.key, *more)]}))
        return path


def event_id():
    return str(uuid.uuid4())


def lowered(parameters):
    """Parameters as CloudTrail writes them: names begin in lower case; S3 calls its bucket by another name."""
    names = {"Bucket": "bucketName", "Key": "key"}
    return {names.get(name, name[0].lower() + name[1:]): value for name, value in parameters.items()}


SOURCES = {"cloudwatch": "monitoring", "stepfunctions": "states"}


class Caller:
    """The identity that an event names: a session of an assumed role."""

    def __init__(self, key_id, session_name="", role=ROLE_ARN, source_identity="", account=ACCOUNT, invoked_by=""):
        self.key_id, self.session_name, self.role, self.account = key_id, session_name, role, account
        self.source_identity, self.invoked_by = source_identity, invoked_by

    def identity(self):
        name = self.role.rsplit("/", 1)[1]
        context = {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "arn": self.role,
                                     "accountId": self.account, "userName": name},
                   "attributes": {"creationDate": "2026-11-26T00:00:00Z", "mfaAuthenticated": "false"}}
        if self.source_identity:
            context["sourceIdentity"] = self.source_identity
        found = {"type": "AssumedRole", "principalId": f"AROAEXAMPLE:{self.session_name}",
                 "arn": f"arn:aws:sts::{self.account}:assumed-role/{name}/{self.session_name}",
                 "accountId": self.account, "sessionContext": context}
        if self.key_id:
            found["accessKeyId"] = self.key_id
        if self.invoked_by:
            found["invokedBy"] = self.invoked_by
        return found


def user(name="gateway", key_id="AKIAIOSFODNN7EXAMPLE", account=ACCOUNT):
    return {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": f"arn:aws:iam::{account}:user/{name}",
            "accountId": account, "accessKeyId": key_id, "userName": name}


def event(service, name, identity, when, request_id="", parameters=None, error="", data=False, region=REGION, **more):
    found = {
        "eventVersion": "1.11", "userIdentity": identity.identity() if isinstance(identity, Caller) else identity,
        "eventTime": iso(when), "eventSource": f"{SOURCES.get(service, service)}.amazonaws.com", "eventName": name,
        "awsRegion": region, "sourceIPAddress": "192.0.2.7", "userAgent": "Boto3/1.44",
        "requestParameters": parameters, "responseElements": None,
        "requestID": request_id or event_id(), "eventID": event_id(), "readOnly": False,
        "eventType": "AwsApiCall", "managementEvent": not data, "recipientAccountId": ACCOUNT,
        "eventCategory": "Data" if data else "Management",
    }
    if error:
        found |= {"errorCode": error, "errorMessage": "no"}
    return found | more


# ---- from a recording

DATA = {("s3", "PutObject"), ("s3", "GetObject"), ("s3", "DeleteObject"), ("s3", "HeadObject"), ("s3", "ListObjectsV2"),
        ("dynamodb", "PutItem"), ("dynamodb", "GetItem")}
RENAMED = {("s3", "ListObjectsV2"): "ListObjects", ("lambda", "CreateFunction"): "CreateFunction20150331"}


class Recorded:
    """What a gateway's recordings let one expect of CloudTrail: the events of its calls."""

    def __init__(self, records):
        self.credentials = {record.get("key_id"): record for record in records.of_kind("credential")}
        self.operations = [each for each in records.operations() if each.of_kind("sent")]
        self.last = max(datetime.datetime.fromisoformat(each.intent.time) for each in self.operations)

    def caller(self, operation):
        key_id = operation.of_kind("sent")[0].get("upstream_key_id")
        credential = self.credentials[key_id]
        return Caller(key_id, credential.get("role_session_name"), source_identity="test-agent@ada@example.com")

    def events(self, operations=None):
        return [self.event(each) for each in (self.operations if operations is None else operations)]

    def event(self, operation, **more):
        service, name = operation.intent.get("service"), operation.intent.get("operation")
        results = operation.of_kind("result")
        status = results[0].get("status") if results else 200
        shown = {key: value for key, value in operation.intent.get("parameters", default={}).items()
                 if not isinstance(value, (dict, list))}
        given = {
            "request_id": next(iter(operation.request_ids()), ""), "parameters": lowered(shown),
            "error": "NoSuchKey" if status >= 400 else "", "data": (service, name) in DATA,
        } | more
        return event(service, RENAMED.get((service, name), name), self.caller(operation),
                     datetime.datetime.fromisoformat(operation.intent.time), **given)

    def assumed(self):
        """The gateway's own AssumeRole calls."""
        return [event("sts", "AssumeRole", user(), datetime.datetime.fromisoformat(record.time),
                      request_id=record.get("request_id"),
                      parameters={"roleArn": ROLE_ARN, "roleSessionName": record.get("role_session_name"),
                                  "durationSeconds": 3600, "sourceIdentity": "test-agent@ada@example.com"})
                for record in self.credentials.values()]
