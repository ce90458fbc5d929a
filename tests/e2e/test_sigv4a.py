"""SigV4A: what agents sign for several regions is verified, decided for each, and signed anew; the upstream checks it."""

import json
import subprocess
import time
import zlib

import pytest
import requests

from harness import sigv4a
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON, clean_environment
from harness.upstream import StrictUpstream

S3 = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
EAST_AND_WEST = {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}
ONE = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
FORMS = ["signed", "unsigned", "chunks", "chunks-trailer"]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    made = StrictUpstream(tmp_path_factory.mktemp("upstream"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, tmp_path_factory):
    allowed = scope(
        statement(S3, ["arn:aws:s3:::any", "arn:aws:s3:::any/*"]),
        statement(S3, "arn:aws:s3:::both/*", Condition=EAST_AND_WEST),
        statement(S3, "arn:aws:s3:::one/*", Condition=ONE),
        statement("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:q"),
        statement("sqs:SendMessage", "arn:aws:sqs:*:123456789012:everywhere"),
    )
    connection = Connection("c", allowed, upstream.endpoint, more_regions=("eu-west-1",))
    made = Gateway(tmp_path_factory.mktemp("sigv4a"), [connection], upstream.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


class Request:
    """One request signed with SigV4A, and its answer."""

    def __init__(self, session, method, target, region_set, body=b"", form="signed", service="s3", spoil=None, **headers):
        found = session.credentials()
        self.keys = (found.key_id, found.secret, found.token)
        self.url, self.method, self.target = session.agents_url, method, target
        date, streaming = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), form.startswith("chunks")
        payload = {"signed": sigv4a.hashlib.sha256(body).hexdigest(), "unsigned": "UNSIGNED-PAYLOAD"}.get(form)
        headers = {"host": self.url.removeprefix("http://")} | {name.replace("_", "-"): value for name, value in headers.items()}
        if streaming:
            headers |= {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body))}
            payload = f"STREAMING-{sigv4a.ALGORITHM}-PAYLOAD"
        if form == "chunks-trailer":
            headers["x-amz-trailer"], payload = "x-amz-checksum-crc32", payload + "-TRAILER"
        self.headers = sigv4a.sign(method, target, headers, payload, self.keys, service, region_set, date)
        if streaming:
            seed = self.headers["authorization"].rsplit("Signature=", 1)[1]
            chunks = sigv4a.Chunks(sigv4a.key_pair(*self.keys[:2]), date, f"{date[:8]}/{service}/aws4_request", seed)
            body = chunks.encode(body, form == "chunks-trailer")
        self.body = body if spoil is None else spoil(body)

    def send(self):
        return requests.request(self.method, self.url + self.target, data=self.body, headers=self.headers, timeout=30)


def arrived(upstream, target):
    return [line for line in upstream.lines() if line.get("target") == target]


@pytest.mark.parametrize("size", [0, 100, 200_000])
@pytest.mark.parametrize("form", FORMS)
def test_uploads_in_every_form(gateway, upstream, session, form, size):
    target = f"/any/{form}-{size}"
    answer = Request(session, "PUT", target, "us-east-1,eu-west-1", b"x" * size, form).send()
    assert answer.status_code == 200, answer.text
    assert [line.get("region_set") for line in arrived(upstream, target)] == ["us-east-1,eu-west-1"]
    operation = next(op for op in gateway.records(session).operations() if op.target == target)
    sent, signature = operation.of_kind("sent")[0], operation.intent.get("signature")
    assert (sent.get("algorithm"), sent.get("region_set")) == (sigv4a.ALGORITHM, "us-east-1,eu-west-1")
    assert (signature["scheme"], signature["region_set"]) == ("sigv4a", "us-east-1,eu-west-1")


