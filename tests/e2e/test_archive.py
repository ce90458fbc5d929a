"""Evidence leaves the gateway for a store; what is removed here is there, and comes back from there alone."""

import concurrent.futures
import contextlib
import datetime
import functools
import json
import os
import pathlib
import random
import shutil
import subprocess
import time

import pytest

from harness import processes
from harness.archive import FailsFirst, FaultyS3, InParts, credentials_file, directory_archive, locked_bucket, s3_anchor, s3_archive
from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import NARROWS, PYTHON, ROOT, peak_mib
from harness.upstream import StrictUpstream
from load import Agent, burst

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
SMALL = "segment_mib = 1\nreserve_mib = 16"
# A round takes a second; to ask more often costs more than what is waited for.
wait_until = functools.partial(processes.wait_until, pause=0.1)


@pytest.fixture
def place(tmp_path):
    made = tmp_path / "archive"
    made.mkdir()
    return made


@pytest.fixture
def gateway(upstream, tmp_path):
    made = Gateway(tmp_path / "gateway", [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin,
                   recording=SMALL)
    yield made
    made.stop()


def archiving(gateway, *more):
    gateway.more = "".join(more)
    gateway.write_config()
    return gateway


def folder(place):
    return place / "v1" / "narrows+gw-test"


def state(gateway):
    return gateway.api("GET", "/healthz").json()["archive"]


def alarms(gateway):
    return {each["what"]: each["why"] for each in gateway.api("GET", "/healthz").json()["alarms"]}


def work(gateway, prefix, operations=500):
    """A session that fills about two segments; ended."""
    session = gateway.session()
    assert {answer.status for answer in burst(gateway.agents_port, [session], operations, prefix)} == {200}
    assert gateway.end(session).status_code == 200
    return session


def idle(gateway):
    """All that is on record is in the archive."""
    now = state(gateway)
    return now["backlog_segments"] == 0 and now["age_s"] == 0 and not now["trouble"]


def local_segments(gateway):
    return sorted(path.name for path in (gateway.data_dir / "journal").glob("*.nj"))


def trust_of(gateway, tmp_path):
    kept = tmp_path / "trust"
    shutil.copy(gateway.data_dir / "trust", kept)
    return kept


def both_verify(data_dir, trust, *more):
    """(exit code, what it says) of both verifiers."""
    programs = ([NARROWS, "recording", "verify", "--data-dir", data_dir],
                [PYTHON, ROOT / "verifier" / "narrows_verify.py", data_dir])
    answers = []
    for program in programs:
        done = subprocess.run([*map(str, program), "--trust", str(trust), *map(str, more)], capture_output=True, text=True,
                              timeout=300)
        answers.append((done.returncode, done.stdout + done.stderr))
    return answers


def assert_verified(data_dir, trust, *more):
    for code, said in both_verify(data_dir, trust, *more):
        assert code == 0 and "\nverified" in said, said
    return said


def restore(gateway, source, to, *more, env=None):
    return gateway.command("recording", "restore", "--from", source, "--to", to, *more, env=env or {})


def removed_some(gateway):
    return state(gateway)["removed"] > 2 and any(
        name not in local_segments(gateway) for name in ("control-00000001.nj", "bulk-00000001.nj"))


def test_local_copies_go_when_the_archive_has_them_and_all_still_verifies(gateway, place, tmp_path):
    archiving(gateway, directory_archive(place)).start()
    first = work(gateway, "first-")
    holding = set(local_segments(gateway))
    for n in range(2):
        work(gateway, f"more-{n}-")
    wait_until(lambda: not holding & set(local_segments(gateway)), 60, "the first session to be away")
    assert state(gateway)["removed"] > 2 and listed_as(gateway, first) == "archived"
    metrics = gateway.api("GET", "/metrics").text
    assert "narrows_archive_removed_total" in metrics and "narrows_archive_trouble 0" in metrics
    assert "archive: " in gateway.command("doctor", "--config", gateway.config).stdout
    assert gateway.stop() == 0

    trust = trust_of(gateway, tmp_path)
    said = assert_verified(gateway.data_dir, trust)
    assert "archived to" in said
    assert "were not looked at" not in assert_verified(gateway.data_dir, trust, "--archive", folder(place))

    listed = gateway.command("recording", "list", "--data-dir", gateway.data_dir).stdout
    assert any(first.id in line and "archived to" in line for line in listed.splitlines()), listed
    assert " gaps " not in listed
    shown = gateway.command("recording", "show", first.id, "--data-dir", gateway.data_dir)
    assert shown.returncode == 2 and "recording restore" in shown.stderr

    gateway.start()
    work(gateway, "after-", 50)
    assert gateway.stop() == 0
    assert_verified(gateway.data_dir, trust)

    whole = tmp_path / "whole"
    done = restore(gateway, folder(place), whole)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "archived to" not in assert_verified(whole, trust)
    shown = gateway.command("recording", "show", first.id, "--data-dir", whole)
    assert shown.returncode == 0 and "500 allowed" in shown.stdout and "complete" in shown.stdout


def listed_as(gateway, session):
    """How complete `recording list` says that the session is: partly here first, then archived."""
    listed = gateway.command("recording", "list", "--data-dir", gateway.data_dir, "--json").stdout
    return {each["session"]: each["completeness"] for each in map(json.loads, listed.splitlines())}.get(session.id)


def test_a_total_loss_is_restored_from_the_archive_alone(gateway, place, tmp_path):
    archiving(gateway, directory_archive(place)).start()
    running = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [running], 400, "run-")} == {200}
    ended = work(gateway, "end-", 300)
    time.sleep(3)  # INTERVAL entries, a round
    wait_until(lambda: idle(gateway), 30, "everything to be in the archive")
    gateway.kill()
    trust, key = trust_of(gateway, tmp_path), (gateway.data_dir / "log.key").read_bytes()
    shutil.rmtree(gateway.data_dir)

    alone = gateway.command("recording", "verify", "--archive", folder(place), "--trust", trust)
    assert alone.returncode == 0 and "\nverified\n" in alone.stdout, alone.stdout + alone.stderr
    victim = sorted(folder(place).glob("seg/**/*.nj"))[0]
    aside = victim.rename(tmp_path / victim.name)
    alone = gateway.command("recording", "verify", "--archive", folder(place), "--trust", trust)
    assert alone.returncode == 1 and alone.stdout.endswith("\nfound wanting\n"), alone.stdout
    assert "missing in the archive: " in alone.stdout and victim.name in alone.stdout
    aside.rename(victim)

    done = restore(gateway, folder(place), gateway.data_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_verified(gateway.data_dir, trust)
    for session in (running, ended):
        shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir)
        assert shown.returncode == 0 and " allowed" in shown.stdout
    assert restore(gateway, folder(place), gateway.data_dir).returncode != 0, "never into a directory in use"

    (gateway.data_dir / "log.key").write_bytes(key)
    gateway.start()
    work(gateway, "anew-", 20)
    wait_until(lambda: idle(gateway), 30, "the archive to go on")
    assert gateway.stop() == 0
    assert_verified(gateway.data_dir, trust)


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A stopped gateway with segments that are in the archive only; where that is; its trust file."""
    home = tmp_path_factory.mktemp("archived")
    (home / "archive").mkdir()
    upstream = StrictUpstream(home)
    gateway = Gateway(home / "gateway", [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin, recording=SMALL)
    archiving(gateway, directory_archive(home / "archive")).start()
    for n in range(2):
        work(gateway, f"w{n}-")
    wait_until(lambda: removed_some(gateway), 60, "segments to be removed here")
    assert gateway.stop() == 0
    yield gateway, home / "archive", trust_of(gateway, home)
    gateway.stop()
    upstream.stop()


def archived_objects(gateway, place):
    here = set(local_segments(gateway))
    return [path for path in sorted(folder(place).glob("seg/**/*.nj")) if path.name not in here]


def test_an_archived_object_that_was_deleted_or_swapped_is_found(archived, tmp_path):
    gateway, place, trust = archived
    objects = archived_objects(gateway, place)
    more = ("--archive", folder(place))
    saved = objects[0].read_bytes()
    objects[0].unlink()
    for code, said in both_verify(gateway.data_dir, trust, *more):
        assert code == 1 and "the archive has no object" in said and objects[0].name in said
    changed = bytearray(saved)
    changed[len(changed) // 2] ^= 1
    objects[0].write_bytes(changed)
    for code, said in both_verify(gateway.data_dir, trust, *more):
        assert code == 1 and "does not have the" in said
    if len(objects) > 1:
        objects[0].write_bytes(objects[1].read_bytes())
        for code, said in both_verify(gateway.data_dir, trust, *more):
            assert code == 1 and "does not have the" in said
    done = restore(gateway, folder(place), tmp_path / "restored")
    assert done.returncode == 1 and "holds other bytes" in done.stdout
    objects[0].write_bytes(saved)
    assert_verified(gateway.data_dir, trust, *more)


def test_a_segment_that_nobody_archived_is_missed(archived):
    gateway, _, trust = archived
    archiving(gateway)  # nowhere any more
    highest = max(name for name in local_segments(gateway) if name.startswith("control"))
    for _ in range(2):
        gateway.start()
        work(gateway, "no-archive-", 20)
        assert gateway.stop() == 0
    assert_verified(gateway.data_dir, trust)
    gone = [name for name in local_segments(gateway) if name.startswith("control") and name <= highest]
    for name in gone:
        (gateway.data_dir / "journal" / name).unlink()
    for code, said in both_verify(gateway.data_dir, trust):
        assert code == 1 and "is not there, and the log does not say that it was archived" in said, said


def test_an_outage_stops_nothing_and_is_caught_up_with(gateway, place):
    archiving(gateway, directory_archive(place, more='every = "1s"\nage_max = "2s"\n')).start()
    wait_until(lambda: idle(gateway), 30, "the first round")
    place.rename(place.with_name("elsewhere"))
    for n in range(2):
        work(gateway, f"out-{n}-")
    wait_until(lambda: "archive overdue" in alarms(gateway), 40, "the alarm")
    assert "mount its volume" in state(gateway)["trouble"]
    before = local_segments(gateway)
    assert "control-00000001.nj" in before
    assert "archive: " in gateway.command("doctor", "--config", gateway.config).stdout
    place.with_name("elsewhere").rename(place)
    wait_until(lambda: idle(gateway) and not alarms(gateway), 90, "the archive to catch up")
    assert gateway.stop() == 0


def test_kills_at_any_moment_lose_nothing_that_was_removed(gateway, place, tmp_path):
    chance = random.Random(7)
    archiving(gateway, directory_archive(place)).start()
    for n in range(6):
        session = gateway.session()
        burst(gateway.agents_port, [session], 250, f"k{n}-")
        gateway.end(session)
        time.sleep(chance.uniform(0, 1.5))
        gateway.kill()
        gateway.start(seconds=60)
    wait_until(lambda: idle(gateway), 60, "the archive to have all")
    assert gateway.stop() == 0
    trust = trust_of(gateway, tmp_path)
    assert_verified(gateway.data_dir, trust)
    assert_verified(gateway.data_dir, trust, "--archive", folder(place))


def s3_env(emulator):
    return {**emulator.admin.env(), "AWS_REGION": REGION}


def test_s3_with_object_lock_takes_all_and_gives_it_back(direct, upstream, tmp_path):
    bucket = locked_bucket(direct, "evidence-locked")
    gateway = on_s3(tmp_path, upstream, direct, bucket, direct.endpoint,
                    more="retention_days = 30\nkey_retention_days = 1\nlegal_hold = true\n")
    gateway.start()
    work(gateway, "s3-", 700)
    wait_until(lambda: idle(gateway) and state(gateway)["entries"] > 5, 90, "everything to be in the bucket")
    assert gateway.stop() == 0
    trust = trust_of(gateway, tmp_path)

    s3 = direct.client("s3")
    prefix = "evidence/test/v1/narrows+gw-test/"
    found = {each["Key"].removeprefix(prefix): each
             for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket) for each in page["Contents"]}
    assert {key.split("/")[0] for key in found} >= {"tlog", "live", "keys"}
    checkpoint = next(key for key in found if key.startswith("tlog/checkpoints/"))
    for key, days in ((checkpoint, 30), ("keys/00000001.operations.age", 1)):
        head = s3.head_object(Bucket=bucket, Key=prefix + key)
        assert head["ObjectLockMode"] == "COMPLIANCE"
        until = head["ObjectLockRetainUntilDate"].timestamp()
        assert abs(until - time.time() - days * 86400) < 3600
    assert s3.head_object(Bucket=bucket, Key=prefix + checkpoint)["ObjectLockLegalHoldStatus"] == "ON"

    whole, store = tmp_path / "whole", FaultyS3(direct.port)
    store.fault = FailsFirst()
    done = restore(gateway, f"s3://{bucket}/{prefix.rstrip('/')}", whole, "--endpoint", store.endpoint,
                   env=s3_env(direct))
    store.stop()
    assert done.returncode == 0 and len(store.fault.seen) == store.fault.count, done.stdout + done.stderr
    assert_verified(whole, trust)
    envelope = pathlib.Path("keys") / "00000001.operations.age"
    assert (whole / envelope).read_bytes() == (gateway.data_dir / envelope).read_bytes()


def on_s3(tmp_path, upstream, emulator, bucket, endpoint, recording=SMALL, more="", age_max="6s"):
    """A gateway that archives to a bucket at `endpoint`."""
    gateway = Gateway(tmp_path / "gateway", [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin,
                      recording=recording)
    return archiving(gateway, s3_archive(bucket, endpoint, more=f'every = "1s"\nage_max = "{age_max}"\n' + more +
                                         credentials_file(tmp_path, emulator.admin)))


def restored_and_verified(gateway, bucket, endpoint, emulator, tmp_path):
    whole = tmp_path / "whole"
    done = restore(gateway, f"s3://{bucket}/evidence/test/v1/narrows+gw-test", whole, "--endpoint", endpoint,
                   env=s3_env(emulator))
    assert done.returncode == 0, done.stdout + done.stderr
    assert_verified(whole, trust_of(gateway, tmp_path))


def without_headers(*names):
    def change(status, headers, body):
        return status, [each for each in headers if each[0].lower() not in names], body

    return change


def with_wrong_checksum(status, headers, body):
    kept = [each for each in headers if each[0].lower() != "x-amz-checksum-sha256"]
    return status, kept + [("x-amz-checksum-sha256", "A" * 43 + "=")], body


def slowly(status, headers, body):
    time.sleep(1.5)
    return status, headers, body


FAULTS = {
    "403": lambda *_: (403, b"<Error><Code>AccessDenied</Code></Error>"),
    "503": lambda *_: (503, b"<Error><Code>SlowDown</Code></Error>"),
    "garbage": lambda *_: (200, b"<<<<"),
    "cut": lambda method, *_: "cut" if method == "PUT" else None,
    "put is lost": lambda method, *_: (200, b"") if method == "PUT" else None,
    "wrong checksum": lambda method, *_: with_wrong_checksum if method == "HEAD" else None,
    "not locked": lambda method, *_: without_headers("x-amz-object-lock-mode") if method == "HEAD" else None,
    "slow": lambda *_: slowly,
}


def survives(emulator, folder, fault):
    """A gateway whose store fails in that way for a while."""
    upstream, store = StrictUpstream(folder), FaultyS3(emulator.port)
    bucket = locked_bucket(emulator, "evidence-" + fault.replace(" ", "-"))
    gateway = on_s3(folder, upstream, emulator, bucket, store.endpoint, more="retention_days = 1\n", age_max="3s").start()
    try:
        wait_until(lambda: idle(gateway), 60, "the first round")
        store.fault = FAULTS[fault]
        before = state(gateway)["removed"]
        work(gateway, f"f-{fault[:3]}-", 300)
        if fault == "slow":
            assert gateway.session()
        else:
            wait_until(lambda: state(gateway)["trouble"], 30, "its trouble to show")
            wait_until(lambda: any(what.startswith("archive") for what in alarms(gateway)), 40, "an alarm")
            assert state(gateway)["removed"] == before and "control-00000001.nj" in local_segments(gateway)
        work(gateway, f"g-{fault[:3]}-", 50)
        store.fault = None
        wait_until(lambda: idle(gateway) and not alarms(gateway), 120, "the archive to catch up")
        assert gateway.stop() == 0
        restored_and_verified(gateway, bucket, emulator.endpoint, emulator, folder)
    finally:
        gateway.stop()
        store.stop()
        upstream.stop()


@pytest.fixture(scope="module")
def failing(direct, tmp_path_factory):
    """All of them side by side, since most of their time is waiting."""
    with concurrent.futures.ThreadPoolExecutor(len(FAULTS)) as pool:
        yield {fault: pool.submit(survives, direct, tmp_path_factory.mktemp("failing"), fault) for fault in FAULTS}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_fails_stops_nothing_and_nothing_is_removed_meanwhile(failing, fault):
    failing[fault].result()


def verify_there(gateway, bucket, endpoint, emulator, trust, *more):
    """`recording verify` of the data directory with the archived objects read in the bucket."""
    where = f"s3://{bucket}/evidence/test/v1/narrows+gw-test"
    return gateway.command("recording", "verify", "--data-dir", gateway.data_dir, "--trust", trust, "--archive", where,
                           "--endpoint", endpoint, *more, env=s3_env(emulator))


def flipped(status, headers, body):
    return status, headers, body[:-1] + bytes([body[-1] ^ 1])


NOT_LISTED = (200, b"<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>")


def test_verify_reads_archived_objects_in_the_bucket(direct, upstream, tmp_path):
    bucket = locked_bucket(direct, "evidence-verified")
    gateway = on_s3(tmp_path, upstream, direct, bucket, direct.endpoint, more="retention_days = 1\n").start()
    for n in range(2):
        work(gateway, f"there-{n}-")
    wait_until(lambda: removed_some(gateway), 60, "segments to be removed here")
    assert gateway.stop() == 0
    trust, s3 = trust_of(gateway, tmp_path), direct.client("s3")
    done = verify_there(gateway, bucket, direct.endpoint, direct, trust, "--json")
    *_, report, told = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0 and report["verdict"] == "verified" and report["findings"] == 0, done.stdout
    assert told["type"] == "archive" and told["objects"] == told["locked"] > 2 and told["legal_holds"] == 0
    until = datetime.datetime.fromisoformat(told["locked_until"])
    assert abs(until.timestamp() - time.time() - 86400) < 3600

    key = next(each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]
               if "/seg/" in each["Key"] and each["Key"].split("/")[-1] not in local_segments(gateway))
    name = key.split("/")[-1]
    s3.delete_object(Bucket=bucket, Key=key)  # a delete marker
    s3.put_object(Bucket=bucket, Key=key, Body=b"somebody else's")
    assert verify_there(gateway, bucket, direct.endpoint, direct, trust).returncode == 0, "the log names the version"

    store = FaultyS3(direct.port)
    store.fault = FailsFirst()
    assert verify_there(gateway, bucket, store.endpoint, direct, trust).returncode == 0
    assert len(store.fault.seen) == store.fault.count, "what failed was asked again"
    for fault, code, words in ((lambda method, path, _: NOT_LISTED if f"{name}" in path else None, 1,
                                "the archive has no object"),
                               (lambda method, path, _: flipped if method == "GET" and f"{name}?" in path else None, 1,
                                "does not have the"),
                               (lambda *_: (503, b"<Error><Code>SlowDown</Code></Error>"), 3, "503")):
        store.fault = fault
        done = verify_there(gateway, bucket, store.endpoint, direct, trust)
        assert done.returncode == code and words in done.stdout and "\nverified" not in done.stdout, done.stdout
    store.stop()


def test_other_bytes_under_a_name_are_an_alarm_and_stay(direct, upstream, tmp_path):
    bucket = locked_bucket(direct, "evidence-taken")
    day = time.strftime("%Y/%m/%d", time.gmtime())
    key = f"evidence/test/v1/narrows+gw-test/seg/control/{day}/control-00000001.nj"
    direct.client("s3").put_object(Bucket=bucket, Key=key, Body=b"somebody else's")
    gateway = on_s3(tmp_path, upstream, direct, bucket, direct.endpoint).start()
    try:
        work(gateway, "taken-", 600)
        wait_until(lambda: "archive refuses" in alarms(gateway), 40, "the alarm")
        assert "other bytes" in alarms(gateway)["archive refuses"] and state(gateway)["removed"] == 0
        assert direct.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == b"somebody else's"
        assert gateway.stop() == 0
    finally:
        gateway.stop()


def peak_of(gateway, *arguments, env):
    """A command's exit code and its most memory, as often looked at."""
    child = subprocess.Popen([NARROWS, *map(str, arguments)], stdout=subprocess.DEVNULL,
                             env=gateway.launcher_environment(**env))
    peak = 0.0
    while child.poll() is None:
        with contextlib.suppress(OSError, StopIteration):
            peak = peak_mib(child.pid)
        time.sleep(0.01)
    return child.returncode, peak


