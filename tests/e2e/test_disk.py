"""P3: a disk that is full or fails means refusal before forwarding, a clear error, and recovery by itself."""

import contextlib
import os
import subprocess

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import wait_until
from harness.upstream import StrictUpstream
from load import Agent, burst

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
MIB = 1 << 20


@pytest.fixture
def upstream(tmp_path):
    made = StrictUpstream(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, on a loop device because tmpfs knows no O_DIRECT."""
    image, mount = tmp_path / "disk.img", tmp_path / "disk"
    mount.mkdir()
    with open(image, "wb") as out:
        out.truncate(256 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m0", image], check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    yield mount
    subprocess.run(["umount", "-l", mount], check=True)


def gateway_on(folder, upstream, recording="segment_mib = 16\nreserve_mib = 32"):
    return Gateway(folder, [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin, recording=recording)


def fill(folder):
    """Takes all space that is left and returns the file that holds it."""
    path = folder / "filler"
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as out:
        while True:
            out.write(bytes(MIB))
    with contextlib.suppress(OSError), open(path, "ab", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    return path


@contextlib.contextmanager
def failing(pid, call, error, log):
    """From now on every such call of the process fails."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}"]
    with open(log, "wb") as sink:
        strace = subprocess.Popen(["strace", "-f", "-o", "/dev/null", *inject, "-p", str(pid)], stderr=sink)
    wait_until(lambda: "attached" in log.read_text(), 30, "strace to attach")
    try:
        yield
    finally:
        strace.terminate()
        strace.wait()


def test_full_disk_refuses_then_resumes(upstream, small_disk):
    gateway = gateway_on(small_disk / "gateway", upstream).start()
    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 20, "room-")} == {200}
    filler = fill(small_disk)
    agent, answers = Agent(gateway.agents_port, session.credentials()), []

    def refused():
        answers.append(agent.request("PUT", f"/burst/full/{len(answers)}", os.urandom(MIB)))
        return answers[-1].status not in (200,)

    wait_until(refused, 120, "a refusal on the full disk")
    passed = {a.target for a in answers if a.status == 200}
    assert answers[-1].target not in upstream.count_by_target() or answers[-1].target in passed
    assert answers[-1].status in (403, 503), answers[-1]
    assert b"record" in answers[-1].body
    assert gateway.ask_for_session().status_code >= 500
    health = gateway.api("GET", "/healthz").json()
    assert health["can_start"] is False and health["why"]
    filler.unlink()
    wait_until(lambda: agent.request("GET", "/burst/again").status == 200, 60, "service after space came back")
    assert set(upstream.count_by_target()) <= {op.target for op in gateway.records().operations()}
    assert gateway.stop() == 0


@pytest.mark.parametrize("call,error", [("fdatasync", "EIO"), ("pwrite64", "ENOSPC")])
def test_failing_disk_forwards_nothing_unrecorded(upstream, tmp_path, call, error):
    gateway = gateway_on(tmp_path / "gateway", upstream).start()
    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 20, "well-")} == {200}
    answers = []
    with failing(gateway.pid_of("boundary"), call, error, tmp_path / "strace.log"):
        answers = burst(gateway.agents_port, [session], 40, "io-")
    assert answers and any(answer.status != 200 for answer in answers), "the injected failure was not noticed"
    gateway.kill()
    gateway.start()
    recorded = {op.target for op in gateway.records().operations()}
    assert set(upstream.count_by_target()) <= recorded
    assert {a.target for a in answers if a.status == 200} <= recorded
    assert {a.status for a in burst(gateway.agents_port, [gateway.session()], 5, "later-")} == {200}
    assert gateway.stop() == 0
    assert gateway.verify().returncode == 0, "a fault that the recording declares is nothing to be found wanting"
