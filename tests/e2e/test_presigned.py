"""URLs that agents presign: good for whoever holds them, for what they say, until they expire; AWS sees a signed header."""

import json
import subprocess
import time
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import boto3
import pytest
import requests
from botocore.config import Config

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import ROOT, clean_environment

BUCKET = "signed-urls"
SIGNERS = {"s3v4": "sigv4-query", "s3": "sigv2-query"}


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    s3 = behind.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="open/a b+c", Body=b"what is in it")
    allowed = scope(
        statement(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{BUCKET}/open/*"),
        statement("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "open/*"}}),
    )
    made = Gateway(tmp_path_factory.mktemp("presigned"), [Connection("c", allowed, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def boto(session, service, version=None):
    found = session.credentials()
    config = Config(signature_version=version, s3={"addressing_style": "path"})
    return boto3.client(
        service, region_name=REGION, endpoint_url=session.agents_url, aws_access_key_id=found.key_id,
        aws_secret_access_key=found.secret, aws_session_token=found.token, config=config,
    )


def url(session, version, operation="get_object", expires=300, **parameters):
    parameters = {"Bucket": BUCKET} | parameters
    return boto(session, "s3", version).generate_presigned_url(operation, Params=parameters, ExpiresIn=expires)


def last(gateway, session):
    return gateway.records(session).operations()[-1]


@pytest.mark.parametrize("version", SIGNERS)
def test_read_and_written_by_whoever_has_the_url(behind, gateway, session, version):
    got = requests.get(url(session, version, Key="open/a b+c"), timeout=30)
    assert (got.status_code, got.content) == (200, b"what is in it")
    read = last(gateway, session)
    assert (read.name, read.outcome) == ("s3:GetObject", "answered")
    assert read.intent.get("signature", "scheme") == SIGNERS[version]
    assert read.intent.get("signature", "key_id") == session.credentials().key_id
    put = requests.put(url(session, version, "put_object", Key=f"open/{version}"), data=b"x" * 100_000, timeout=30)
    assert put.status_code == 200, put.text
    assert behind.client("s3").get_object(Bucket=BUCKET, Key=f"open/{version}")["Body"].read() == b"x" * 100_000


@pytest.mark.parametrize("version", SIGNERS)
def test_again_while_it_is_valid_and_not_after(gateway, session, version):
    made = url(session, version, Key="open/a b+c", expires=6)
    end = time.time() + 6
    assert [requests.get(made, timeout=30).status_code for _ in range(2)] == [200, 200]
    time.sleep(max(0, end + 1 - time.time()))
    late = requests.get(made, timeout=30)
    assert late.status_code == 403 and "AccessDenied" in late.text and "valid" in late.text
    assert last(gateway, session).reason == "not-authenticated"


@pytest.mark.parametrize("version", SIGNERS)
def test_what_stands_in_for_headers_is_meant(gateway, session, version):
    override = {"Key": "open/a b+c", "ResponseContentType": "text/x-mine", "ResponseContentDisposition": "attachment"}
    got = requests.get(url(session, version, **override), timeout=30)
    assert got.status_code == 200 and got.headers["Content-Type"].startswith("text/x-mine")
    more = {"Key": "open/meta", "Metadata": {"from": "a url"}, "ContentType": "text/plain"}
    made = url(session, version, "put_object", **more)
    headers = {} if version == "s3" else {"x-amz-meta-from": "a url", "Content-Type": "text/plain"}
    assert requests.put(made, data=b"1", headers=headers, timeout=30).status_code == 200
    head = requests.head(url(session, version, "head_object", Key="open/meta"), timeout=30)
    assert head.status_code == 200
    assert head.headers["x-amz-meta-from"] == "a url" and head.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("version", SIGNERS)
def test_a_listing(session, version):
    made = url(session, version, "list_objects_v2", Prefix="open/a")
    listed = requests.get(made, timeout=30)
    assert listed.status_code == 200 and "<Key>open/a" in listed.text
    assert requests.get(url(session, version, "list_objects_v2", Prefix="other/"), timeout=30).status_code == 403


@pytest.mark.parametrize("version", SIGNERS)
def test_no_part_can_be_changed(session, version):
    made = url(session, version, Key="open/a b+c", VersionId="null")
    parts = urlsplit(made)
    fields = parse_qsl(parts.query)
    changed = [made.replace("/open/", "/open/x")]
    for at, (name, value) in enumerate(fields):
        other = value[:-1] + ("0" if value[-1] != "0" else "1")
        spoiled = fields[:at] + [(name, other)] + fields[at + 1 :]
        for each in (spoiled, fields[:at] + fields[at + 1 :], [*fields, (name, value)], [*fields, (name.swapcase(), value)]):
            changed.append(parts._replace(query=urlencode(each, quote_via=quote)).geturl())
    more = "&x-amz-acl=public-read" if version == "s3" else "&partNumber=1"
    for each in [*changed, made + more]:
        assert requests.get(each, timeout=30).status_code in (400, 403), each
    assert requests.delete(made, timeout=30).status_code == 403
    assert requests.get(made, headers={"x-amz-request-payer": "requester"}, timeout=30).status_code in (400, 403)
    assert requests.get(made, headers={"Authorization": "AWS a:b"}, timeout=30).status_code == 403


@pytest.mark.parametrize("version", SIGNERS)
def test_the_scope_decides(gateway, session, version):
    denied = requests.get(url(session, version, Key="closed/b"), timeout=30)
    assert denied.status_code == 403 and "not authorized to perform: s3:GetObject" in denied.text
    assert last(gateway, session).verdict == "deny"


def test_version_2_in_a_header_is_refused_and_says_what_to_do(session):
    answer = requests.get(f"{session.agents_url}/{BUCKET}/open/x", headers={"Authorization": "AWS AKID:c2ln"}, timeout=30)
    assert answer.status_code == 403 and "Signature Version 4" in answer.text


def test_an_identity_that_is_asked_for_by_a_url_is_answered_here(gateway, session):
    for method in ("GET", "POST"):
        made = boto(session, "sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod=method)
        answer = requests.request(method, made, timeout=30)
        assert answer.status_code == 200 and f"/{session.id}<" in answer.text, answer.text
    asked = last(gateway, session)
    assert (asked.name, asked.outcome) == ("sts:GetCallerIdentity", "not_sent")


def test_signatures_and_tokens_are_not_on_record(gateway, session):
    made = url(session, "s3", Key="open/a b+c")
    assert requests.get(made, timeout=30).status_code == 200
    text = json.dumps([record.body for record in gateway.records(session).records])
    for name, value in parse_qsl(urlsplit(made).query):
        if name in ("Signature", "x-amz-security-token"):
            assert value not in text and quote(value, safe="") not in text


PRESIGN_JS = """
const { SignatureV4 } = require("@smithy/signature-v4");
const { createHash, createHmac } = require("crypto");
class Sha256 {
  constructor(secret) { this.hash = secret ? createHmac("sha256", secret) : createHash("sha256"); }
  update(data) { this.hash.update(data); }
  async digest() { return new Uint8Array(this.hash.digest()); }
}
const [host, port, path, region] = process.argv.slice(1);
const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = process.env;
new SignatureV4({ service: "s3", region, sha256: Sha256, uriEscapePath: false, credentials: { accessKeyId, secretAccessKey, sessionToken } })
  .presign({ method: "GET", protocol: "http:", hostname: host, port: +port, path, query: { "x-id": "GetObject" },
             headers: { host: `${host}:${port}`, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-checksum-mode": "ENABLED" } })
  .then(({ query }) => console.log(Object.entries(query).map((pair) => pair.map(encodeURIComponent).join("=")).join("&")));
"""


def test_presigned_by_javascript(gateway, session):
    parts = urlsplit(session.agents_url)
    path = f"/{BUCKET}/open/a%20b%2Bc"
    done = subprocess.run(
        ["node", "-e", PRESIGN_JS, parts.hostname, str(parts.port), path, REGION], capture_output=True, text=True,
        timeout=60, cwd=ROOT / "build" / "node", env=clean_environment(**session.credentials().env()),
    )
    assert done.returncode == 0, done.stderr
    assert "x-amz-content-sha256=UNSIGNED-PAYLOAD" in done.stdout and "x-amz-checksum-mode=ENABLED" in done.stdout
    got = requests.get(f"{session.agents_url}{path}?{done.stdout.strip()}", timeout=30)
    assert (got.status_code, got.content) == (200, b"what is in it"), got.text
