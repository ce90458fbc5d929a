"""P4: checkpoints leave the gateway; what was anchored cannot be rolled back, forked or shown as newer than it is."""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON, ROOT, wait_until
from harness.witness import (
    FalseWitness, Witness, directory_anchor, openssl_verifies, split_note, witness_anchor,
)
from load import burst

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
SOON = '[evidence]\nanchor_every = "1s"\nanchor_age_max = "{age}"\nanchor_required = {required}\n'


@pytest.fixture
def gateway(upstream, tmp_path):
    """A gateway that has a log and its key, and does not run."""
    made = Gateway(tmp_path / "gateway", [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin)
    made.start()
    assert made.stop() == 0
    yield made
    made.stop()


@pytest.fixture
def witnesses(gateway, tmp_path):
    made = [Witness(tmp_path / f"witness{n}", f"witness.example/w{n}").know(log_vkey(gateway)).start() for n in (1, 2)]
    yield made
    for witness in made:
        witness.stop()


def log_vkey(gateway):
    lines = (gateway.data_dir / "trust").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("log "))


def anchored(gateway, *anchors, age="1m", required=False):
    gateway.more = SOON.format(age=age, required=str(required).lower()) + "".join(anchors)
    gateway.write_config()
    return gateway


def health(gateway):
    return gateway.api("GET", "/healthz").json()


def anchor_state(gateway, name):
    return next(each for each in health(gateway)["anchors"] if each["name"] == name)


def alarms(gateway):
    return {each["what"]: each["why"] for each in health(gateway)["alarms"]}


