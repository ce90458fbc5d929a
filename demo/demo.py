"""The main job of Narrows from nothing to a verified recording. Started by script/demo."""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "demo")]

from harness.gateway import AGENT, Connection, Gateway  # noqa: E402
from harness.processes import AWS_DEBIAN, NARROWS, NODE_MODULES  # noqa: E402
from targets import EmulatedAccount, RealAccount, scope_for  # noqa: E402

TASK = "Summarise the orders of week 46 for the Monday meeting"
STEPS = 5


class Host:
    """The credentials that the gateway's host has: here, variables of its environment."""

    def __init__(self, environment):
        self.environment = environment

    def env(self):
        return self.environment


def progress(step, text, to):
    print(f"[{step}/{STEPS}] {text}", file=to, flush=True)


def prepare(options, folder):
    if not options.aws:
        return EmulatedAccount(folder)
    kept = {k: v for k, v in os.environ.items() if k.startswith("AWS_")}
    if not kept:
        sys.exit("--aws needs AWS credentials in the environment (AWS_ACCESS_KEY_ID … or AWS_PROFILE); none are set")
    files = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
    return RealAccount({name: os.path.expanduser(path) for name, path in files.items()} | kept)


def gateway_for(target, folder):
    connection = Connection(
        "reports-ro", scope_for(target.names, target.account, target.region), target.endpoint,
        role_arn=target.role_arn, account=target.account, region=target.region,
    )
    return Gateway(folder, [connection], Host(target.environment)).start()


def run_agent(gateway, target):
    names = target.names
    agent = [ROOT / "demo" / "agent" / "agent.sh", names["bucket"], names["table"], names["other_bucket"]]
    path = f"{shims(gateway.folder)}:{os.environ['PATH']}"
    return gateway.run(
        *agent, connection="reports-ro", task=TASK, more=["--task-id", "WEEKLY-46"],
        env={"NODE_PATH": NODE_MODULES, "PATH": path}, timeout=300,
    )


def shims(folder):
    """A folder with the agent's tools: Debian's AWS CLI, a Python that has boto3, a current Node.js."""
    shim = folder / "bin"
    shim.mkdir()
    for name, program in (("python3", "python"), ("node", "node"), ("aws", None)):
        source = AWS_DEBIAN if program is None else ROOT / "build" / "venv" / "bin" / program
        (shim / name).write_text(f'#!/bin/sh\nexec "{source}" "$@"\n')
        (shim / name).chmod(0o755)
    return shim


def look(gateway, out):
    """Shows the recording of the one session and verifies it; gives the summary for --json."""
    sessions = {record.get("session") for record in gateway.records().of_kind("open") if record.get("kind") == "session"}
    (session,) = sessions
    progress(4, "the recording, as a reviewer sees it", out)
    shown = gateway.command("recording", "show", session, "--data-dir", gateway.data_dir)
    print(shown.stdout or shown.stderr, file=out)
    progress(5, "verify it offline", out)
    trust = gateway.data_dir / "trust"
    verified = gateway.verify(*(["--trust", trust] if trust.exists() else []))
    print(verified.stdout + verified.stderr, file=out)
    operations = gateway.records(session).operations()
    allowed = sum(operation.verdict == "allow" for operation in operations)
    return {
        "session": session, "data_dir": str(gateway.data_dir), "operations": len(operations), "allowed": allowed,
        "denied": len(operations) - allowed, "verified": verified.returncode == 0,
    }


def next_commands(gateway, session, out):
    where = f"--data-dir {gateway.data_dir}"
    binary = os.path.relpath(NARROWS)
    print("Next:", file=out)
    for line in (
        f"{binary} recording show {session} --bodies {where}",
        f"{binary} recording replay {session} {where}",
        f"{binary} recording export {session} --format jsonl {where}",
        f"{binary} recording verify {where}",
        f"less {gateway.config}",
    ):
        print(f"  {line}", file=out)


def keep_up(gateway, out):
    print("\nThe gateway stays up until Ctrl-C. To work through it from another terminal:", file=out)
    environment = gateway.launcher_environment()
    for name in ("NARROWS_OPERATOR", "NARROWS_LAUNCHER_KEY", "NARROWS_AGENT_KEY"):
        print(f"  export {name}={environment[name]}", file=out)
    command = f"{os.path.relpath(NARROWS)} run --agent {AGENT} --task 'look around' --connection reports-ro -- bash"
    print(f"  {command}", file=out, flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print(file=out)


def main():
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave emulator and gateway running until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object; the rest goes to stderr")
    parser.add_argument("--aws", action="store_true", help="use the AWS account of the credentials in the environment")
    options = parser.parse_args()
    out = sys.stderr if options.json else sys.stdout
    folder = pathlib.Path(tempfile.mkdtemp(prefix="narrows-demo-"))
    progress(1, "AWS account" if options.aws else "AWS emulator that checks signatures", out)
    target = prepare(options, folder)
    gateway = None
    try:
        progress(2, "gateway with agent, launcher, grant and connection reports-ro", out)
        gateway = gateway_for(target, folder)
        progress(3, "the agent works through `narrows run`", out)
        done = run_agent(gateway, target)
        print(done.stdout + done.stderr, file=out)
        summary = look(gateway, out)
        next_commands(gateway, summary["session"], out)
        if options.json:
            print(json.dumps(summary), flush=True)
        if options.keep:
            keep_up(gateway, out)
    finally:
        if gateway:
            gateway.stop()
        target.remove()
    return 0 if summary["verified"] and done.returncode == 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as problem:
        sys.exit(f"script/demo: {problem}")