def large_bodies(gateway, mib):
    session = gateway.session()
    agent = Agent(gateway.agents_port, session.credentials())
    for n in range(0, mib, 8):
        assert agent.request("PUT", f"/burst/large-{n}", os.urandom(8 << 20)).status in (200, 404)
    assert gateway.end(session).status_code == 200


def first_bulk_segment(emulator, bucket):
    """What the bucket says of it."""
    s3 = emulator.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    return s3.head_object(Bucket=bucket, Key=next(key for key in keys if key.endswith("/bulk-00000001.nj")))


@pytest.mark.parametrize("more, parts", [("", 0), ("part_mib = 16\n", 4)], ids=["whole", "in parts"])
def test_segments_of_the_default_size_pass_through_little_memory(direct, upstream, tmp_path, more, parts):
    bucket = locked_bucket(direct, f"evidence-large-{parts}")
    store = FaultyS3(direct.port)
    store.fault = InParts(direct)
    gateway = on_s3(tmp_path, upstream, direct, bucket, store.endpoint, "segment_mib = 64\nreserve_mib = 128",
                    "retention_days = 1\n" + more).start()
    try:
        large_bodies(gateway, 72)
        wait_until(lambda: "bulk-00000001.nj" not in local_segments(gateway), 40, "the large segment to be removed here")
        assert peak_mib(gateway.pid_of("recorder")) < 128
        assert gateway.stop() == 0
        head = first_bulk_segment(direct, bucket)
        assert 60 << 20 < head["ContentLength"] <= 64 << 20 and head["ObjectLockMode"] == "COMPLIANCE"
        assert sum(count for key, count in store.fault.parts.items() if "/seg/" in key) == parts
        there = (f"s3://{bucket}/evidence/test/v1/narrows+gw-test", "--endpoint", direct.endpoint)
        trust, whole = trust_of(gateway, tmp_path), tmp_path / "whole"
        for command in (("verify", "--data-dir", gateway.data_dir, "--trust", trust, "--archive", *there),
                        ("restore", "--to", whole, "--from", *there),
                        ("verify", "--data-dir", whole, "--trust", trust)):
            code, peak = peak_of(gateway, "recording", *command, env=s3_env(direct))
            assert code == 0 and 0 < peak < 128, (command[0], code, peak)
    finally:
        gateway.stop()
        store.stop()


