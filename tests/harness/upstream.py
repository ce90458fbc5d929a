"""The strict stub as a child process, and what arrived there."""

import collections
import json

from .emulator import Credentials
from .processes import PYTHON, ROOT, Process, clean_environment, free_port


class StrictUpstream:
    """`module`: the program that it is; `tls`: paths of a certificate for localhost and of its key."""

    def __init__(self, folder, module="harness.stub", tls=()):
        self.port = free_port()
        self.endpoint = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        self.admin = Credentials("AKIASTUBGATEWAYHOST0", "stub-secret-of-the-gateways-host-0000000")
        self.log = folder / "arrivals.jsonl"
        arguments = [PYTHON, "-m", module, self.port, self.log, self.admin.key_id, self.admin.secret, *tls]
        env = clean_environment(PYTHONPATH=ROOT / "tests")
        self.process = Process(arguments, folder / "stub.log", env=env)
        self.process.wait_for_port(self.port)

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def arrivals(self):
        """What came for agents: everything but the gateway's own AssumeRole calls (POST /)."""
        return [line for line in self.lines() if "n" in line and line["method"] != "POST"]

    def wrong(self):
        return [line for line in self.lines() if line.get("wrong")]

    def cuts(self):
        """When transfers broke off, by target, in ns."""
        return {line["target"]: line["cut"] for line in self.lines() if "cut" in line}

    def count_by_target(self):
        return collections.Counter(line["target"] for line in self.arrivals())

    def stop(self):
        self.process.stop()
