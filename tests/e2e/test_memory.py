"""What has passed does not stay in the gateway's memory."""

import hashlib
import os

import pytest

from harness.processes import peak_mib
from load import Agent, burst
from test_processes import PROCESSES, memory_holds

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of a process that is not dumpable"),
    pytest.mark.skipif("san" in os.environ.get("NARROWS_BINARY", ""), reason="sanitizers' allocators keep what is freed"),
]
SESSIONS = 100
MARK = b"canary-"


def canary(number):
    return MARK.decode() + f"{number:03}-" + hashlib.sha256(b"%d" % number).hexdigest()[:16]


def canaries_in(pid):
    """Of all sessions; where one of them stands, its mark does."""
    if not memory_holds(pid, {MARK}):
        return set()
    return memory_holds(pid, {canary(number).encode() for number in range(SESSIONS)})


def test_canaries_of_a_hundred_sessions_are_in_no_memory_any_more(gateway):
    sessions = [gateway.session() for _ in range(SESSIONS)]
    agents = [Agent(gateway.agents_port, session.credentials()) for session in sessions]
    for number, agent in enumerate(agents):  # all are open, and half of them stay so
        # There is no such bucket; what matters passed.
        assert agent.request("PUT", f"/burst/{canary(number)}", canary(number).encode() * 4000).status == 404
        assert agent.request("GET", f"/burst/{canary(number)}").status == 404
        # In a record that waits for the next one, and longer than those to come: a buffer's end is not written over.
        assert agent.request("PUT", f"/burst/{canary(number)}", canary(number).encode() * 500).status == 404
    for session in sessions[:SESSIONS // 2]:
        assert gateway.end(session).status_code == 200
    burst(gateway.agents_port, [gateway.session() for _ in range(4)], 200, "others-")  # buffers that live on are written over
    assert memory_holds(gateway.pid_of("boundary"), {b"narrows"}), "the search finds what is there"
    left = {process: canaries_in(gateway.pid_of(process)) for process in PROCESSES}
    assert left == dict.fromkeys(PROCESSES, set())
    assert peak_mib(gateway.pid_of("recorder")) < 128 + SESSIONS / 4
    passed = {operation.target for operation in gateway.records().operations()}
    assert passed >= {f"/burst/{canary(number)}" for number in range(SESSIONS)}
