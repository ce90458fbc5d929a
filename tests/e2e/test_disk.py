"""P3: a disk that is full or fails means refusal before forwarding, a clear error, and recovery by itself."""

import contextlib
import os
import subprocess

import pytest

from harness.faults import failing
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import wait_until
from load import Agent, burst

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
MIB = 1 << 20


INODES = 512


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, on a loop device because tmpfs knows no O_DIRECT."""
    image, mount = tmp_path / "disk.img", tmp_path / "disk"
    mount.mkdir()
    with open(image, "wb") as out:
        out.truncate(256 * MIB)
    command = ["mkfs.ext4", "-q", "-m0", "-N", str(INODES), image]
    subprocess.run(command, check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
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


def take_inodes(folder):
    """Takes all inodes that are left and returns the folder that holds them."""
    path = folder / "inodes"
    path.mkdir()
    with contextlib.suppress(OSError):
        for number in range(2 * INODES):
            (path / str(number)).touch()
    return path


def arrived(upstream):
    """Targets of agents' operations; `narrows doctor` looks at / whether the upstream is there."""
    return set(upstream.count_by_target()) - {"/"}


def health(gateway):
    return gateway.api("GET", "/healthz").json()


def is_raised(gateway, what):
    return any(alarm["what"] == what for alarm in health(gateway)["alarms"])


def alarm_everywhere(gateway, what):
    """Waits for an alarm; it is in /healthz, in /metrics and in what `narrows doctor` says."""
    wait_until(lambda: is_raised(gateway, what), 40, f"the alarm '{what}'")
    assert f'narrows_alarm{{what="{what}"}} 1' in gateway.api("GET", "/metrics").text
    assert f"alarm: {what}: " in gateway.command("doctor", "--config", gateway.config).stdout


def alarm_is_over(gateway, what):
    wait_until(lambda: not is_raised(gateway, what), 40, f"the end of the alarm '{what}'")


def alarm_is_kept(gateway, what):
    """Of a gateway that has ended: it stands in the recording and in the evidence log."""
    notices = [record for record in gateway.records().of_kind("notice") if record.get("alarm") == what]
    assert notices and notices[0].get("why")
    entries = b"".join(path.read_bytes() for path in (gateway.data_dir / "log/tile/entries").rglob("*") if path.is_file())
    assert b"ALARM" in entries and what.encode() in entries


def test_full_disk_refuses_then_resumes(upstream, small_disk):
    gateway = gateway_on(small_disk / "gateway", upstream).start()
    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 20, "room-")} == {200}
    filler = fill(small_disk)
    agent, answers = Agent(gateway.agents_port, session.credentials()), []

    def refused():
        answers.append(agent.request("PUT", f"/burst/full/{len(answers)}", os.urandom(MIB)))
        return answers[-1].status in (403, 503)  # 0: it was cut while it sent its body

    wait_until(refused, 120, "a refusal on the full disk")
    passed = {a.target for a in answers if a.status == 200}
    assert answers[-1].target not in upstream.count_by_target() or answers[-1].target in passed
    assert answers[-1].status in (403, 503), answers[-1]
    assert b"record" in answers[-1].body
    assert gateway.ask_for_session().status_code >= 500
    assert health(gateway)["can_start"] is False and health(gateway)["why"]
    alarm_everywhere(gateway, "disk full")
    filler.unlink()
    wait_until(lambda: agent.request("GET", "/burst/again").status == 200, 60, "service after space came back")
    alarm_is_over(gateway, "disk full")
    assert arrived(upstream) <= {op.target for op in gateway.records().operations()}
    assert gateway.stop() == 0
    alarm_is_kept(gateway, "disk full")


def test_full_inode_table_refuses_sessions_then_resumes(upstream, small_disk):
    gateway = gateway_on(small_disk / "gateway", upstream).start()
    session = gateway.session()
    held = take_inodes(small_disk)
    # A heartbeat of the evidence log needs a file within ten seconds.
    alarm_everywhere(gateway, "evidence log")
    assert gateway.ask_for_session().status_code >= 500
    answers = burst(gateway.agents_port, [session], 20, "inodes-")
    assert {answer.status for answer in answers} == {200}, "what fits into the segments is recorded, and passes"
    for path in held.iterdir():
        path.unlink()
    alarm_is_over(gateway, "evidence log")
    assert {a.status for a in burst(gateway.agents_port, [gateway.session()], 5, "later-")} == {200}
    assert gateway.stop() == 0
    alarm_is_kept(gateway, "evidence log")
    assert gateway.verify().returncode == 0


# How strace puts it: every sync fails, every write finds no space, every third write is short.
FAULTS = {"fdatasync": "error=EIO", "pwrite64": "error=ENOSPC", "pwrite64 short": "retval=100:when=3+3"}


@pytest.mark.parametrize("fault", FAULTS)
def test_failing_disk_forwards_nothing_unrecorded(upstream, tmp_path, fault):
    gateway = gateway_on(tmp_path / "gateway", upstream).start()
    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 20, "well-")} == {200}
    with failing(gateway.pid_of("recorder"), fault.split()[0], FAULTS[fault], tmp_path / "strace.log"):
        answers = burst(gateway.agents_port, [session], 40, "io-")
        alarm_everywhere(gateway, "disk fault")
        if "short" not in fault:
            alarm_everywhere(gateway, "journal refuses")
    assert answers and any(answer.status != 200 for answer in answers), "the injected failure was not noticed"
    gateway.kill()
    gateway.start()
    alarm_everywhere(gateway, "interrupted")
    recorded = {op.target for op in gateway.records().operations()}
    assert arrived(upstream) <= recorded
    assert {a.target for a in answers if a.status == 200} <= recorded
    assert {a.status for a in burst(gateway.agents_port, [gateway.session()], 5, "later-")} == {200}
    assert gateway.stop() == 0
    alarm_is_kept(gateway, "interrupted")
    assert gateway.verify().returncode == 0, "a fault that the recording declares is nothing to be found wanting"


def test_what_could_not_be_recorded_is_once_it_can(upstream, tmp_path):
    gateway = gateway_on(tmp_path / "gateway", upstream).start()
    session = gateway.session()
    with failing(gateway.pid_of("recorder"), "fdatasync", "error=EIO", tmp_path / "strace.log"):
        burst(gateway.agents_port, [session], 5, "io-")
        alarm_everywhere(gateway, "journal refuses")
    alarm_is_over(gateway, "journal refuses")
    assert {a.status for a in burst(gateway.agents_port, [session], 5, "later-")} == {200}
    assert gateway.stop() == 0
    alarm_is_kept(gateway, "journal refuses")
    alarm_is_kept(gateway, "disk fault")
    assert gateway.verify().returncode == 0


def test_a_slow_disk_delays_and_says_so(upstream, tmp_path):
    gateway = gateway_on(tmp_path / "gateway", upstream).start()
    session = gateway.session()
    with failing(gateway.pid_of("recorder"), "fdatasync", "delay_exit=250000", tmp_path / "strace.log"):
        wait_until(lambda: burst(gateway.agents_port, [session], 4, "late-") and is_raised(gateway, "slow disk"), 60,
                   "the alarm")
        alarm_everywhere(gateway, "slow disk")
        assert {a.status for a in burst(gateway.agents_port, [session], 4, "still-")} == {200}
    alarm_is_over(gateway, "slow disk")
    assert gateway.stop() == 0
    alarm_is_kept(gateway, "slow disk")
    assert arrived(upstream) <= {op.target for op in gateway.records().operations()}
