"""Faults put under a running process's system calls."""

import contextlib
import subprocess

from .processes import wait_until


@contextlib.contextmanager
def failing(pid, call, fault, log):
    """From now on such calls of the process go as `fault` says (strace's words: `error=EIO`, `signal=SIGKILL:when=7`)."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:{fault}"]
    with open(log, "wb") as sink:
        strace = subprocess.Popen(["strace", "-f", "-o", "/dev/null", *inject, "-p", str(pid)], stderr=sink)
    wait_until(lambda: "attached" in log.read_text(), 30, "strace to attach")
    try:
        yield
    finally:
        strace.terminate()
        try:
            strace.wait(10)
        except subprocess.TimeoutExpired:
            strace.kill()  # it may wait for good on a leader that died while it detached; the kernel detaches the rest
            strace.wait()