def metric(gateway, name):
    for line in gateway.api("GET", "/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


def trust_file(gateway, folder, *witness_vkeys, quorum):
    path = folder / f"trust-{quorum}-{len(witness_vkeys)}"
    lines = [f"log {log_vkey(gateway)}", *(f"witness {vkey}" for vkey in witness_vkeys), f"quorum {quorum}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def verified(gateway, trust):
    done = gateway.verify("--trust", trust, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[-1], [line for line in lines if line["type"] == "finding"]


def alarms_on_record(gateway):
    """What the system parts say was raised."""
    done = gateway.command("recording", "export", "--data-dir", gateway.data_dir, "--format", "jsonl")
    observed = [json.loads(line).get("payload", {}).get("observed", {}) for line in done.stdout.splitlines()]
    return [each["alarm"] for each in observed if each.get("what") == "alarm" and not each["over"]]


def second_verdict(gateway, trust):
    """What the verifier in Python says."""
    done = subprocess.run(
        [PYTHON, ROOT / "verifier" / "narrows_verify.py", gateway.data_dir, "--trust", trust], capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def cosigned_note(gateway):
    return (gateway.data_dir / "log" / "cosigned").read_text()


def test_two_witnesses_vouch_and_openssl_agrees(gateway, witnesses, tmp_path):
    anchored(gateway, *(witness.anchor() for witness in witnesses)).start()
    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 20, "seen-")} == {200}
    gateway.end(session)
    size = metric(gateway, "narrows_evidence_log_size")
    cosigned = gateway.data_dir / "log" / "cosigned"

    def both_signed_what_happened():
        text, signatures = split_note(cosigned.read_text()) if cosigned.exists() else ("a\n0\n", [])
        return int(text.splitlines()[1]) > size and len(signatures) == 3

    wait_until(both_signed_what_happened, 30, "a checkpoint that both cosigned")
    assert gateway.stop() == 0

    vkeys = [witness.vkey for witness in witnesses]
    report, findings = verified(gateway, trust_file(gateway, tmp_path, *vkeys, quorum=2))
    assert report["verdict"] == "verified" and not findings
    assert sorted(report["witnesses"]) == sorted(vkeys) and report["quorum"] == 2
    assert size < report["witnessed_size"] <= report["log_size"]
    assert "\nverified" in second_verdict(gateway, trust_file(gateway, tmp_path, *vkeys, quorum=2))
    cosigned_bytes = cosigned.read_bytes()
    cosigned.unlink()  # the log's own entries are enough
    assert verified(gateway, trust_file(gateway, tmp_path, *vkeys, quorum=2))[0]["verdict"] == "verified"
    assert "\nverified" in second_verdict(gateway, trust_file(gateway, tmp_path, *vkeys, quorum=2))
    cosigned.write_bytes(cosigned_bytes)

    text, signatures = split_note(cosigned_note(gateway))
    by_name = {name: (key_id, signature) for name, key_id, signature in signatures}
    for vkey in (log_vkey(gateway), *vkeys):
        name, shown_id, code = vkey.split("+", 2)
        key_id, signature = by_name[name]
        typed_key = base64.b64decode(code)
        assert key_id == hashlib.sha256(name.encode() + b"\n" + typed_key).digest()[:4] == bytes.fromhex(shown_id)
        message = text.encode()
        if typed_key[0] == 4:
            when = int.from_bytes(signature[:8], "big")
            assert abs(when - time.time()) < 120
            message, signature = f"cosignature/v1\ntime {when}\n".encode() + message, signature[8:]
        assert openssl_verifies(vkey, message, signature, tmp_path), name
        assert not openssl_verifies(vkey, message + b"x", signature, tmp_path)

    shown = gateway.command("recording", "show", "last", "--data-dir", gateway.data_dir)
    assert "the log says it is anchored (witness w" in shown.stdout and "no outside anchor" not in shown.stdout


def test_one_of_two_is_not_verified_and_says_so(gateway, witnesses, tmp_path):
    witnesses[1].stop()
    anchored(gateway, *(witness.anchor() for witness in witnesses)).start()
    wait_until(lambda: anchor_state(gateway, "w1")["age_s"] is not None, 30, "the first witness")
    wait_until(lambda: anchor_state(gateway, "w2")["trouble"], 30, "the second one's absence to show")
    assert gateway.session(), "one that is down stops nothing"
    time.sleep(3)
    assert gateway.stop() == 0
    vkeys = [witness.vkey for witness in witnesses]
    report, findings = verified(gateway, trust_file(gateway, tmp_path, *vkeys, quorum=2))
    assert report["verdict"] == "consistent, not verified"
    assert any("1 of the 2 witnesses" in finding["what"] for finding in findings)
    assert "1 witnesses have signed, 2 must have" in second_verdict(gateway, trust_file(gateway, tmp_path, *vkeys, quorum=2))
    assert verified(gateway, trust_file(gateway, tmp_path, vkeys[0], quorum=1))[0]["verdict"] == "verified"


def test_a_witness_behind_tls_is_verified(gateway, tmp_path):
    witness = Witness(tmp_path / "tls", "witness.example/tls").secure().know(log_vkey(gateway)).start()
    named = witness.anchor() + f'ca = "{witness.folder / "tls.pem"}"\n'
    stranger = witness.anchor().replace('name = "tls"', 'name = "stranger"')
    anchored(gateway, named).start()
    wait_until(lambda: anchor_state(gateway, "tls")["age_s"] is not None, 30, "the witness to take a checkpoint")
    assert gateway.stop() == 0
    anchored(gateway, stranger).start()
    assert anchor_state(gateway, "stranger")["age_s"] is None and anchor_state(gateway, "stranger")["trouble"]
    assert gateway.stop() == 0
    witness.stop()


def garbage(_):
    return 200, os.urandom(3000)


FALSE_ANSWERS = {
    "409 without a size": lambda _: (409, b"many\n"),
    "409 of another size each time": lambda body: (409, b"1\n" if b"old 2\n" in body else b"2\n"),
    "403": lambda _: (403, b"no\n"),
    "404": lambda _: (404, b"no\n"),
    "500": lambda _: (500, b""),
    "garbage": garbage,
    "200 without a cosignature": lambda _: (200, b""),
    "too much": lambda _: (200, b"x" * 300_000),
    "slow": lambda _: (time.sleep(2), (403, b""))[1],
    "never": lambda _: None,
}


@pytest.mark.parametrize("answer", FALSE_ANSWERS)
def test_a_witness_that_misbehaves_stops_nothing(gateway, witnesses, upstream, answer):
    false = FalseWitness(FALSE_ANSWERS[answer])
    anchored(gateway, witness_anchor("false", false.url, witnesses[1].vkey), witnesses[0].anchor()).start(seconds=60)
    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 50, "on-")} == {200}
    wait_until(lambda: anchor_state(gateway, "false")["trouble"], 30, "its trouble to show")
    assert not anchor_state(gateway, "false")["contradicts"]
    assert false.asked > 0
    wait_until(lambda: anchor_state(gateway, "w1")["age_s"] is not None, 30, "the other witness")
    assert gateway.session()
    assert gateway.stop() == 0
    false.stop()


