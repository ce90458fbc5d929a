"""What tools other than ours make of an exported recording: HAR, OCSF and CSV of a real client's session."""

import base64
import csv
import hashlib
import io
import json
import os
import pathlib

import botocore.exceptions
import pytest

from harness import har, ocsf
from harness.emulator import client
from harness.gateway import Connection, Gateway, scope, statement

MIB = 1 << 20
SCOPE = scope(
    statement(["s3:*"], ["arn:aws:s3:::exported", "arn:aws:s3:::exported/*"], Sid="OneBucket"),
    statement(["secretsmanager:GetSecretValue", "secretsmanager:CreateSecret"], Sid="Secrets"),
)
FORMULA = "=HYPERLINK(1)"
SECRET = "the-canary-in-the-secret"
LARGE = os.urandom(2 * MIB) + b"\xed\xa0\x80"


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    made = Gateway(tmp_path_factory.mktemp("exports"), [Connection("one", SCOPE, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    """A session with an operation of each sort: text, binary, large, secret, denied, refused by AWS."""
    made = gateway.session(task={"id": "X-1", "title": FORMULA, "reason": "to export it"})
    s3 = client("s3", made.agents_url, made.credentials(), s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="exported")
    s3.put_object(Bucket="exported", Key="text", Body="grüße, \x1b[31m".encode(), ContentType="text/plain")
    s3.put_object(Bucket="exported", Key="binary", Body=b"\x00\xff\xfe", Metadata={"sum": "@SUM(1)"})
    s3.put_object(Bucket="exported", Key="large", Body=LARGE)
    for key in ("text", "binary", "large"):
        s3.get_object(Bucket="exported", Key=key)["Body"].read()
    s3.delete_object(Bucket="exported", Key="text")
    secrets = client("secretsmanager", made.agents_url, made.credentials())
    secrets.create_secret(Name="canary", SecretString=SECRET)
    assert secrets.get_secret_value(SecretId="canary")["SecretString"] == SECRET
    for bucket, key in (("other", "-1+1"), ("exported", "none")):
        with pytest.raises(botocore.exceptions.ClientError):
            s3.get_object(Bucket=bucket, Key=key)
    client("sts", made.agents_url, made.credentials()).get_caller_identity()
    gateway.end(made)
    return made


@pytest.fixture(scope="module")
def operations(gateway, session):
    """The oracle: the records as they are."""
    return {(op.intent.part, op.intent.sequence): op for op in gateway.records(session).operations()}


def export(gateway, session, how, *more):
    ids = [session.id] if session else []
    done = gateway.command("recording", "export", *ids, "--data-dir", gateway.data_dir, "--format", how, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def no_duplicates(pairs):
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def strict(text):
    return json.loads(text, object_pairs_hook=no_duplicates, parse_constant=pytest.fail)


def body_of(content, folder):
    if "_file" in content:
        return (folder / content["_file"]).read_bytes()
    text = content.get("text", "")
    encoding = content.get("encoding", content.get("_encoding"))
    return base64.b64decode(text, validate=True) if encoding == "base64" else text.encode()


def test_har(gateway, session, operations, tmp_path):
    folder = tmp_path / "out"
    said = strict(export(gateway, session, "har", "--output-dir", folder, "--json"))
    document = strict(pathlib.Path(said["file"]).read_text())
    assert har.check(document) == []
    entries = {(e["_narrows"]["part"], e["_narrows"]["op"]): e for e in document["log"]["entries"]}
    assert entries.keys() == operations.keys() and said["operations"] == len(operations)
    assert said["bodies"] == 2 and said["losses"] == 0
    for key, op in operations.items():
        entry = entries[key]
        assert entry["_narrows"]["decision"]["verdict"] == op.verdict
        response = b"".join(base64.b64decode(r.get("bytes")) for r in op.of_kind("body") if r.get("dir") == "response")
        assert body_of(entry["response"]["content"], folder) == response
        assert entry["response"]["content"]["size"] == len(response)
        for head in op.of_kind("head"):
            assert entry["response"]["status"] == head.get("status")
            assert [[h["name"], h["value"]] for h in entry["response"]["headers"]] == head.get("headers")
    uploads = [data for e in entries.values() if "_file" in (data := e["request"].get("postData", {}))]
    assert [data["_sha256"] for data in uploads] == [hashlib.sha256(LARGE).hexdigest()]


def test_har_shows_what_was_not_observed_or_withheld(gateway, session):
    entries = strict(export(gateway, session, "har"))["log"]["entries"]
    by_name = {}
    for entry in entries:
        by_name.setdefault(entry["_narrows"]["name"], []).append(entry)
    (denied,) = [e for e in by_name["s3:GetObject"] if e["_narrows"]["outcome"] == "denied"]
    assert denied["response"]["_made_by"] == "gateway" and denied["response"]["_observed"] is False
    (cut,) = [e for e in by_name["s3:GetObject"] if e["response"]["content"].get("_truncated")]
    assert cut["response"]["content"]["_sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert base64.b64decode(cut["response"]["content"]["text"]) == LARGE[:MIB]
    (identity,) = by_name["sts:GetCallerIdentity"]
    assert identity["response"]["_made_by"] == "gateway" and identity["response"]["status"] == 200
    (asked,), (answered,) = by_name["secretsmanager:CreateSecret"], by_name["secretsmanager:GetSecretValue"]
    assert asked["request"]["postData"]["_withheld"] is True
    assert answered["response"]["content"]["_withheld"] == ["SecretString"]


@pytest.mark.parametrize("version", ["1.8.0", "1.9.0"])
def test_ocsf(gateway, session, operations, version):
    lines = export(gateway, session, "ocsf", "--ocsf-version", version).splitlines()
    events = [strict(line) for line in lines]
    assert [problem for event in events for problem in ocsf.check(event)] == []
    assert {event["metadata"]["version"] for event in events} == {version}
    found = {(event["unmapped"]["part"], event["unmapped"]["op"]): event for event in events}
    assert found.keys() == operations.keys()
    for key, op in operations.items():
        event = found[key]
        assert event["action"] == ("Allowed" if op.verdict == "allow" else "Denied")
        assert event["unmapped"]["leaf"]
        for result in op.of_kind("result"):
            assert event["status"] == ("Success" if result.get("status") < 400 else "Failure")
            assert event["api"]["response"]["code"] == result.get("status")
    assert {event["api"]["operation"]: event["activity_name"] for event in events} == {
        "CreateBucket": "Create", "PutObject": "Update", "GetObject": "Read", "DeleteObject": "Delete",
        "CreateSecret": "Create", "GetSecretValue": "Read", "GetCallerIdentity": "Read",
    }
    if version == "1.9.0":
        links = [event["attestation_list"][0] for event in events]
        assert {link["chain_uid"] for link in links} == {session.id}
        for before, after in zip(events, events[1:]):
            link = after["attestation_list"][0]["prev_event"]
            assert link["uid"] == before["metadata"]["uid"] and link["type_uid"] == before["type_uid"]
            assert link["fingerprint"] == before["attestation_list"][0]["fingerprint"]


def test_csv(gateway, session, operations):
    text = gateway.command(
        "recording", "export", session.id, "--data-dir", gateway.data_dir, "--format", "csv", "--output",
        gateway.folder / "all.csv",
    )
    assert text.returncode == 0 and f"{len(operations)} operations" in text.stdout
    raw = (gateway.folder / "all.csv").read_bytes()
    assert raw.endswith(b"\r\n") and raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r") == len(operations) + 1
    rows = list(csv.DictReader(io.StringIO(raw.decode(), newline=""), strict=True))
    assert len(rows) == len(operations)
    for row in rows:
        op = operations[int(row["part"]), int(row["record"])]
        assert None not in row and None not in row.values()
        assert f"{row['service']}:{row['operation']}" == op.name
        assert row["verdict"] == {"allow": "allowed", "deny": "denied"}[op.verdict]
        assert row["agent"] == "test-agent" and row["agent_is"] == "verified" and row["principal_is"] == "stated"
        assert row["task"] == "'" + FORMULA
        for field in row.values():
            assert not field.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert {row["withheld"] for row in rows} == {"", "request body SecretString", "SecretString"}


@pytest.mark.parametrize("how", ["jsonl", "har", "ocsf", "csv"])
def test_no_export_holds_a_withheld_value_or_overwrites_a_file(gateway, session, how, tmp_path):
    assert SECRET not in export(gateway, session, how)
    path = tmp_path / "kept"
    path.write_text("mine")
    done = gateway.command(
        "recording", "export", session.id, "--data-dir", gateway.data_dir, "--format", how, "--output", path)
    assert done.returncode == 2 and "not overwritten" in done.stderr
    assert path.read_text() == "mine"


def test_everything_on_record_has_the_attempts_of_nobody_too(gateway, session, operations):
    s3 = client("s3", session.agents_url, type(session.credentials())("AKIAIOSFODNN7EXAMPLE", "guessed"))
    with pytest.raises(botocore.exceptions.ClientError):
        s3.list_buckets()
    events = [strict(line) for line in export(gateway, None, "ocsf").splitlines()]
    assert [problem for event in events for problem in ocsf.check(event)] == []
    nobody = [event for event in events if not event["unmapped"]["session"]]
    assert nobody and all(event["action"] == "Denied" for event in nobody)
    assert len(events) - len(nobody) >= len(operations)
