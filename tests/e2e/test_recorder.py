"""The recorder as a process of its own: what it alone holds, and what happens when it is lost."""

import os
import pathlib
import signal
import threading
import time

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import wait_until
from load import burst
from test_processes import memory_holds


@pytest.fixture
def gateway(upstream, tmp_path):
    allowed = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
    made = Gateway(tmp_path / "gateway", [Connection("burst", allowed, upstream.endpoint)], upstream.admin).start()
    yield made
    made.stop()


def serves(gateway, sessions, name):
    try:
        return {answer.status for answer in burst(gateway.agents_port, sessions, 2 * len(sessions), name)} == {200}
    except OSError:
        return False


def test_a_recorder_that_is_killed_under_load_comes_back(gateway, upstream):
    sessions, answers, alive = [gateway.session() for _ in range(4)], [], threading.Event()
    alive.set()

    def load():
        rounds = 0
        while alive.is_set():
            rounds += 1
            try:
                answers.extend(burst(gateway.agents_port, sessions, 40, f"l{rounds}-"))
            except OSError:
                time.sleep(0.05)

    worker = threading.Thread(target=load)
    worker.start()
    killed = set()
    for _ in range(3):
        time.sleep(1)
        recorder = gateway.pid_of("recorder")
        os.kill(recorder, signal.SIGKILL)
        killed.add(recorder)
        wait_until(lambda: gateway.pid_of("recorder") not in killed, 15, "another recorder")
        wait_until(lambda: serves(gateway, sessions, f"k{len(killed)}-"), 20, "the sessions to go on")
    alive.clear()
    worker.join()
    assert any(answer.status == 200 for answer in answers)
    refusals = [answer for answer in answers if answer.status == 503]
    assert refusals and all(b"record" in answer.body for answer in refusals), "told why, as long as somebody is there"
    assert gateway.stop() == 0
    recorded = {op.target for op in gateway.records().operations()}
    assert set(upstream.count_by_target()) <= recorded, "nothing arrived that is not on record"
    assert {answer.target for answer in answers if answer.status == 200} <= recorded
    assert gateway.verify("--trust", gateway.data_dir / "trust").returncode == 0
    assert gateway.verify_apart().returncode == 0


def test_the_gateway_has_no_evidence_open(gateway):
    assert serves(gateway, [gateway.session()], "f-")
    evidence = tuple(str(gateway.data_dir / name) for name in ("journal", "keys", "log", "trust"))

    def open_files(process):
        folder = pathlib.Path(f"/proc/{gateway.pid_of(process)}/fd")
        return [os.readlink(each) for each in folder.iterdir() if each.exists() or each.is_symlink()]

    assert [name for name in open_files("recorder") if name.startswith(evidence)], "the search finds what is there"
    assert not [name for name in open_files("boundary") if name.startswith(evidence)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of a process that is not dumpable")
def test_the_gateway_does_not_hold_the_logs_key(gateway):
    assert serves(gateway, [gateway.session()], "m-")
    text = (gateway.data_dir / "log.key").read_bytes()
    import base64

    seed = base64.b64decode(text.strip().split(b"+", 4)[-1])[1:]
    assert len(seed) == 32
    pid = gateway.pid_of("recorder")
    assert memory_holds(pid, {seed}) == {seed}, "the search finds what is there"
    assert memory_holds(gateway.pid_of("boundary"), {seed}) == set()


def test_what_was_recorded_is_signed_when_the_gateway_is_killed(gateway):
    session = gateway.session()
    assert serves(gateway, [session], "e-")
    os.kill(gateway.pid_of("boundary"), signal.SIGKILL)
    assert gateway.process.child.wait(25) == 137
    assert gateway.verify("--trust", gateway.data_dir / "trust").returncode == 0
    gateway.start()
    assert serves(gateway, [session], "r-"), "the session goes on"


def test_an_error_of_opening_is_told_once_by_the_gateway(gateway):
    assert serves(gateway, [gateway.session()], "c-")
    gateway.stop()
    segment = sorted((gateway.data_dir / "journal").glob("control-*"))[0]
    content = bytearray(segment.read_bytes())
    content[4096 + 200] ^= 1
    segment.write_bytes(content)
    before = len(gateway.process.output())
    with pytest.raises(RuntimeError, match="ended with 1"):
        gateway.start()
    told = gateway.process.output()[before:]
    assert told.count(segment.name) == 1
