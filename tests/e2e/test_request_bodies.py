"""Bodies with a content coding, and what a request says of its body: taken off, checked, refused and on record."""

import base64
import contextlib
import gzip
import hashlib
import subprocess

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from chunked import Put
from harness.emulator import client
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import NODE, NODE_MODULES

BUCKET = "bodies"
MANY = 150  # metrics; enough that SDKs compress them (10,240 bytes)


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    behind.client("s3").create_bucket(Bucket=BUCKET)
    allowed = scope(statement(["s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::{BUCKET}/*"), statement("cloudwatch:PutMetricData"))
    made = Gateway(tmp_path_factory.mktemp("bodies"), [Connection("c", allowed, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def operation(gateway, session, target):
    return next(op for op in gateway.records(session).operations() if op.target == target)


def in_the_emulator(behind, namespace):
    cloudwatch, found = behind.client("cloudwatch"), []
    for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace):
        found += page["Metrics"]
    return {metric["MetricName"] for metric in found}


def check_compressed(gateway, session, namespace):
    """Sent compressed, decided and on record as what is in it."""
    found = [op for op in gateway.records(session).operations() if op.name == "cloudwatch:PutMetricData"]
    made = next(op for op in found if op.intent.get("parameters", "Namespace") == namespace)
    assert len(made.intent.get("parameters", "MetricData")) == MANY
    assert ["gzip"] == [value for name, value in made.intent.get("request", "headers") if name.lower() == "content-encoding"]
    assert made.verdict == "allow" and made.intent.get("request_integrity", "covered_by") == "signed-hash"


def test_boto3_compresses(gateway, session):
    found = session.credentials()
    cloudwatch = boto3.client(
        "cloudwatch", region_name="us-east-1", endpoint_url=session.agents_url, aws_access_key_id=found.key_id,
        aws_secret_access_key=found.secret, aws_session_token=found.token, config=Config(retries={"total_max_attempts": 1}))
    data = [{"MetricName": f"metric-{number}", "Value": 1.0, "Dimensions": [{"Name": "d" * 50, "Value": "v" * 50}]} for number in range(MANY)]
    with contextlib.suppress(cloudwatch.exceptions.ClientError):  # the emulator checks signatures over the plain form
        cloudwatch.put_metric_data(Namespace="boto3", MetricData=data)
    check_compressed(gateway, session, "boto3")


JS = """
const {CloudWatchClient, PutMetricDataCommand} = require("@aws-sdk/client-cloudwatch");
const MetricData = [...Array(%d).keys()].map((n) => ({MetricName: "metric-" + n, Value: 1,
  Dimensions: [{Name: "d".repeat(50), Value: "v".repeat(50)}]}));
new CloudWatchClient({maxAttempts: 1}).send(new PutMetricDataCommand({Namespace: "js", MetricData}));
"""


def test_javascript_compresses(gateway, session, behind):
    env = session.env() | {"NODE_PATH": str(NODE_MODULES)}
    done = subprocess.run([NODE, "-e", JS % MANY], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert in_the_emulator(behind, "js") == {f"metric-{number}" for number in range(MANY)}
    check_compressed(gateway, session, "js")


def post(session, body, **headers):
    """A signed form of CloudWatch's."""
    found = session.credentials()
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    more |= {"content-type": "application/x-www-form-urlencoded", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    request = AWSRequest("POST", session.agents_url + "/", headers=more, data=body)
    SigV4Auth(Credentials(found.key_id, found.secret, found.token), "monitoring", "us-east-1").add_auth(request)
    return requests.post(session.agents_url + "/", data=body, headers=dict(request.headers.items()), timeout=30)


METRIC = b"Action=PutMetricData&Version=2010-08-01&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1&Namespace=form"


def test_a_bomb_is_refused(session):
    assert post(session, METRIC).status_code == 200
    assert post(session, gzip.compress(METRIC), content_encoding="gzip").status_code == 200
    bomb = gzip.compress(METRIC + b"x" * (64 << 20))
    assert len(bomb) < 100_000
    answer = post(session, bomb, content_encoding="gzip")
    assert answer.status_code == 403 and "the compressed body is larger" in answer.text


@pytest.mark.parametrize("coding", ["deflate", "br", "gzip, gzip"])
def test_other_codings_are_refused(session, coding):
    assert post(session, METRIC, content_encoding=coding).status_code == 403


def md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


class PutWith(Put):
    """A PUT that declares more of its body; the headers are outside the signature, as proxies would add them."""

    def __init__(self, session, key, data, form="signed", **more):
        super().__init__(session.env(), f"/{BUCKET}/{key}", data, form)
        self.headers |= {name.replace("_", "-"): value for name, value in more.items()}


@pytest.mark.parametrize("size", [100, 200_000])
def test_content_md5(gateway, behind, session, size):
    data = b"x" * size
    assert PutWith(session, f"right-{size}", data, Content_MD5=md5(data)).send().status_code == 200
    wrong = PutWith(session, f"wrong-{size}", data, Content_MD5=md5(b"y")).send()
    assert wrong.status_code == 400 and "<Code>BadDigest</Code>" in wrong.text
    assert "Contents" not in behind.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"wrong-{size}")
    refused = operation(gateway, session, f"/{BUCKET}/wrong-{size}")
    expected = {"covered_by": "signed-hash", "checks": {"content-md5": "failed", "x-amz-content-sha256": "held"}}
    if size == 100:
        assert refused.outcome == "denied" and refused.intent.get("request_integrity") == expected
    else:
        assert refused.outcome == "unknown" and refused.of_kind("unknown")[0].get("request_integrity") == expected


def test_content_md5_of_a_document(session):
    s3 = client("s3", session.agents_url, session.credentials())

    def spoil(request, **_):
        request.headers["Content-MD5"] = md5(b"y")

    s3.meta.events.register("before-sign.s3.DeleteObjects", spoil)
    with pytest.raises(s3.exceptions.ClientError) as refused:
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "k"}]})
    assert refused.value.response["Error"]["Code"] == "BadDigest"


def test_what_is_checked_stands_on_record(gateway, session):
    data = b"x" * 100_000
    assert Put(session.env(), f"/{BUCKET}/trailer", data, "chunks-trailer").send().status_code == 200
    result = operation(gateway, session, f"/{BUCKET}/trailer").of_kind("result")[0]
    assert result.get("request_integrity") == {
        "covered_by": "chunk-signatures", "checks": {"chunk-signatures": "held", "x-amz-checksum-crc32": "held"}}
    assert Put(session.env(), f"/{BUCKET}/unsigned", data, "trailer").send().status_code == 200
    result = operation(gateway, session, f"/{BUCKET}/unsigned").of_kind("result")[0]
    assert result.get("request_integrity") == {"covered_by": "nothing", "checks": {"x-amz-checksum-crc32": "held"}}
    shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir).stdout
    assert "not covered by the signature, x-amz-checksum-crc32 held" in shown
