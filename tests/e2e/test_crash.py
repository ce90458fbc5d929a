"""SIGKILL under load: nothing arrived without a durable INTENT; after the restart the truth is told."""

import contextlib
import random
import threading
import time

import requests

from harness.faults import failing
from harness.gateway import Connection, Gateway, scope, statement
from load import burst

QUICK_ROUNDS, FULL_ROUNDS = 4, 40
QUICK_WRITES, FULL_WRITES = range(1, 60, 4), range(1, 160)
AGENTS = 12


def start(upstream, folder):
    allowed = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
    return Gateway(folder, [Connection("burst", allowed, upstream.endpoint)], upstream.admin).start()


def rounds(config):
    return FULL_ROUNDS if config.getoption("--full") else QUICK_ROUNDS


def test_killed_at_random_points(upstream, tmp_path, request):
    gateway = start(upstream, tmp_path / "gateway")
    randomness = random.Random(20261123)
    answered = set()
    for round_number in range(rounds(request.config)):
        sessions = [gateway.session() for _ in range(AGENTS)]
        alive = threading.Event()
        alive.set()
        answers = []
        load = threading.Thread(
            target=lambda: answers.extend(burst(gateway.agents_port, sessions, 0, f"r{round_number}-", alive.is_set))
        )
        load.start()
        time.sleep(randomness.uniform(0.05, 1.5))
        gateway.kill()
        alive.clear()
        load.join()
        answered |= {answer.target for answer in answers if answer.status == 200}
        gateway.start()
    check(gateway, upstream, answered)
    assert gateway.stop() == 0


def test_killed_at_each_of_its_writes(upstream, tmp_path, request):
    """The process that speaks with agents and targets, at its k-th write to a file or a socket."""
    gateway, answered, killed = start(upstream, tmp_path / "gateway"), set(), 0
    for k in FULL_WRITES if request.config.getoption("--full") else QUICK_WRITES:
        session = gateway.session()
        with failing(gateway.pid_of("boundary"), "write,pwrite64,sendmsg,sendto,fsync,rename",
                     f"signal=SIGKILL:when={k}", tmp_path / f"strace-{k}.log"):
            if k % 3 == 0:
                with contextlib.suppress(requests.ConnectionError):  # its answer may have been the k-th
                    gateway.end(session)
            answers = burst(gateway.agents_port, [session], 8, f"k{k}-")
        answered |= {answer.target for answer in answers if answer.status == 200}
        killed += any(answer.status == 0 for answer in answers)
        gateway.kill()
        gateway.start()
    assert killed > 5, "kills that came before the answers"
    check(gateway, upstream, answered)
    assert gateway.stop() == 0


def check(gateway, upstream, answered):
    recording = gateway.records()
    operations = {op.target: op for op in recording.operations()}
    arrived = set(upstream.count_by_target())
    assert arrived <= set(operations), "arrived upstream without a durable INTENT"
    assert all(operations[target].verdict == "allow" for target in arrived)
    assert answered <= set(operations)
    open_ended = [op.target for op in operations.values() if op.outcome is None]
    assert not open_ended, "after recovery every operation has an outcome"
    claimed_not_sent = {target for target, op in operations.items() if op.outcome == "not_sent"}
    assert not claimed_not_sent & arrived, "recorded as not sent, yet it arrived"
    assert any(op.outcome == "unknown" for op in operations.values()) or not arrived - answered
    reasons = {record.get("reason") for record in recording.of_kind("close")}
    assert "interrupted" in reasons
    assert not recording.undeclared_holes()
    assert gateway.verify().returncode == 0
    apart = gateway.verify_apart()
    assert apart.returncode == 0 and "\nverified\n" in apart.stdout, apart.stdout


def test_credentials_stay_valid_and_a_new_part_continues(upstream, tmp_path):
    gateway = start(upstream, tmp_path / "gateway")
    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 5, "before-")} == {200}
    gateway.kill()
    gateway.start()
    assert {a.status for a in burst(gateway.agents_port, [session], 5, "after-")} == {200}
    gateway.end(session)
    opens = [r for r in gateway.records().of_kind("open") if r.get("session") == session.id]
    assert len(opens) == 2
    assert opens[1].get("predecessor") == opens[0].part
    gateway.stop()
