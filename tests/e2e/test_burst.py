"""50 agents at once: every operation the upstream saw has exactly one record, and the other way round."""

import collections

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.upstream import StrictUpstream
from load import burst

AGENTS = 50


@pytest.fixture(scope="module")
def upstream(module_folder):
    made = StrictUpstream(module_folder)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, module_folder):
    allowed = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
    made = Gateway(module_folder / "gateway", [Connection("burst", allowed, upstream.endpoint)], upstream.admin)
    yield made.start()
    made.stop()


def test_one_record_for_each_arrival(gateway, upstream, request):
    operations = request.config.getoption("--operations")
    sessions = [gateway.session(task={"id": f"B-{n}", "title": "burst", "reason": "load"}) for n in range(AGENTS)]
    answers = burst(gateway.agents_port, sessions, operations)
    assert collections.Counter(answer.status for answer in answers) == {200: operations}
    for session in sessions:
        gateway.end(session)

    assert not upstream.wrong()
    arrived = upstream.count_by_target()
    recording = gateway.records()
    recorded = collections.Counter(op.target for op in recording.operations() if op.target.startswith("/burst/"))
    assert recorded == arrived == collections.Counter(answer.target for answer in answers)
    assert {op.outcome for op in recording.operations()} == {"answered"}
    assert not recording.undeclared_holes() and not recording.of_kind("gap")

    by_request_id = {line["request_id"]: line["target"] for line in upstream.arrivals()}
    for operation in recording.operations():
        (request_id,) = operation.request_ids()
        assert by_request_id[request_id] == operation.target
    assert gateway.verify().returncode == 0


def test_sessions_hold_only_their_own(gateway):
    """P7: no session's recording names another session's targets."""
    recording = gateway.records()
    agents = collections.defaultdict(set)
    for operation in recording.operations():
        agents[operation.intent.part].add(operation.target.split("/")[2])
    sessions = {record.part for record in recording.of_kind("open") if record.get("kind") == "session"}
    assert len(sessions) == AGENTS and all(len(agents[part]) == 1 for part in sessions)