@pytest.mark.parametrize("says", ["of parts", "nothing"])
def test_a_checksum_that_says_little_is_enough_or_the_object_is_read_back(direct, upstream, tmp_path, says):
    bucket = locked_bucket(direct, "evidence-parts-" + says.replace(" ", "-"))
    store = FaultyS3(direct.port)
    hush = without_headers("x-amz-checksum-sha256")
    store.fault = lambda method, *_: hush if says == "nothing" and method == "HEAD" else None
    gateway = on_s3(tmp_path, upstream, direct, bucket, store.endpoint, "segment_mib = 6\nreserve_mib = 64", "part_mib = 5\n").start()
    try:
        large_bodies(gateway, 8)
        wait_until(lambda: "bulk-00000001.nj" not in local_segments(gateway), 40, "the segment to be removed here")
        assert first_bulk_segment(direct, bucket)["ETag"].endswith('-2"')
        read_back = [path for method, path in store.asked if method == "GET" and "/seg/bulk/" in path]
        assert bool(read_back) == (says == "nothing")
        assert "control-00000001.nj" in local_segments(gateway), "the control lane is in its first segment yet"
        assert gateway.stop() == 0
        trust = trust_of(gateway, tmp_path)
        assert "archived to" in assert_verified(gateway.data_dir, trust)
        gateway.start()
        work(gateway, "after-", 20)
        assert gateway.stop() == 0
        assert_verified(gateway.data_dir, trust)
    finally:
        gateway.stop()
        store.stop()


