"""Uploads by a browser's form: the signed policy decides what passes, then the scope; AWS gets an ordinary PutObject."""

import json
import re
import subprocess

import boto3
import pytest
import requests
from botocore.config import Config

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement

BUCKET = "forms"
SIGNERS = {"s3v4": "sigv4-post", "s3": "sigv2-post"}


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    behind.client("s3").create_bucket(Bucket=BUCKET)
    allowed = scope(
        statement("s3:PutObject", f"arn:aws:s3:::{BUCKET}/open/*"),
        statement("s3:PutObjectAcl", f"arn:aws:s3:::{BUCKET}/open/acl*"),
    )
    made = Gateway(tmp_path_factory.mktemp("forms"), [Connection("c", allowed, behind.endpoint)], behind.admin,
                   limits="body_mib = 1")
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def form(session, key="open/a", version="s3v4", expires=300, conditions=(), **fields):
    found = session.credentials()
    s3 = boto3.client(
        "s3", region_name=REGION, endpoint_url=session.agents_url, aws_access_key_id=found.key_id,
        aws_secret_access_key=found.secret, aws_session_token=found.token,
        config=Config(signature_version=version, s3={"addressing_style": "path"}),
    )
    more = [{name: value} for name, value in fields.items()]
    return s3.generate_presigned_post(BUCKET, key, Fields=fields, Conditions=[*conditions, *more], ExpiresIn=expires)


def post(made, data=b"what is in it", name="a b.txt", **fields):
    return requests.post(made["url"], data=made["fields"] | fields, files={"file": (name, data)}, timeout=60,
                         allow_redirects=False)


def stored(behind, key):
    return behind.client("s3").get_object(Bucket=BUCKET, Key=key)


def last(gateway, session):
    return gateway.records(session).operations()[-1]


@pytest.mark.parametrize("version", SIGNERS)
def test_a_form_becomes_an_object(behind, gateway, session, version):
    made = form(session, "open/${filename}", version, **{"Content-Type": "text/x-mine", "x-amz-meta-from": "a form"})
    answer = post(made, b"x" * 300_000, f"C:\\dir\\{version} a+b.txt")
    assert answer.status_code == 204 and answer.content == b"", answer.text
    found = stored(behind, f"open/{version} a+b.txt")
    assert found["Body"].read() == b"x" * 300_000 and answer.headers["ETag"] == found["ETag"]
    assert found["ContentType"] == "text/x-mine" and found["Metadata"] == {"from": "a form"}
    operation = last(gateway, session)
    assert (operation.name, operation.outcome) == ("s3:PutObject", "answered")
    assert operation.intent.get("signature", "scheme") == SIGNERS[version]
    assert operation.intent.get("request", "body", "form") == "parameters-cbor"
    assert 300_000 < operation.intent.get("request", "body", "size") < 301_000
    text = json.dumps([record.body for record in gateway.records(session).records])
    for name in ("signature", "x-amz-signature", "x-amz-security-token"):
        assert made["fields"].get(name, "none") == "none" or made["fields"][name] not in text


def test_answers(behind, session):
    assert post(form(session, success_action_status="200")).status_code == 200
    created = post(form(session, "open/a&b", success_action_status="201"))
    assert created.status_code == 201 and f"<Bucket>{BUCKET}</Bucket><Key>open/a&amp;b</Key>" in created.text
    moved = post(form(session, success_action_redirect="https://shop.example/done"))
    etag = stored(behind, "open/a")["ETag"].strip('"')
    assert moved.status_code == 303
    assert moved.headers["Location"] == f"https://shop.example/done?bucket={BUCKET}&key=open%2Fa&etag=%22{etag}%22"


def test_by_curl(behind, session, tmp_path):
    made = form(session, "open/by-curl")
    (tmp_path / "f").write_bytes(b"by curl")
    fields = [part for name, value in made["fields"].items() for part in ("-F", f"{name}={value}")]
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *fields, "-F", f"file=@{tmp_path}/f",
                           "-F", "submit=Upload", made["url"]], capture_output=True, text=True, timeout=60)
    assert done.stdout == "204" and stored(behind, "open/by-curl")["Body"].read() == b"by curl"


@pytest.mark.parametrize("version", SIGNERS)
def test_no_field_can_be_changed(gateway, session, version):
    made = form(session, "open/fixed", version, **{"Content-Type": "text/plain"})
    changed = [made | {"fields": made["fields"] | {name: re.sub(r"[^=]", lambda m: "B" if m[0] == "A" else "A", value, count=1)}}
               for name, value in made["fields"].items()]
    missing = [made | {"fields": {n: v for n, v in made["fields"].items() if n != name}} for name in made["fields"]]
    for each in [*changed, *missing, made | {"fields": made["fields"] | {"acl": "public-read"}},
                 made | {"url": made["url"] + "2"}]:
        answer = post(each)
        assert answer.status_code in (400, 403), (each, answer.text)
    assert post(made, **{"x-ignore-me": "1"}).status_code == 204


def test_conditions_expiry_and_size(session):
    ranged = form(session, "open/small", conditions=[["content-length-range", 2, 10]])
    assert [post(ranged, b"x" * size).status_code for size in (1, 2, 10, 11)] == [400, 204, 204, 400]
    prefix = form(session, "open/p/${filename}")
    assert post(prefix, key="open/p/x").status_code == 204 and post(prefix, key="open/q/x").status_code == 403
    late = post(form(session, expires=-1))
    assert late.status_code == 403 and "was good until" in late.text


def test_the_scope_decides(gateway, session):
    denied = post(form(session, "closed/a"))
    assert denied.status_code == 403 and "not authorized to perform: s3:PutObject" in denied.text
    acl = post(form(session, "open/no-acl", acl="public-read"))
    assert acl.status_code == 403 and "s3:PutObjectAcl" in acl.text
    assert post(form(session, "open/acl", acl="private")).status_code == 204


def test_what_is_larger_than_is_held_is_refused_and_says_so(gateway, session):
    refused = post(form(session), b"x" * (2 << 20))
    assert refused.status_code == 403 and "held in memory" in refused.text


@pytest.mark.parametrize("body", [b"", b"--b\r\n", b"--b--\r\n", b"x", b"--b\r\nContent-Disposition: form-data\r\n\r\n" * 9])
def test_what_is_no_form(session, body):
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.post(f"{session.agents_url}/{BUCKET}", data=body, headers=headers, timeout=30)
    assert answer.status_code in (400, 403)
