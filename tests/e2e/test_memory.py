"""What has passed does not stay in the gateway's memory."""

import os

import pytest

from load import burst
from test_processes import PROCESSES, memory_holds

CANARY = b"canary-7f3a91"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of a process that is not dumpable")
@pytest.mark.skipif("san" in os.environ.get("NARROWS_BINARY", ""), reason="sanitizers bring an allocator that keeps what is freed")
def test_what_has_passed_is_not_in_memory_any_more(gateway):
    session = gateway.session()
    burst(gateway.agents_port, [session], 50, CANARY.decode() + "-")
    burst(gateway.agents_port, [session], 30, "others-")  # buffers that live on are written over
    own = b"narrows"
    assert memory_holds(gateway.pid_of("boundary"), {own}) == {own}, "the search finds what is there"
    for process in PROCESSES:
        assert memory_holds(gateway.pid_of(process), {CANARY}) == set(), process