@pytest.mark.parametrize("size", [100, 200_000])
@pytest.mark.parametrize("form", ["signed", "chunks", "chunks-trailer"])
def test_changed_on_the_way(gateway, upstream, session, form, size):
    target = f"/any/changed-{form}-{size}"
    answer = Request(session, "PUT", target, "*", b"x" * size, form, spoil=lambda body: body.replace(b"xx", b"xy", 1)).send()
    assert answer.status_code == (403 if "chunks" in form else 400), answer.text
    if form == "signed" and size == 100:
        assert not arrived(upstream, target)


def test_another_key_is_refused(session):
    request = Request(session, "GET", "/any/x", "*")
    request.headers["authorization"] = request.headers["authorization"][:-4] + "0000"
    answer = request.send()
    assert answer.status_code == 403 and "SignatureDoesNotMatch" in answer.text


@pytest.mark.parametrize(
    "bucket, region_set, status",
    [("any", "*", 200), ("any", "us-east-1,eu-west-1", 200), ("both", "us-east-1,eu-west-1", 200), ("both", "eu-west-1", 200),
     ("both", "*", 403), ("both", "us-*", 403), ("one", "us-east-1", 200), ("one", "us-east-1,eu-west-1", 403),
     ("one", "eu-west-1,us-east-1", 403), ("any", "us-east-1,ap-east-1", 403)],
)
def test_every_region_named_must_be_allowed(upstream, session, bucket, region_set, status):
    target = f"/{bucket}/{region_set.replace('*', 'all').replace(',', '+')}"
    answer = Request(session, "GET", target, region_set).send()
    assert answer.status_code == status, answer.text
    assert len(arrived(upstream, target)) == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    "queue, region_set, status", [("q", "us-east-1", 200), ("q", "us-east-1,eu-west-1", 400), ("q", "*", 400),
                                  ("everywhere", "us-east-1,eu-west-1", 200), ("everywhere", "*", 200)],
)
def test_a_resource_counts_in_every_region(session, queue, region_set, status):
    body = json.dumps({"QueueUrl": f"https://sqs.us-east-1.amazonaws.com/123456789012/{queue}", "MessageBody": "x"}).encode()
    headers = {"x_amz_target": "AmazonSQS.SendMessage", "content_type": "application/x-amz-json-1.0"}
    answer = Request(session, "POST", "/", region_set, body, service="sqs", **headers).send()
    assert answer.status_code == status, answer.text


BOTO3 = """
import boto3
from botocore.config import Config
s3 = boto3.client("s3", config=Config(signature_version="v4a", sigv4a_signing_region_set="us-east-1,eu-west-1",
                                      retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))
s3.put_object(Bucket="both", Key="boto3", Body=b"x" * 1000)
assert s3.get_object(Bucket="both", Key="boto3")["Body"].read() == b"stub object\\n"
"""


def test_boto3(upstream, session):
    keys = session.credentials()
    environment = clean_environment(
        BOTO_DISABLE_CRT="false", AWS_REGION="us-east-1", AWS_ENDPOINT_URL=session.agents_url, AWS_ACCESS_KEY_ID=keys.key_id,
        AWS_SECRET_ACCESS_KEY=keys.secret, AWS_SESSION_TOKEN=keys.token)
    done = subprocess.run([PYTHON, "-c", BOTO3], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert {line["region_set"] for line in arrived(upstream, "/both/boto3")} == {"us-east-1,eu-west-1"}


def test_the_record_says_what_vouched_for_a_body(gateway, upstream, session):
    crc = sigv4a.base64.b64encode(zlib.crc32(b"x" * 100).to_bytes(4, "big")).decode()
    Request(session, "PUT", "/any/checked", "*", b"x" * 100, x_amz_checksum_crc32=crc).send()
    operation = next(op for op in gateway.records(session).operations() if op.target == "/any/checked")
    assert operation.intent.get("request_integrity") == {
        "covered_by": "signed-hash", "checks": {"x-amz-content-sha256": "held", "x-amz-checksum-crc32": "held"}}
    shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir).stdout
    assert "covered by chunk-signatures, chunk-signatures held, x-amz-checksum-crc32 held" in shown