def test_a_deleted_name_hides_nothing_that_is_locked(direct, upstream, tmp_path):
    bucket = locked_bucket(direct, "evidence-hidden")
    gateway = on_s3(tmp_path, upstream, direct, bucket, direct.endpoint, more="retention_days = 1\n").start()
    work(gateway, "hidden-")
    wait_until(lambda: idle(gateway), 60, "everything to be in the bucket")
    assert gateway.stop() == 0
    s3 = direct.client("s3")
    hidden = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]
              if "/seg/" in each["Key"] or "/tlog/" in each["Key"]]
    for key in hidden:
        s3.delete_object(Bucket=bucket, Key=key)  # a delete marker in front of it
    restored_and_verified(gateway, bucket, direct.endpoint, direct, tmp_path)


def test_an_anchor_in_s3_locks_checkpoints_and_refuses_a_rollback(direct, gateway, tmp_path):
    bucket = locked_bucket(direct, "anchors")
    gateway.upstream = direct.admin
    archiving(gateway, '[evidence]\nanchor_every = "1s"\n', s3_anchor("locked", bucket, direct.endpoint, days=2),
              credentials_file(tmp_path, direct.admin))
    gateway.start()
    assert gateway.stop() == 0
    shutil.copytree(gateway.data_dir, tmp_path / "old")
    gateway.start()
    gateway.session()

    def anchored():
        found = gateway.api("GET", "/healthz").json()["anchors"][0]
        return found["kind"] == "s3" and found["entries"] > 6 and not found["trouble"]

    wait_until(anchored, 40, "checkpoints to be anchored")
    assert gateway.stop() == 0
    listed = direct.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    names = [each["Key"].removeprefix("narrows+gw-test/") for each in listed]
    sizes = [int(name.split("-")[1]) for name in names]
    assert sizes == sorted(sizes, reverse=True) and all(
        int(name.split("-")[0]) == 999_999_999_999 - size for name, size in zip(names, sizes, strict=True))
    head = direct.client("s3").head_object(Bucket=bucket, Key=listed[0]["Key"])
    assert head["ObjectLockMode"] == "COMPLIANCE"

    shutil.rmtree(gateway.data_dir)
    shutil.copytree(tmp_path / "old", gateway.data_dir)
    done = gateway.command("gateway", "--config", gateway.config, env=gateway.upstream.env(), timeout=60)
    assert done.returncode != 0 and "anchor locked contradicts" in done.stdout + done.stderr
