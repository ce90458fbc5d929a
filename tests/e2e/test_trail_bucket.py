"""A trail in a bucket that fails for a moment, and one of which whole regions are gone."""

import argparse
import shutil

import pytest

from conftest import WHOLE_SCOPE
from harness.archive import FailsFirst, FaultyS3
from harness.emulator import ACCOUNT, Emulator, client
from harness.reconciling import HOUR, Written, reconcile, record
from harness.trail import Trail


def work(gateway):
    session = gateway.session()
    client("ec2", gateway.agents_url, session.credentials()).describe_regions()
    assert gateway.end(session).status_code == 200
    return session


@pytest.fixture(scope="module")
def recorded(module_folder):
    return record(module_folder, WHOLE_SCOPE, work)


def whole(recorded, root):
    written = Written(root)
    written.hour(recorded.recorded.events(), recorded.recorded.assumed())
    return written


def in_bucket(written, emulator):
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="the-trail")
    signed = {path: signature for path, _, _, signature, _ in written.trail.digests}
    for path in sorted(written.root.rglob("*.json.gz")):
        s3.put_object(Bucket="the-trail", Key=str(path.relative_to(written.root)), Body=path.read_bytes(),
                      Metadata={"signature": signed[path]} if path in signed else {})
    return argparse.Namespace(root="s3://the-trail", trail=written.trail)


def test_what_fails_for_a_moment_is_asked_again(recorded, tmp_path):
    emulator = Emulator(tmp_path)
    store = FaultyS3(emulator.port)
    store.fault = FailsFirst()
    place = in_bucket(whole(recorded, tmp_path / "trail"), emulator)
    said = reconcile(recorded, place, tmp_path, "--endpoint", store.endpoint, env=emulator.admin.env())
    assert said.code == 0 and said.findings() == [] and len(store.fault.seen) == store.fault.count
    store.fault, before = (lambda *_: (503, b"<Error><Code>SlowDown</Code></Error>")), len(store.asked)
    done = recorded.command("reconcile", "--cloudtrail", "s3://the-trail", "--data-dir", recorded.data_dir, "--endpoint",
                            store.endpoint, env=emulator.admin.env())
    assert done.returncode == 3 and "503 SlowDown" in done.stderr
    assert len(store.asked) - before == 5, "and not for ever"
    store.fault, before = (lambda *_: (403, b"<Error><Code>AccessDenied</Code></Error>")), len(store.asked)
    done = recorded.command("reconcile", "--cloudtrail", "s3://the-trail", "--data-dir", recorded.data_dir, "--endpoint",
                            store.endpoint, env=emulator.admin.env())
    assert "AccessDenied" in done.stderr and len(store.asked) - before == 1, "what is refused stays refused"
    store.stop()
    emulator.stop()


def regions(said):
    return [(line["region"], line["account"], line["count"]) for line in said.of("note") if line["what"] == "region"]


def of_many_regions(written, home):
    """As a trail of all regions delivers digests of each: their names end in its home region."""
    for path in sorted((written.root / f"AWSLogs/{ACCOUNT}/CloudTrail-Digest").rglob("*.json.gz")):
        path.rename(path.with_name(path.name.replace("my-trail_eu-west-1_", f"my-trail_{home}_")))


def test_a_region_that_was_taken_out_is_named(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    elsewhere = Trail(written.root, region="eu-west-1", key=written.trail.key)
    elsewhere.digest(written.now - HOUR, written.now)
    expected = ("--expect-region", "us-east-1", "--expect-region", "eu-west-1")
    said = reconcile(recorded, written, tmp_path, *expected)
    assert said.code == 0 and said.findings() == [] and regions(said) == []

    for kind in ("CloudTrail", "CloudTrail-Digest"):
        shutil.rmtree(written.root / f"AWSLogs/{ACCOUNT}/{kind}/us-east-1")
    said = reconcile(recorded, written, tmp_path, *expected)
    assert said.findings() == [("region-missing", f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1")] and said.code == 1
    operations = len(recorded.recorded.operations)
    assert regions(said) == [("us-east-1", ACCOUNT, operations)]

    said = reconcile(recorded, written, tmp_path)
    assert said.findings() == [] and regions(said) == [("us-east-1", ACCOUNT, operations)]
    assert not any("taken out" in each for each in said.summary["open"]), "it may be a trail of that one region"
    of_many_regions(written, home="ap-south-1")
    said = reconcile(recorded, written, tmp_path)
    assert said.code in (1, 3) and any(f"us-east-1 of account {ACCOUNT}" in each and "taken out" in each
                                       for each in said.summary["open"]), said.summary
