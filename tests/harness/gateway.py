"""A gateway under test: its configuration, its process, sessions through its API."""

import base64
import dataclasses
import hashlib
import json
import pathlib
import secrets
import signal
import subprocess
import sys

import requests

from .emulator import ACCOUNT, REGION, ROLE_ARN, Credentials
from .processes import NARROWS, Process, clean_environment, free_port, require, wait_until
from .recording import Recording

LAUNCHER = "test-launcher"
AGENT = "test-agent"


def statement(actions, resources="*", effect="Allow", **more):
    return {"Effect": effect, "Action": actions, "Resource": resources} | more


def scope(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


@dataclasses.dataclass
class Connection:
    name: str
    scope: dict
    endpoint: str
    role_arn: str = ROLE_ARN
    account: str = ACCOUNT
    region: str = REGION
    more_regions: tuple = ()
    egress: tuple = ()
    budget: str = ""
    more: str = ""  # lines of TOML
    unsigned: tuple = ()

    def toml(self):
        lines = [
            "[[connection]]",
            f'name = "{self.name}"',
            'type = "aws"',
            f'account = "{self.account}"',
            'partition = "aws"',
            f"regions = {json.dumps([self.region, *self.more_regions])}",
            f'role_arn = "{self.role_arn}"',
            f'scope = "{self.name}.json"',
            f'endpoint = "{self.endpoint}"' if self.endpoint else "",
            f"egress = {json.dumps(list(self.egress))}" if self.egress else "",
            f"unsigned = {json.dumps(list(self.unsigned))}" if self.unsigned else "",
            f"budget = {{ {self.budget} }}" if self.budget else "",
            self.more,
        ]
        return "\n".join(line for line in lines if line) + "\n"


@dataclasses.dataclass
class Session:
    """What POST /v1/sessions answered, and the ways to use it."""

    answer: dict
    agents_url: str

    @property
    def id(self):
        return self.answer["session"]

    def credentials(self, connection=None):
        for found in self.answer["credentials"]:
            if connection in (None, found["connection"]):
                return Credentials(found["access_key_id"], found["secret_access_key"], found["session_token"])
        raise KeyError(connection)

    def env(self, connection=None):
        """Variables that an unmodified client needs in endpoint mode."""
        return clean_environment(
            AWS_ENDPOINT_URL=self.agents_url, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION,
            **self.credentials(connection).env(),
        )


class Gateway:
    """One data directory with one configuration; may be started, killed and started again."""

    def __init__(self, folder, connections, upstream, recording="", limits="", lifetime_max="12h", more=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.connections = {connection.name: connection for connection in connections}
        self.upstream = upstream
        self.launcher_key = new_key("nrw_launcher_")
        self.agent_key = new_key("nrw_agent_")
        self.agents_port, self.operator_port = free_port(), free_port()
        self.agents_url = f"http://127.0.0.1:{self.agents_port}"
        self.operator_url = f"http://127.0.0.1:{self.operator_port}"
        self.data_dir = self.folder / "data"
        self.config = self.folder / "narrows.toml"
        self.recording_settings = recording or "segment_mib = 16\nreserve_mib = 64"
        self.limits, self.lifetime_max, self.more = limits, lifetime_max, more
        self.process = None
        self.write_config()

    def write_config(self):
        for connection in self.connections.values():
            (self.folder / f"{connection.name}.json").write_text(json.dumps(connection.scope, indent=2) + "\n")
        self.config.write_text(self.toml())

    def toml(self):
        parts = [
            f'[gateway]\nname = "gw-test"\ndata_dir = "{self.data_dir}"\n',
            f'[listen]\nagents = "127.0.0.1:{self.agents_port}"\noperator = "127.0.0.1:{self.operator_port}"\n'
            'names = ["localhost"]\n',
            f"[recording]\n{self.recording_settings}\n",
            f"[limits]\n{self.limits}\n" if self.limits else "",
            f'[[launcher]]\nid = "{LAUNCHER}"\nkey_sha256 = "{digest(self.launcher_key)}"\n',
            f'[[agent]]\nid = "{AGENT}"\nkey_sha256 = "{digest(self.agent_key)}"\n',
            *(connection.toml() for connection in self.connections.values()),
            f'[[grant]]\nagent = "{AGENT}"\nconnections = {json.dumps(list(self.connections))}\n'
            f'launchers = ["{LAUNCHER}"]\nprincipals = ["*"]\nlifetime_max = "{self.lifetime_max}"\n',
            self.more,
        ]
        return "\n".join(part for part in parts if part)

    def start(self, wrapper=(), seconds=30, env=None):
        require(NARROWS)
        arguments = [*wrapper, NARROWS, "gateway", "--config", self.config]
        environment = clean_environment(**({"AWS_REGION": REGION} | self.upstream.env() | (env or {})))
        self.process = Process(arguments, self.folder / "gateway.log", env=environment, cwd=self.folder)
        self.process.wait_for_port(self.agents_port, seconds)
        self.process.wait_for_port(self.operator_port, seconds)
        return self

    def pid_of(self, process):
        """The process id of one of the processes that the gateway consists of: boundary, recorder, signer."""
        return wait_until(lambda: self.process.children(process), 10, f"a process {process}")[0]

    def stop(self):
        return self.process.stop() if self.process else None

    def kill(self):
        return self.process.kill()

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def api(self, method, path, body=None, key=None):
        return requests.request(
            method, self.operator_url + path, json=body, timeout=30,
            headers={"Authorization": f"Bearer {self.launcher_key if key is None else key}"},
        )

    def ask_for_session(self, connections=None, task=None, principal="ada@example.com", lifetime_s=3600, **more):
        body = {
            "agent": AGENT,
            "agent_key": self.agent_key,
            "task": task or {"id": "T-1", "title": "a test", "reason": "to see it work"},
            "principal": principal,
            "connections": connections or list(self.connections),
            "lifetime_s": lifetime_s,
        } | more
        return self.api("POST", "/v1/sessions", {k: v for k, v in body.items() if v is not None})

    def session(self, **options):
        answer = self.ask_for_session(**options)
        if answer.status_code not in (200, 201):
            raise RuntimeError(f"no session: {answer.status_code} {answer.text}")
        return Session(answer.json(), self.agents_url)

    def end(self, session, exit_status=0):
        return self.api("POST", f"/v1/sessions/{session.id}/end", {"exit_status": exit_status})

    def kill_session(self, session):
        return self.api("POST", f"/v1/sessions/{session.id}/kill", {})

    def command(self, *arguments, **options):
        """Runs `narrows …` as a launcher would and returns the finished process."""
        return subprocess.run(
            [str(NARROWS), *map(str, arguments)], capture_output=True, text=True, timeout=options.pop("timeout", 120),
            env=self.launcher_environment(**options.pop("env", {})), **options,
        )

    def launcher_environment(self, **more):
        keys = {"NARROWS_LAUNCHER_KEY": self.launcher_key, "NARROWS_AGENT_KEY": self.agent_key}
        return clean_environment(**{"NARROWS_OPERATOR": self.operator_url, **keys, **more})

    def run(self, *command, connection=None, task="a test", more=(), **options):
        connections = [connection] if connection else list(self.connections)
        flags = [flag for name in connections for flag in ("--connection", name)]
        return self.command(
            "run", "--agent", AGENT, "--task", task, "--for", "ada@example.com", *flags, *more, "--", *command, **options
        )

    def records(self, session=None):
        """Everything on record, of one session or of all, as `recording export` tells it."""
        ids = [session.id if isinstance(session, Session) else session] if session else []
        done = self.command("recording", "export", "--data-dir", self.data_dir, "--format", "jsonl", *ids)
        if done.returncode != 0:
            raise RuntimeError(f"export ended with {done.returncode}: {done.stderr}")
        return Recording.from_jsonl(done.stdout)

    def verify(self, *more):
        return self.command("recording", "verify", "--data-dir", self.data_dir, *more)

    def verify_apart(self):
        """By the verifier that shares no code with the gateway, trusting its key."""
        program = pathlib.Path(__file__).resolve().parent.parent.parent / "verifier/narrows_verify.py"
        return subprocess.run(
            [sys.executable, program, self.data_dir, "--trust", self.data_dir / "trust"],
            capture_output=True, text=True, timeout=300,
        )


def crc32c(data):
    """CRC-32C (Castagnoli), bit by bit."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 & -(state & 1))
    return state ^ 0xFFFFFFFF


def new_key(prefix):
    """A key as `narrows key new` makes it: 256 random bits and a checksum over prefix and bits."""
    random = secrets.token_bytes(32)
    checked = random + crc32c(prefix.encode() + random).to_bytes(4, "little")
    return prefix + base64.b32encode(checked).decode().rstrip("=").lower()


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()
