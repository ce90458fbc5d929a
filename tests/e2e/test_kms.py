"""The evidence log's key lies in AWS KMS: what it signs is a log like any other, and nothing that it did not sign is one.

Against a stand-in that is as strict as KMS (harness/kms.py); never run against AWS itself.
"""

import base64
import hashlib
import os
import signal
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.gateway import Connection, Gateway, scope, statement
from harness.kms import StrictKms
from harness.processes import wait_until
from harness.upstream import StrictUpstream
from harness.witness import Witness, openssl_verifies, split_note
from load import burst

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
ORIGIN = "narrows/gw-test"


def gateway_with(folder, kms, upstream, more=""):
    return Gateway(folder / "gateway", [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin,
                   more="[evidence]\n" + kms.toml() + more)


@pytest.fixture(scope="module")
def upstream(module_folder):
    made = StrictUpstream(module_folder)
    yield made
    made.stop()


@pytest.fixture
def kms(tmp_path):
    made = StrictKms(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def gateway(kms, upstream, tmp_path):
    made = gateway_with(tmp_path, kms, upstream)
    yield made
    made.stop()


def health(gateway):
    return gateway.api("GET", "/healthz").json()


def alarms(gateway):
    return {each["what"]: each["why"] for each in health(gateway)["alarms"]}


def checkpoint(gateway):
    return (gateway.data_dir / "log" / "checkpoint").read_text()


def vkey(kms):
    """As signed-note writes it, made here from the key itself."""
    typed = b"\x01" + kms.public_key()
    key_id = hashlib.sha256(ORIGIN.encode() + b"\n" + typed).digest()[:4]
    return f"{ORIGIN}+{key_id.hex()}+{base64.b64encode(typed).decode()}"


def works(gateway, session, prefix):
    return {answer.status for answer in burst(gateway.agents_port, [session], 10, prefix)} == {200}


def assert_verified(gateway, *more):
    trust = gateway.data_dir / "trust"
    for done in (gateway.verify("--trust", trust, *more), gateway.verify_apart()):
        assert done.returncode == 0 and "\nverified" in done.stdout, done.stdout + done.stderr


def start_fails(gateway):
    done = gateway.command("gateway", "--config", gateway.config, env=gateway.upstream.env(), timeout=90)
    assert done.returncode == 3, "so that systemd starts it again\n" + done.stderr
    return done.stdout + done.stderr


def test_what_kms_signs_is_an_ordinary_note_and_both_verifiers_see_no_difference(gateway, kms, tmp_path):
    gateway.start()
    session = gateway.session()
    assert works(gateway, session, "kms-")
    gateway.end(session)
    doctor = gateway.command("doctor", "--config", gateway.config).stdout
    assert f"log key: {kms.arn} in AWS KMS" in doctor
    assert gateway.stop() == 0
    assert not (gateway.data_dir / "log.key").exists()
    assert f"log {vkey(kms)}\n" in (gateway.data_dir / "trust").read_text()
    assert_verified(gateway)

    note = checkpoint(gateway)
    text, signatures = split_note(note)
    key_id = bytes.fromhex(vkey(kms).split("+")[1])
    expected = base64.b64encode(key_id + kms.key.sign(text.encode())).decode()
    assert note == f"{text}\n\u2014 {ORIGIN} {expected}\n", "Ed25519 has one signature for a text"
    assert openssl_verifies(vkey(kms), text.encode(), signatures[0][2], tmp_path)

    gateway.start()
    assert gateway.session(), "a restart goes on with the same log"
    assert gateway.stop() == 0
    assert_verified(gateway)
    assert not kms.refused
    assert kms.count("GetPublicKey") == 2, "once a start"
    assert len(set(kms.signed)) == len(kms.signed), "no checkpoint costs two signatures"


def test_an_idle_gateway_asks_for_a_signature_every_ten_seconds(gateway, kms):
    gateway.start()
    time.sleep(2)
    began, before = time.monotonic(), kms.count("Sign")
    time.sleep(11)
    wait_until(lambda: kms.count("Sign") > before, 10, "a signature")
    assert kms.count("Sign") - before <= 1 + (time.monotonic() - began) / 10


def signed_by(key, kms):
    return base64.b64encode(key.sign(kms.signed[-1])).decode()


def slow(kms, _, said):
    time.sleep(7)
    return said


# What KMS answers to Sign, given what it would.
FAULTS = {
    "an error of its own": lambda kms, _, said: (500, b'{"__type":"KMSInternalException"}'),
    "throttling": lambda kms, _, said: (400, b'{"__type":"ThrottlingException"}'),
    "slowness": slow,
    "a cut": lambda kms, _, said: None,
    "garbage": lambda kms, _, said: (200, os.urandom(500)),
    "too much": lambda kms, _, said: (200, b"x" * 300_000),
    "nothing": lambda kms, _, said: (200, b""),
    "another key's signature": lambda kms, _, said: said | {"Signature": signed_by(Ed25519PrivateKey.generate(), kms)},
    "a signature over something else": lambda kms, _, said: said | {
        "Signature": base64.b64encode(kms.key.sign(b"something else")).decode()},
    "half a signature": lambda kms, _, said: said | {"Signature": said["Signature"][:44]},
    "another key's name": lambda kms, _, said: said | {"KeyId": kms.arn[:-1] + "f"},
    "another algorithm": lambda kms, _, said: said | {"SigningAlgorithm": "ED25519_PH_SHA_512"},
}
STATES = {
    "down": (lambda kms: kms.stop(), lambda kms: kms.start()),
    "disabled": (lambda kms: setattr(kms, "enabled", False), lambda kms: setattr(kms, "enabled", True)),
    "forbidden": (lambda kms: kms.forbidden.add("Sign"), lambda kms: kms.forbidden.clear()),
} | {name: (lambda kms, say=say: setattr(kms, "fault", lambda *asked: say(kms, *asked)),
            lambda kms: setattr(kms, "fault", None)) for name, say in FAULTS.items()}


@pytest.fixture(scope="module")
def tried(upstream, module_folder):
    """One gateway and its KMS through all faults; what it has recorded at the end verifies."""
    folder = module_folder / "tried"
    folder.mkdir()
    kms = StrictKms(folder)
    gateway = gateway_with(folder, kms, upstream).start()
    yield gateway, kms
    assert gateway.stop() == 0
    kms.stop()
    notices = [record for record in gateway.records().of_kind("notice") if record.get("alarm") == "log key"]
    assert len(notices) >= 2 and notices[0].get("why"), "it is on record, with its end"
    assert_verified(gateway)
    for entry in (gateway.data_dir / "log").rglob("checkpoint"):
        assert split_note(entry.read_text())[0].encode() in kms.signed


@pytest.mark.parametrize("state", STATES)
def test_while_kms_does_not_sign_sessions_are_refused_and_it_recovers_by_itself(tried, state):
    gateway, kms = tried
    breaks, heals = STATES[state]
    running = gateway.session()
    breaks(kms)
    refused = gateway.ask_for_session()
    assert refused.status_code == 503, "an OPEN that is in no signed checkpoint gives no credentials"
    wait_until(lambda: "log key" in alarms(gateway), 20, "the alarm")
    assert "evidence log" not in alarms(gateway) and "KMS" in alarms(gateway)["log key"]
    if "signature over" in state or "key's signature" in state:
        assert "is not by" in alarms(gateway)["log key"]
    before = checkpoint(gateway)
    assert works(gateway, running, f"on-{len(kms.asked)}-"), "what runs goes on"
    again = gateway.ask_for_session()
    assert again.status_code == 503 and "cannot be signed" in again.text
    assert f'narrows_alarm{{what="log key"}} 1' in gateway.api("GET", "/metrics").text
    time.sleep(2)
    assert checkpoint(gateway) == before, "nothing came into the log that does not verify"
    heals(kms)
    wait_until(lambda: "log key" not in alarms(gateway), 20, "the end of the alarm")
    session = gateway.session()
    assert works(gateway, session, f"after-{len(kms.signed)}-")
    assert gateway.end(session).status_code == 200 and gateway.end(running).status_code == 200


def test_a_gateway_that_dies_while_kms_is_down_loses_nothing(gateway, kms):
    gateway.start()
    session = gateway.session()
    kms.stop()
    assert works(gateway, session, "down-")
    time.sleep(2)
    os.kill(gateway.pid_of("recorder"), signal.SIGKILL)
    wait_until(lambda: not gateway.process.running(), 60, "it to end, for want of its log's key")
    kms.start()
    gateway.start()
    assert gateway.session()
    assert gateway.stop() == 0
    assert len(gateway.records().operations()) == 10
    assert_verified(gateway)


def test_overdue_anchors_refuse_operations_while_kms_is_down(kms, upstream, tmp_path):
    witness = Witness(tmp_path / "w1", "witness.example/w1").know(vkey(kms)).start()
    soon = 'anchor_every = "1s"\nanchor_age_max = "3s"\nanchor_required = true\n'
    gateway = gateway_with(tmp_path, kms, upstream, soon + witness.anchor()).start()
    wait_until(lambda: gateway.ask_for_session().status_code == 201, 30, "a first session")
    session = gateway.session()
    kms.stop()
    assert works(gateway, session, "first-"), "operations go on at first"
    wait_until(lambda: "anchors overdue" in alarms(gateway), 30, "the alarm")
    number = iter(range(1000))
    wait_until(lambda: not works(gateway, session, f"late-{next(number)}-"), 40, "operations to be refused")
    kms.start()
    wait_until(lambda: gateway.ask_for_session().status_code == 201, 60, "sessions when it is back")
    wait_until(lambda: works(gateway, session, f"back-{next(number)}-"), 30, "operations when it is back")
    assert gateway.stop() == 0
    witness.stop()
    trust = tmp_path / "trust"
    trust.write_text(f"log {vkey(kms)}\nwitness {witness.vkey}\nquorum 1\n")
    done = gateway.verify("--trust", trust)
    assert done.returncode == 0 and "\nverified" in done.stdout, done.stdout


def test_a_key_that_changed_does_not_go_on_with_the_log(gateway, kms):
    gateway.start()
    assert gateway.stop() == 0
    before = checkpoint(gateway)
    first, kms.key = kms.key, Ed25519PrivateKey.generate()
    assert "was signed with another key" in start_fails(gateway)
    assert checkpoint(gateway) == before
    kms.key = first
    gateway.start()
    assert gateway.stop() == 0
    assert_verified(gateway)


def test_a_log_that_a_file_signed_is_not_gone_on_with_by_kms(gateway, kms):
    with_kms, gateway.more = gateway.more, ""
    gateway.write_config()
    gateway.start()
    assert gateway.stop() == 0
    gateway.more = with_kms
    gateway.write_config()
    assert "was signed with another key" in start_fails(gateway)
    assert "does not start with both" in gateway.command("doctor", "--config", gateway.config).stdout
    assert not kms.signed


X25519_INFO = base64.b64encode(bytes.fromhex("302a300506032b656e032100") + bytes(range(32))).decode()
NO_KEYS = {
    "an elliptic curve of another kind": {"KeySpec": "ECC_NIST_P256"},
    "a key for key agreement": {"KeyUsage": "KEY_AGREEMENT"},
    "a key that does not sign so": {"SigningAlgorithms": ["ED25519_PH_SHA_512"]},
    "a key of another algorithm": {"PublicKey": X25519_INFO},
    "no key": {"PublicKey": ""},
    "another key": {"KeyId": "arn:aws:kms:us-east-1:123456789012:key/other"},
}


@pytest.mark.parametrize("what", NO_KEYS)
def test_no_start_with_what_is_no_signing_key(gateway, kms, what):
    kms.fault = lambda operation, said: said | (NO_KEYS[what] if operation == "GetPublicKey" else {})
    said = start_fails(gateway)
    assert "AWS KMS" in said or "ECC_NIST_EDWARDS25519" in said
    assert not kms.signed


def test_no_start_without_kms_or_against_its_policy(gateway, kms):
    kms.forbidden.add("GetPublicKey")
    said = start_fails(gateway)
    assert "AccessDeniedException" in said and "docs/keys.md" in said
    assert kms.count("GetPublicKey") == 1
    kms.stop()
    began = time.monotonic()
    assert "AWS KMS at 127.0.0.1" in start_fails(gateway)
    assert 5 < time.monotonic() - began < 60
