"""Sessions start, end, expire and are killed; the gateway reloads and drains."""

import json
import threading
import time

import pytest

from harness.gateway import AGENT, Connection, Gateway, scope, statement
from harness.processes import wait_until
from load import Agent, burst

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))


@pytest.fixture
def gateway(upstream, tmp_path):
    made = Gateway(tmp_path / "gateway", [Connection("burst", ALLOWED, upstream.endpoint)], upstream.admin)
    yield made.start()
    made.stop()


def test_nothing_passes_one_second_after_a_kill(gateway, upstream):
    session = gateway.session()
    load = threading.Thread(target=burst, args=(gateway.agents_port, [session] * 4, 4000))
    load.start()
    wait_until(upstream.arrivals, 10, "the first to arrive")
    assert gateway.kill_session(session).status_code == 200
    killed = time.time_ns()
    load.join()
    late = [line for line in upstream.arrivals() if line["time"] > killed + 1_000_000_000]
    assert upstream.arrivals() and not late
    reasons = [r.get("reason") for r in gateway.records(session).of_kind("close")]
    assert reasons == ["killed"]
    refused = Agent(gateway.agents_port, session.credentials()).request("GET", "/burst/late")
    assert refused.status == 403


def test_a_session_expires(gateway, upstream):
    session = gateway.session(lifetime_s=5)
    agent = Agent(gateway.agents_port, session.credentials())
    assert agent.request("GET", "/burst/early").status == 200
    wait_until(lambda: gateway.records(session).of_kind("close"), 10, "its end")
    assert agent.request("GET", "/burst/late").status == 403
    assert "/burst/late" not in upstream.count_by_target()
    assert [r.get("reason") for r in gateway.records(session).of_kind("close")] == ["expired"]


def test_run_returns_and_records_the_exit_status(gateway):
    assert gateway.run("sh", "-c", "exit 7").returncode == 7
    closes = gateway.records().of_kind("close")
    assert 7 in [record.get("exit_status") for record in closes]


def test_no_task_no_session(gateway):
    assert gateway.run("true", task="").returncode == 2


def test_secrets_stay_off_the_disk(gateway, upstream):
    session = gateway.session()
    assert Agent(gateway.agents_port, session.credentials()).request("GET", "/burst/x").status == 200
    gateway.end(session)
    secrets = [
        session.credentials().secret, session.credentials().token, upstream.admin.secret, gateway.launcher_key,
        gateway.agent_key,
    ]
    for path in gateway.data_dir.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path
    assert not [secret for secret in secrets if secret in gateway.process.output()]


def test_reload_keeps_sessions_and_is_on_record(gateway):
    session = gateway.session()
    gateway.connections["burst"].scope["Statement"].append(statement(["s3:DeleteObject"], "arn:aws:s3:::burst/*"))
    gateway.write_config()
    before = len(gateway.records().of_kind("config"))
    gateway.reload()
    wait_until(lambda: len(gateway.records().of_kind("config")) > before, 10, "a CONFIG record")
    assert Agent(gateway.agents_port, session.credentials()).request("GET", "/burst/after").status == 200


def test_a_bad_reload_changes_nothing(gateway):
    session = gateway.session()
    gateway.config.write_text("[gateway]\nname = 5\n")
    gateway.reload()
    wait_until(lambda: "narrows.toml" in gateway.process.output(), 10, "an error in the log")
    assert Agent(gateway.agents_port, session.credentials()).request("GET", "/burst/after").status == 200


def test_sigterm_drains(gateway, upstream):
    sessions = [gateway.session() for _ in range(8)]
    answers = []
    load = threading.Thread(target=lambda: answers.extend(burst(gateway.agents_port, sessions, 4000)))
    load.start()
    wait_until(upstream.arrivals, 10, "the first to arrive")
    assert gateway.stop() == 0
    load.join()
    recording = gateway.records()
    operations = {op.target: op for op in recording.operations()}
    assert set(upstream.count_by_target()) <= set(operations)
    assert not [op for op in operations.values() if op.outcome in (None, "unknown")]
    assert {r.get("reason") for r in recording.of_kind("close")} <= {"drained", "ended"}
    assert gateway.verify().returncode == 0


def test_health_and_metrics(gateway):
    health = gateway.api("GET", "/healthz")
    assert health.status_code == 200 and health.json()["can_start"] is True and health.json()["why"] == ""
    assert "# TYPE narrows_" in gateway.api("GET", "/metrics").text


@pytest.mark.parametrize("command", ["list", "show", "export", "verify"])
def test_json_everywhere(gateway, command):
    session = gateway.session()
    Agent(gateway.agents_port, session.credentials()).request("GET", "/burst/x")
    gateway.end(session)
    which = [session.id] if command == "show" else []
    done = gateway.command("recording", command, *which, "--data-dir", gateway.data_dir, "--json")
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        json.loads(line)


def test_show_reads_like_a_story(gateway):
    session = gateway.session(task={"id": "S-1", "title": "count the orders", "reason": "monday"})
    Agent(gateway.agents_port, session.credentials()).request("GET", "/burst/x")
    Agent(gateway.agents_port, session.credentials()).request("GET", "/elsewhere/x")
    gateway.end(session)
    shown = gateway.command("recording", "show", session.id, "--data-dir", gateway.data_dir).stdout
    for word in (AGENT, "ada@example.com", "count the orders", "s3:GetObject", "200", "What this recording cannot show"):
        assert word in shown, word


def test_budget_stops_one_session_alone(upstream, tmp_path):
    limited = Connection("burst", ALLOWED, upstream.endpoint, budget="bytes_mib = 1")
    gateway = Gateway(tmp_path / "limited", [limited], upstream.admin).start()
    greedy, modest = gateway.session(), gateway.session()
    agent = Agent(gateway.agents_port, greedy.credentials())
    statuses = [agent.request("PUT", f"/burst/{n}", b"x" * 200_000).status for n in range(12)]
    assert statuses[0] == 200 and statuses[-1] != 200
    assert Agent(gateway.agents_port, modest.credentials()).request("GET", "/burst/m").status == 200
    assert gateway.stop() == 0


def test_a_copy_verifies_elsewhere_and_a_changed_byte_does_not(gateway, tmp_path):
    import shutil

    session = gateway.session()
    assert {a.status for a in burst(gateway.agents_port, [session], 50)} == {200}
    gateway.end(session)
    gateway.stop()
    copy = tmp_path / "copy"
    shutil.copytree(gateway.data_dir, copy)
    assert gateway.command("recording", "verify", "--data-dir", copy).returncode == 0
    assert not any(b"/burst/" in path.read_bytes() for path in (copy / "journal").iterdir()), "what is recorded is sealed"
    segment = copy / "journal/control-00000001.nj"
    content = bytearray(segment.read_bytes())
    content[4096 + 136 + 144 + 10] ^= 1  # in the payload of the first record
    segment.write_bytes(content)
    assert gateway.command("recording", "verify", "--data-dir", copy).returncode == 1
