"""Signer and gateway as processes of their own: what each holds, and what happens when one is lost."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import NARROWS, clean_environment, lives, wait_until
from load import burst

PROCESSES = ("boundary", "recorder", "signer")
USERS = ("nrw-test-gateway", "nrw-test-recorder", "nrw-test-signer")


def gateway_in(folder, upstream, more=""):
    allowed = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
    return Gateway(folder, [Connection("burst", allowed, upstream.endpoint)], upstream.admin, more=more)


@pytest.fixture
def gateway(upstream, tmp_path):
    made = gateway_in(tmp_path / "gateway", upstream).start()
    yield made
    made.stop()


def test_a_signer_that_is_killed_under_load_comes_back(gateway, upstream):
    sessions, answers, alive = [gateway.session() for _ in range(6)], [], threading.Event()
    alive.set()
    load = threading.Thread(target=lambda: answers.extend(burst(gateway.agents_port, sessions, 0, "s-", alive.is_set)))
    load.start()
    killed = set()
    for _ in range(3):
        time.sleep(0.5)
        signer = gateway.pid_of("signer")
        os.kill(signer, signal.SIGKILL)
        killed.add(signer)
        wait_until(lambda: gateway.pid_of("signer") not in killed, 15, "another signer")
    time.sleep(0.5)
    alive.clear()
    load.join()
    assert {answer.status for answer in answers} == {200, 503}, "refused meanwhile, and nothing else"
    refused = [answer for answer in answers if answer.status == 503]
    assert all(b"restarted; try again" in answer.body or b"signer refuses" in answer.body for answer in refused)
    after = burst(gateway.agents_port, sessions, 60, "after-")
    assert {answer.status for answer in after} == {200}, "the sessions go on"
    assert {answer.status for answer in burst(gateway.agents_port, [gateway.session()], 5, "new-")} == {200}
    recorded = {op.target: op for op in gateway.records().operations()}
    arrived = upstream.count_by_target()
    assert set(arrived) <= set(recorded) and max(arrived.values()) == 1
    assert not {answer.target for answer in refused} & set(arrived), "what was refused did not arrive"
    assert gateway.stop() == 0
    assert gateway.verify().returncode == 0


def test_a_signer_that_dies_again_and_again_is_given_time(gateway):
    session = gateway.session()
    for deaths in range(1, 5):
        os.kill(gateway.pid_of("signer"), signal.SIGKILL)
        wait_until(lambda: gateway.process.output().count("the signer ended by") >= deaths, 10, "its end to be noticed")
    pauses = [int(text) for text in re.findall(r"another one is there, in (\d+) ms", gateway.process.output())]
    assert pauses == [0, 100, 200, 400]
    wait_until(lambda: {a.status for a in burst(gateway.agents_port, [session], 3, "again-")} == {200}, 20, "service")


def memory_holds(pid, secrets):
    """Which of the secrets stand anywhere in a process's memory that can be read."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(part, 16) for part in line.split()[0].split("-"))
            if "r" not in line.split()[1] or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            for at in range(begin, end, 1 << 26):
                try:
                    memory.seek(max(begin, at - 256))
                    piece = memory.read(min(end, at + (1 << 26)) - max(begin, at - 256))
                except OSError:
                    continue
                found |= {secret for secret in secrets if secret in piece}
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of a process that is not dumpable")
def test_the_gateway_holds_neither_the_hosts_key_nor_the_groups(gateway, upstream):
    assert {a.status for a in burst(gateway.agents_port, [gateway.session()], 20, "m-")} == {200}
    secrets = {upstream.admin.secret.encode(), (gateway.data_dir / "group.key").read_bytes()}
    assert memory_holds(gateway.pid_of("signer"), secrets) == secrets, "the search finds what is there"
    assert memory_holds(gateway.pid_of("boundary"), secrets) == set()


