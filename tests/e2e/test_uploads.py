"""Every form in which S3 takes an upload passes through the gateway, and none that was changed on its way."""

import os

import pytest

from chunked import FORMS, Put
from harness.emulator import client
from harness.gateway import Connection, Gateway, scope, statement

BUCKET = "uploads"
SIZES = [0, 1, 65536, 200_000]


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    behind.client("s3").create_bucket(Bucket=BUCKET)
    allowed = scope(statement(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{BUCKET}/open/*"))
    made = Gateway(tmp_path_factory.mktemp("uploads"), [Connection("c", allowed, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def stored(behind, key):
    return behind.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_form(behind, session, form, size):
    data, key = os.urandom(size), f"open/{form}-{size}"
    answer = Put(session.env(), f"/{BUCKET}/{key}", data, form).send()
    assert answer.status_code == 200, answer.text
    assert stored(behind, key) == data


@pytest.mark.parametrize("size", [100, 200_000])
@pytest.mark.parametrize("form", [form for form in FORMS if form != "unsigned"])
def test_changed_on_the_way(behind, gateway, session, form, size):
    key = f"open/changed-{form}-{size}"
    spoil = (lambda data: data) if "chunks" in form else (lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    put = Put(session.env(), f"/{BUCKET}/{key}", os.urandom(size), form, spoil)
    if "chunks" in form:
        put.body = put.body.replace(b"chunk-signature=", b"chunk-signature=0", 1)[:-1]
    assert put.send().status_code >= 400
    listed = behind.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=key)
    assert listed["KeyCount"] == 0


@pytest.mark.parametrize("size", [100, 200_000])
def test_told_once_to_send_after_the_decision(behind, gateway, session, size):
    data = os.urandom(size)
    told, answer = Put(session.env(), f"/{BUCKET}/open/waits", data, "signed").send_waiting()
    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200")
    assert stored(behind, "open/waits") == data


@pytest.mark.parametrize("size", [100, 200_000])
def test_a_denied_upload_is_never_asked_for(gateway, session, size):
    told, _ = Put(session.env(), f"/{BUCKET}/closed/waits", os.urandom(size), "signed").send_waiting()
    assert told.startswith(b"HTTP/1.1 403")


def test_a_wrong_signature_is_never_asked_for(session):
    put = Put(session.env(), f"/{BUCKET}/open/waits", b"x" * 100, "signed")
    put.headers["Authorization"] = put.headers["Authorization"][:-4] + "0000"
    assert put.send_waiting()[0].startswith(b"HTTP/1.1 403")


def test_answers_without_a_body(behind, session):
    s3 = client("s3", session.agents_url, session.credentials())
    etag = s3.put_object(Bucket=BUCKET, Key="open/conditional", Body=b"x" * 1000)["ETag"]
    head = s3.head_object(Bucket=BUCKET, Key="open/conditional")
    assert head["ContentLength"] == 1000
    with pytest.raises(s3.exceptions.ClientError) as unchanged:
        s3.get_object(Bucket=BUCKET, Key="open/conditional", IfNoneMatch=etag)
    assert unchanged.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304
    assert s3.get_object(Bucket=BUCKET, Key="open/conditional")["Body"].read() == b"x" * 1000
