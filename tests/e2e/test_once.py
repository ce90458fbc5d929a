"""URLs for a single use: for somebody without credentials, once, within the session's life and scope, on record."""

import json
import threading
import time

import pytest
import requests

from harness.gateway import Connection, Gateway, scope, statement

BUCKET = "once"


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    s3 = behind.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="open/a b", Body=b"for once")
    allowed = scope(statement(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{BUCKET}/open/*"))
    made = Gateway(tmp_path_factory.mktemp("once"), [Connection("c", allowed, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def make(gateway, session, key="open/a b", *more):
    done = gateway.command("session", "presign", session.id, "--connection", "c", f"s3://{BUCKET}/{key}", "--json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_serves_once_and_says_so(gateway, session):
    made = make(gateway, session)
    first = requests.get(made["url"], timeout=30)
    assert (first.status_code, first.content) == (200, b"for once")
    second = requests.get(made["url"], timeout=30)
    assert second.status_code == 403 and "single use" in second.text
    used, denied = gateway.records(session).operations()[-2:]
    assert (used.verdict, denied.verdict) == ("allow", "deny")
    for operation in (used, denied):
        assert operation.intent.get("signature", "key_id") == made["key_id"]
        assert operation.intent.get("signature", "once") is True


def test_who_asked_is_on_record_before_it_exists(gateway, session):
    made = make(gateway, session)
    notices = [r for r in gateway.records(session).of_kind("notice") if r.get("key_id") == made["key_id"]]
    (notice,) = notices
    told = [notice.get(name) for name in ("what", "by", "method", "bucket", "key")]
    assert told == ["a URL for a single use was made", "test-launcher", "GET", BUCKET, "open/a b"]
    token = made["url"].split("X-Amz-Security-Token=")[1].split("&")[0]
    assert token not in json.dumps([record.body for record in gateway.records().records])


def test_an_upload(behind, gateway, session):
    made = make(gateway, session, "open/put", "--method", "PUT")
    assert requests.get(made["url"], timeout=30).status_code == 403
    assert requests.put(made["url"], data=b"x" * 100_000, timeout=30).status_code == 200
    assert behind.client("s3").get_object(Bucket=BUCKET, Key="open/put")["Body"].read() == b"x" * 100_000


def test_of_many_at_once_one_is_served(gateway, session):
    url, codes = make(gateway, session)["url"], []
    asking = [threading.Thread(target=lambda: codes.append(requests.get(url, timeout=60).status_code)) for _ in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert sorted(codes) == [200] + [403] * 7


def test_nothing_else_can_be_asked_for_with_it(gateway, session):
    url = make(gateway, session)["url"]
    for changed in (url.replace("/open/", "/open/x"), url.replace("Expires=900", "Expires=901"), url + "&versionId=null"):
        assert requests.get(changed, timeout=30).status_code == 403
    assert requests.get(url, timeout=30).status_code == 200, "a forged use is none"


def test_the_scope_decides_and_the_use_counts(gateway, session):
    made = make(gateway, session, "closed/a")
    assert "not authorized to perform: s3:GetObject" in requests.get(made["url"], timeout=30).text
    assert "single use" in requests.get(made["url"], timeout=30).text


def test_expires(gateway, session):
    made = make(gateway, session, "open/a b", "--expires", "1s")
    time.sleep(1.2)
    assert requests.get(made["url"], timeout=30).status_code == 403


def test_who_may_make_one_and_for_what(gateway, session):
    body = {"connection": "c", "bucket": BUCKET, "key": "k"}
    path = f"/v1/sessions/{session.id}/presign"
    assert gateway.api("POST", path, body, key="nobody").status_code == 401
    for wrong in ({"connection": "other"}, {"method": "DELETE"}, {"key": ""}, {"bucket": "a/b"}, {"expires_s": 0}, {"more": 1}):
        assert gateway.api("POST", path, body | wrong).status_code == 400, wrong
    assert gateway.api("POST", "/v1/sessions/ns-none/presign", body).status_code == 404
    long = gateway.api("POST", path, body | {"expires_s": 10**6}).json()
    assert long["expires_at"][:19] <= session.answer["expires_at"][:19]


def test_a_kill_and_a_restart_bring_no_used_one_back(gateway, session):
    used, unused = make(gateway, session), make(gateway, session)
    assert requests.get(used["url"], timeout=30).status_code == 200
    gateway.kill()
    gateway.start()
    assert requests.get(used["url"], timeout=30).status_code == 403
    assert requests.get(unused["url"], timeout=30).status_code == 200
    assert requests.get(unused["url"], timeout=30).status_code == 403


def test_nothing_after_the_session(gateway):
    session = gateway.session()
    made = make(gateway, session)
    gateway.end(session)
    assert requests.get(made["url"], timeout=30).status_code == 403
