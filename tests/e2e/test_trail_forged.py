"""What somebody who writes into a trail's bucket, or acts around the gateway, could do to be overlooked."""

import datetime
import hashlib

import pytest

from conftest import WHOLE_SCOPE
from harness.emulator import ACCOUNT, ROLE_ARN, Emulator, client
from harness.gateway import Connection, Gateway
from harness.reconciling import HOUR, Written, kinds, minute, reconcile, record, rewrite
from harness.trail import Caller, Trail, event, user

OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/derived"


def work(gateway):
    session = gateway.session()
    client("ec2", gateway.agents_url, session.credentials()).describe_regions()
    client("iam", gateway.agents_url, session.credentials()).list_roles()
    assert gateway.end(session).status_code == 200
    return session


@pytest.fixture(scope="module")
def recorded(module_folder):
    return record(module_folder, WHOLE_SCOPE, work, ["derived"])


def stolen(recorded, **more):
    """Who has got at the session's own credentials of AWS."""
    caller = recorded.recorded.caller(recorded.recorded.operations[0])
    return Caller(caller.key_id, caller.session_name, source_identity=caller.source_identity, **more)


def around(recorded, **more):
    return event("s3", "DeleteBucket", stolen(recorded, **more), recorded.recorded.last)


def whole(recorded, root, *logs):
    written = Written(root)
    written.logs = written.hour(recorded.recorded.events(), recorded.recorded.assumed(), *logs)
    return written


def forged_digest(written, logs, end):
    """One that names CloudTrail's key and has no signature, as the newest of a copy; of another trail."""
    forger = Trail(written.root, key=written.trail.key)
    forger.logs = logs
    forger.digest(end - HOUR, end, signature_beside=False, trail="another")


def test_a_digest_without_a_signature_excuses_no_changed_log(recorded, tmp_path):
    """The bypass is cut out of its log, and another digest says that this is as it should be."""
    bypass = around(recorded)
    written = whole(recorded, tmp_path / "trail", [bypass])
    log = written.logs[2]
    assert reconcile(recorded, written, tmp_path).findings() == [("bypass", bypass["eventID"])]
    rewrite(log, lambda text: b'{"Records":[]}')
    key = str(log.relative_to(written.root))
    forged = [(key, hashlib.sha256(b'{"Records":[]}').hexdigest())]
    forged_digest(written, forged, written.now + datetime.timedelta(minutes=2))
    said = reconcile(recorded, written, tmp_path)
    assert ("log", key) in said.findings() and said.code == 1


def test_a_digest_without_a_signature_proves_no_planted_log(recorded, tmp_path):
    """Of hours ago, so that a digest should have listed it."""
    written = whole(recorded, tmp_path / "trail")
    planted = written.trail.log([], minute(written.now - 4 * HOUR))
    forged = written.trail.logs[-1:]
    forged_digest(written, forged, written.now - 3 * HOUR)
    said = reconcile(recorded, written, tmp_path)
    assert said.code == 3 and said.findings() == []
    assert any("listed only by digests that are not proven" in each for each in said.summary["open"]), said.lines
    planted.unlink()
    assert "log-missing" in kinds(reconcile(recorded, written, tmp_path))


def test_a_trail_whose_last_digests_were_taken_away_is_not_proven(recorded, tmp_path):
    """With them goes the list of logs, of which one may be gone too."""
    written = Written(tmp_path / "trail")
    written.trail.log(recorded.recorded.events(), minute(written.now))
    written.trail.log(recorded.recorded.assumed(), minute(written.now))
    written.trail.digest(written.now - 2 * HOUR, written.now + datetime.timedelta(minutes=1))
    for path, *_ in written.trail.digests[1:]:
        path.unlink()
    said = reconcile(recorded, written, tmp_path)
    assert said.code == 3 and said.findings() == []
    assert any("younger than the digests that are proven" in each for each in said.summary["open"]), said.lines


def test_logs_of_after_the_last_digest_are_told(recorded, tmp_path):
    written = whole(recorded, tmp_path / "trail")
    written.trail.log([], minute(written.now) + datetime.timedelta(minutes=2), listed=False)
    said = reconcile(recorded, written, tmp_path)
    assert said.code == 0 and [(line["what"], line["count"]) for line in said.of("note")] == [("unproven", 1)]


