"""A client's run directly and through a gateway, and what reached the emulator of each."""

import json
import re
import subprocess
from urllib.parse import parse_qsl


def run_directly(command, emulator, env):
    """A client's results without a gateway, and what reached the emulator."""
    before = len(arrivals(emulator))
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), arrivals(emulator)[before:]


def run_through(command, mode, emulator, gateway, env):
    """The same in a session of its own, and what that session's recording says."""
    before = len(arrivals(emulator))
    if mode == "proxy":
        command = ["env", "-u", "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", *command]
    done = gateway.run(*command, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    session = re.search(r"ns-[a-z2-7]{26}", done.stderr).group(0)
    return json.loads(done.stdout), arrivals(emulator)[before:], gateway.records(session).operations()


def arrivals(emulator):
    """Every request that reached an emulator in one spelling: queries in order, without what hints at the operation's name
    only; ids of uploads and versions are the emulator's own."""
    found = re.findall(r'"([A-Z]+) ([^ ?]+)\??(\S*) HTTP/1\.[01]" \d+', emulator.process.output())
    return [f"{method} {path.rstrip('/')} {spelled(query)}".rstrip() for method, path, query in found]


def spelled(query):
    ids = ("uploadId", "versionId")
    pairs = sorted((name, "<id>" if name in ids else value) for name, value in parse_qsl(query, True) if name != "x-id")
    return " ".join(f"{name}={value}" for name, value in pairs)