def test_overdue_anchors_alarm_refuse_sessions_then_operations(gateway, witnesses):
    witness = witnesses[0]
    anchored(gateway, witness.anchor(), age="3s", required=True).start()
    session = gateway.session()
    witness.stop()
    wait_until(lambda: "anchors overdue" in alarms(gateway), 30, "the alarm")
    assert metric(gateway, "narrows_anchored_age_seconds") > 3
    assert 'narrows_alarm{what="anchors overdue"} 1' in gateway.api("GET", "/metrics").text
    refused = gateway.ask_for_session()
    assert refused.status_code == 503 and "anchored" in refused.text
    answers = []

    def operations_refused():
        answers.extend(burst(gateway.agents_port, [session], 1, f"late-{len(answers)}-"))
        return answers[-1].status != 200

    assert not operations_refused(), "operations of running sessions go on at first"
    wait_until(operations_refused, 40, "operations to be refused too")
    assert b"anchored outside" in answers[-1].body
    witness.start()
    wait_until(lambda: gateway.ask_for_session().status_code == 201, 90, "new sessions when it is back")
    wait_until(lambda: not operations_refused(), 30, "operations when it is back")
    assert gateway.stop() == 0
    assert "anchors overdue" in alarms_on_record(gateway)


def start_fails(gateway, *more):
    done = gateway.command("gateway", "--config", gateway.config, *more, env=gateway.upstream.env(), timeout=60)
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["witness", "directory"])
def test_a_rolled_back_directory_does_not_start(gateway, witnesses, tmp_path, kind):
    (tmp_path / "anchor").mkdir()
    anchor = witnesses[0].anchor() if kind == "witness" else directory_anchor("w1", tmp_path / "anchor")
    anchored(gateway, anchor)
    shutil.copytree(gateway.data_dir, tmp_path / "old")
    gateway.start()
    gateway.session()
    size = metric(gateway, "narrows_evidence_log_size")
    wait_until(lambda: anchor_state(gateway, "w1")["entries"] > size, 30, "it to be anchored")
    gateway.kill()
    gateway.start()
    assert gateway.stop() == 0, "a crash is no rollback"

    shutil.rmtree(gateway.data_dir)
    shutil.copytree(tmp_path / "old", gateway.data_dir)
    said = start_fails(gateway)
    assert "anchor w1 contradicts" in said and "--accept-rollback" in said
    assert "anchor w1 contradicts" in start_fails(gateway), "nor at the next try"

    with started_with(gateway, "--accept-rollback"):
        assert "rollback accepted" in alarms(gateway)
        assert gateway.session()
        time.sleep(2)
    assert alarms_on_record(gateway) == ["rollback accepted"]


@contextlib.contextmanager
def started_with(gateway, *more):
    """A start with more on its command line."""
    script = gateway.folder / "with-more"
    script.write_text('#!/bin/sh\nexec "$@" ' + " ".join(more) + "\n")
    script.chmod(0o700)
    gateway.start(wrapper=[script])
    yield gateway
    assert gateway.stop() == 0