def test_an_event_hides_no_other_under_its_id(recorded, tmp_path):
    """A file that is too young for a digest says that a call was one that is on record."""
    bypass = around(recorded)
    decoy = recorded.recorded.event(recorded.recorded.operations[0]) | {"eventID": bypass["eventID"]}
    written = Written(tmp_path / "trail")
    written.trail.log([decoy], minute(written.now - HOUR), listed=False)
    written.hour(recorded.recorded.events(), recorded.recorded.assumed(), [bypass])
    said = reconcile(recorded, written, tmp_path)
    assert [(kind, what.split("~")[0]) for kind, what in said.findings()] == [("bypass", bypass["eventID"])]
    assert ("ids", 1) in [(line["what"], line["count"]) for line in said.of("note")]


def test_plants_of_those_who_got_at_the_sessions_credentials(recorded, tmp_path):
    at = recorded.recorded.last
    caller = stolen(recorded)
    elsewhere = event("s3", "GetObject", {"type": "AWSAccount", "principalId": f"AROAEXAMPLE:{caller.session_name}",
                                          "accountId": ACCOUNT}, at, data=True)
    again = recorded.recorded.event(recorded.recorded.operations[0], request_id="another")
    request = recorded.recorded.event(recorded.recorded.operations[0])["requestID"]
    assumes = event("sts", "AssumeRole", user("mallory", "AKIAMALLORY000000000"), at, parameters=None,
                    responseElements={"credentials": {"accessKeyId": "ASIAMALLORY000000000"}, "assumedRoleUser": {
                        "arn": ROLE_ARN.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/m"}})
    bypasses = [
        around(recorded, invoked_by="signin.amazonaws.com"),
        elsewhere,
        again | {"eventID": "0" * 36},
        event("s3", "ListBuckets", Caller("ASIAUNKNOWN000000001", "me"), at, request_id=request),
        assumes,
    ]
    nobodys = [
        event("s3", "GetObject", {"type": "AWSAccount", "principalId": "AROAEXAMPLE:somebody", "accountId": ACCOUNT}, at),
        event("iam", "ListUsers", Caller("ASIAOTHERROLE0000001", "x", role=OTHER_ROLE,
                                         source_identity="test-agent@ada@example.com"), at - 3 * HOUR),
    ]
    for order in (0, 1):
        written = Written(tmp_path / f"trail-{order}")
        logs = [recorded.recorded.events(), recorded.recorded.assumed(), bypasses, nobodys]
        written.hour(*(reversed(logs) if order else logs))
        said = reconcile(recorded, written, tmp_path)
        assert said.findings() == sorted(("bypass", each["eventID"]) for each in bypasses)
        assert said.of("consequence") == [] and said.summary["matched"] == said.summary["operations"]


def test_planted_names_make_the_trail_no_longer(recorded, tmp_path):
    """Nothing is missing of a time that no digest speaks for, whatever files are named like."""
    for when in (-3 * HOUR, datetime.timedelta()):
        root = tmp_path / f"trail-{when.total_seconds()}"
        trail = Trail(root)
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        start = now + datetime.timedelta(seconds=1) if when else now - 9 * HOUR
        trail.digest(start, start + HOUR)
        trail.log([], minute(now + when), listed=False)
        written = Written.__new__(Written)
        written.root, written.trail = root, trail
        said = reconcile(recorded, written, tmp_path)
        assert said.findings() == [] and said.code == 3
        assert said.summary["not_covered" if when else "pending"] == said.summary["operations"] + 1


def test_a_bypass_says_whether_its_file_is_proven(recorded, tmp_path):
    planted, proven = around(recorded), around(recorded)
    written = whole(recorded, tmp_path / "trail", [proven])
    written.trail.log([planted], minute(written.now), listed=False)
    said = reconcile(recorded, written, tmp_path)
    assert {line["event"]: line["proven"] for line in said.of("finding")} == {
        planted["eventID"]: False, proven["eventID"]: True}


def test_a_state_belongs_to_one_gateway(recorded, tmp_path):
    """Another one's operations have the same numbers."""
    written = whole(recorded, tmp_path / "trail")
    state = ("--state", tmp_path / "state")
    assert reconcile(recorded, written, tmp_path, *state).code == 0
    emulator = Emulator(tmp_path)
    another = Gateway(tmp_path / "gateway", [Connection("all", WHOLE_SCOPE, emulator.endpoint)], emulator.admin).start()
    session = another.session()
    client("ec2", another.agents_url, session.credentials()).describe_regions()
    assert another.stop() == 0
    emulator.stop()
    public = written.trail.public_keys(tmp_path / "keys.json")
    done = another.command("reconcile", "--cloudtrail", written.root, "--data-dir", another.data_dir, "--public-keys", public,
                           *state)
    assert done.returncode == 2 and "another gateway's recordings" in done.stderr
    assert reconcile(recorded, written, tmp_path, *state).code == 0