def test_processes_are_confined(gateway):
    for process in PROCESSES:
        status = pathlib.Path(f"/proc/{gateway.pid_of(process)}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        if "asan" not in str(NARROWS) and "tsan" not in str(NARROWS):
            assert "Seccomp:\t2" in status
        limits = pathlib.Path(f"/proc/{gateway.pid_of(process)}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits)


def test_children_go_with_the_one_that_was_started(gateway):
    pids = [gateway.pid_of(process) for process in PROCESSES]
    os.kill(gateway.process.pid, signal.SIGKILL)  # it alone, not its group
    gateway.process.child.wait()
    wait_until(lambda: not any(map(lives, pids)), 5, "the end of its children")
    gateway.start()
    assert {a.status for a in burst(gateway.agents_port, [gateway.session()], 5, "again-")} == {200}


def test_the_signer_is_no_command_for_people():
    done = subprocess.run([NARROWS, "signer"], capture_output=True, text=True, env=clean_environment(), timeout=20,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "narrows gateway" in done.stderr


@pytest.fixture
def users():
    if os.geteuid() != 0 or not shutil.which("useradd", path="/usr/sbin:/sbin"):
        pytest.skip("only root can make users for the processes")
    made = [name for name in USERS if subprocess.run(
        ["/usr/sbin/useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]).returncode == 0]
    yield USERS
    for name in made:
        subprocess.run(["/usr/sbin/userdel", name], check=True)


@pytest.fixture
def open_folder():
    """A folder that other users may enter, as pytest's are not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="narrows-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def user_of(pid):
    return int(re.search(r"^Uid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1))


def test_each_process_is_a_user_of_its_own(upstream, users, open_folder):
    import pwd

    more = f'[processes]\ngateway = "{users[0]}"\nrecorder = "{users[1]}"\nsigner = "{users[2]}"\n'
    gateway = gateway_in(open_folder / "gateway", upstream, more).start()
    ids = [pwd.getpwnam(name).pw_uid for name in users]
    assert [user_of(gateway.pid_of(process)) for process in PROCESSES] == ids
    assert {a.status for a in burst(gateway.agents_port, [gateway.session()], 10, "u-")} == {200}
    folder = gateway.data_dir.stat()
    assert folder.st_uid == ids[1] and folder.st_mode & 0o7777 == 0o1770
    evidence = ("journal", "keys", "log", "log.key")
    of_recorder = [(gateway.data_dir / name).stat() for name in evidence]
    assert {(info.st_uid, info.st_mode & 0o77) for info in of_recorder} == {(ids[1], 0)}
    assert (gateway.data_dir / "sessions").stat().st_uid == ids[0]
    gateway.reload()
    wait_until(lambda: "reloaded" in gateway.process.output(), 10, "the gateway to reload")
    assert "configuration reloaded" in gateway.process.output(), gateway.process.output()
    key = gateway.data_dir / "group.key"
    assert key.stat().st_uid == 0 and key.stat().st_mode & 0o77 == 0
    secrets = [key, *(gateway.data_dir / name for name in ("log.key", "reviewer.key")), f"/proc/{gateway.pid_of('signer')}/environ"]
    group = pwd.getpwnam(users[0]).pw_gid
    stolen = subprocess.run(["setpriv", f"--reuid={ids[0]}", f"--regid={group}", "--clear-groups", "cat", *secrets],
                            capture_output=True)
    assert stolen.returncode != 0 and not stolen.stdout
    os.kill(gateway.pid_of("signer"), signal.SIGKILL)
    wait_until(lambda: {a.status for a in burst(gateway.agents_port, [gateway.session()], 3, "v-")} == {200}
               if gateway.ask_for_session().status_code < 300 else False, 15, "service with another signer")
    assert user_of(gateway.pid_of("signer")) == ids[2]
    assert gateway.stop() == 0
    assert gateway.verify().returncode == 0
    os.chown(key, ids[0], -1)
    refused = subprocess.run([NARROWS, "gateway", "--config", gateway.config], capture_output=True, text=True, timeout=20)
    assert refused.returncode == 2 and "must not read it" in refused.stderr
