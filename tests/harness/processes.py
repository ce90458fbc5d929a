"""Paths, free ports and child processes that end with their owner."""

import atexit
import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
NARROWS = pathlib.Path(os.environ.get("NARROWS_BINARY", BUILD / "narrows"))
VENV_BIN = BUILD / "venv" / "bin"
PYTHON = VENV_BIN / "python"
NODE = VENV_BIN / "node"
NODE_MODULES = BUILD / "node" / "node_modules"
AWS_PYPI = VENV_BIN / "aws"
AWS_DEBIAN = pathlib.Path("/usr/bin/aws")


def free_port():
    """A port nobody listens on now, below those that the kernel gives to connections: while the gateway that has it is
    down, no client's connection takes it."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, lowest) if lowest > 20_000 else 0
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]


def wait_until(condition, seconds, what, pause=0.02):
    """Polls until the condition gives something true and returns that. What happens within `seconds` on a quiet machine
    has a minute on one that is busy."""
    seconds = max(seconds, 60)
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(pause)


def accepts(port, host="127.0.0.1"):
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def clean_environment(**extra):
    """This process's environment without any AWS or Narrows setting of the machine."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "NARROWS_")) and "proxy" not in k.lower()}
    kept["AWS_CONFIG_FILE"] = os.devnull
    kept["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    kept["AWS_EC2_METADATA_DISABLED"] = "true"
    kept["AWS_PAGER"] = ""
    kept["PATH"] = f"{VENV_BIN}:{kept.get('PATH', '/usr/bin:/bin')}"
    return kept | {k: str(v) for k, v in extra.items()}


class Process:
    """A child with its output in a file; stopped politely, then not."""

    def __init__(self, arguments, log, env=None, cwd=None):
        self.log = pathlib.Path(log)
        self.arguments = [str(a) for a in arguments]
        with open(self.log, "ab") as sink:
            self.child = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                env=env, cwd=cwd, start_new_session=True,
            )
        atexit.register(self.kill)

    @property
    def pid(self):
        return self.child.pid

    def descendants(self):
        """Ids of the processes below this one."""
        found, parents = [], [self.pid]
        while parents:
            parent = parents.pop()
            with contextlib.suppress(OSError):
                below = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
                found += map(int, below)
                parents += map(int, below)
        return found

    def children(self, word):
        """Those whose first argument is the word."""
        return [pid for pid in self.descendants() if arguments_of(pid)[1:2] == [word]]

    def running(self):
        return self.child.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for_port(self, port, seconds=30):
        def ready():
            if not self.running():
                raise RuntimeError(f"{self.arguments[0]} ended with {self.child.returncode}:\n{self.output()[-4000:]}")
            return accepts(port)

        wait_until(ready, seconds, f"port {port} of {self.arguments[0]} (log: {self.log})")

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def kill(self):
        """Returns when the processes below are gone too, which go with it, but not in the same moment."""
        below = self.descendants()
        if self.running():
            os.killpg(self.child.pid, signal.SIGKILL)
        status = self.child.wait()
        wait_until(lambda: not any(map(lives, below)), 10, f"the end of all that {self.arguments[0]} had started")
        return status

    def stop(self, seconds=60):
        """Exit status after SIGTERM; -9 if it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()


def arguments_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    return []


def lives(pid):
    """Neither gone nor a zombie that nobody has waited for yet. While other threads of it still end, it holds its ports
    and locks, though its first thread is a zombie already."""
    process = pathlib.Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):
        is_zombie = (process / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        return not is_zombie or len(os.listdir(process / "task")) > 1
    return False


def peak_mib(pid):
    """The most memory that a process ever held (VmHWM of proc_pid_status(5), in kB)."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def require(*programs):
    for program in programs:
        if not (pathlib.Path(program).exists() or shutil.which(str(program))):
            raise RuntimeError(f"{program} is missing; script/deps installs the tools, script/build the gateway")