def test_a_data_directory_that_runs_twice_is_found(gateway, witnesses, upstream, tmp_path):
    anchored(gateway, witnesses[0].anchor())
    twin = Gateway(tmp_path / "twin", list(gateway.connections.values()), upstream.admin)
    shutil.copytree(gateway.data_dir, twin.data_dir)
    twin.launcher_key, twin.agent_key = gateway.launcher_key, gateway.agent_key
    anchored(twin, witnesses[0].anchor())
    gateway.start()
    wait_until(lambda: anchor_state(gateway, "w1")["age_s"] is not None, 30, "the first to be anchored")
    size = anchor_state(gateway, "w1")["entries"]
    wait_until(lambda: anchor_state(gateway, "w1")["entries"] > size, 30, "it to go on")
    assert "anchor w1 contradicts" in start_fails(twin)

    gateway.kill()
    shutil.rmtree(twin.data_dir)
    shutil.copytree(gateway.data_dir, twin.data_dir)
    witnesses[0].stop()
    gateway.start()
    twin.start()
    witnesses[0].start()

    def found():
        return [each for each in (gateway, twin) if "anchor w1 contradicts" in alarms(each)]

    wait_until(found, 60, "the fork to be found")
    assert found()[0].ask_for_session().status_code == 503
    assert 'narrows_anchor_contradicts{anchor="w1",kind="witness"} 1' in found()[0].api("GET", "/metrics").text
    for each in (gateway, twin):
        assert each.stop() == 0


def test_a_full_or_missing_anchor_directory_stops_nothing(gateway, tmp_path):
    place = tmp_path / "anchor"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True)
    try:
        anchored(gateway, directory_anchor("usb", place)).start()
        wait_until(lambda: anchor_state(gateway, "usb")["age_s"] is not None, 30, "the first checkpoint")
        with contextlib.suppress(OSError), open(place / "filler", "wb", buffering=0) as out:
            while True:
                out.write(bytes(4096))
        wait_until(lambda: "No space" in anchor_state(gateway, "usb")["trouble"], 30, "its trouble to show")
        assert gateway.session()
        (place / "filler").unlink()
        wait_until(lambda: not anchor_state(gateway, "usb")["trouble"], 90, "it to be well again")
        doctor = gateway.command("doctor", "--config", gateway.config)
        assert "anchor usb: holds" in doctor.stdout
    finally:
        subprocess.run(["umount", "-l", place], check=True)
    shutil.rmtree(place)
    wait_until(lambda: "mount its volume" in anchor_state(gateway, "usb")["trouble"], 30, "its absence to show")
    assert gateway.session()
    assert gateway.stop() == 0


def test_a_kept_checkpoint_of_the_directory_verifies_a_copy(gateway, tmp_path):
    place = tmp_path / "anchor"
    place.mkdir()
    anchored(gateway, directory_anchor("usb", place)).start()
    newest = place / "narrows+gw-test" / "newest"
    wait_until(newest.exists, 30, "the first checkpoint")
    assert gateway.stop() == 0
    trust = trust_file(gateway, tmp_path, quorum=0)
    assert gateway.verify("--trust", trust, "--checkpoint", newest).returncode == 0
    history = list((place / "narrows+gw-test" / "history").glob("*/*"))
    assert history and all(gateway.verify("--trust", trust, "--checkpoint", each).returncode == 0 for each in history)


def test_a_clock_that_is_set_is_on_record(gateway, tmp_path):
    offset = tmp_path / "offset"
    offset.write_text("+0")
    library = next(
        path for path in ("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
                          "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1") if os.path.exists(path)
    )
    gateway.start(env={
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": offset, "FAKETIME_NO_CACHE": 1,
        "DONT_FAKE_MONOTONIC": 1, "FAKETIME_DONT_FAKE_MONOTONIC": 1,
    })
    time.sleep(3)
    assert metric(gateway, "narrows_clock_jumps_total") == 0
    offset.write_text("-7200")
    wait_until(lambda: metric(gateway, "narrows_clock_jumps_total") == 1, 30, "the jump to be seen")
    assert "back" in alarms(gateway)["clock jump"]
    time.sleep(2)
    assert gateway.stop() == 0
    assert alarms_on_record(gateway) == ["clock jump"]
    assert gateway.verify().returncode == 0
