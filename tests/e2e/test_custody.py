"""Who can read what and for how long: recipients by class, secret values for custodians, legal holds, shredding."""

import hashlib
import json
import shutil
import subprocess
import sys
import time

import pytest

from harness.emulator import Emulator, client
from harness.gateway import Connection, Gateway, digest, new_key, scope, statement
from harness.processes import ROOT, wait_until
from load import Agent

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
SECRETS = scope(statement(["secretsmanager:GetSecretValue", "secretsmanager:CreateSecret"]))
SOON = 'operations = "3s"\nbodies = "1s"\nsecrets = "1s"\n'


def age_key(path):
    """A stock age identity; its recipient."""
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout.strip()


def age_opens(envelope, key):
    return subprocess.run(["age", "-d", "-i", key, envelope], capture_output=True, text=True)


class Custodied:
    """A gateway with a reviewer, an officer of the law, and the keys of three kinds of readers."""

    def __init__(self, folder, connection, host, retention=SOON):
        folder.mkdir(exist_ok=True)
        self.folder, self.keys = folder, {}
        readers = {}
        for name, setting in (("reviewer", "reviewers"), ("bodies", "body_reviewers"), ("custodian", "custodians")):
            self.keys[name] = folder / f"{name}.age"
            readers[setting] = age_key(self.keys[name])
        reviewer_key = new_key("nrw_launcher_")
        self.reviewer_file = folder / "on-call.key"
        self.reviewer_file.write_text(reviewer_key + "\n")
        recording = "segment_mib = 16\nreserve_mib = 64\n" + "".join(f'{k} = ["{v}"]\n' for k, v in readers.items())
        self.gateway = Gateway(folder / "gateway", [connection], host, recording=recording)
        self.officer = self.officer_key("legal")
        self.gateway.more = (
            f'[[reviewer]]\nid = "on-call"\nkey_sha256 = "{digest(reviewer_key)}"\n'
            f'[retention]\n{retention}officers = ["{self.officer}"]\n'
        )
        self.gateway.write_config()
        self.data_dir = self.gateway.data_dir

    def officer_key(self, name):
        done = self.gateway.command("recording", "officer-key", "--output", self.folder / f"{name}.officer", "--name",
                                    name, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["key"]

    def word(self, verb, session, name="legal", reason="case 7"):
        return self.gateway.command("recording", verb, session.id, "--reason", reason, "--key",
                                    self.folder / f"{name}.officer")

    def shred(self, session, *more):
        return self.gateway.command("recording", "shred", session.id, "--launcher-key-file", self.reviewer_file, *more)

    def shown(self, session, *keys, more=()):
        named = [flag for key in keys for flag in ("--key", self.keys[key])]
        done = self.gateway.command("recording", "show", session.id, "--data-dir", self.data_dir, *named, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def exported(self, *keys, data_dir=None):
        named = [flag for key in keys for flag in ("--key", self.keys[key])]
        done = self.gateway.command("recording", "export", "--data-dir", data_dir or self.data_dir, *named)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def part_of(self, session):
        done = self.gateway.command("recording", "list", "--json", "--data-dir", self.data_dir)
        parts = {line["session"]: line["parts"] for line in map(json.loads, done.stdout.splitlines())}
        return parts[session.id][0]

    def envelope(self, session, name):
        return self.data_dir / "keys" / f"{self.part_of(session):08}.{name}.age"

    def verdicts(self):
        """Of both verifiers, with the gateway's trust file and its officer's key in it."""
        trust = self.folder / "trust"
        trust.write_text((self.data_dir / "trust").read_text() + f"officer {self.officer}\n")
        key = ("--key", self.keys["reviewer"])
        first = self.gateway.verify("--trust", trust, *key)
        second = subprocess.run(
            [sys.executable, ROOT / "verifier" / "narrows_verify.py", self.data_dir, "--trust", trust, *key],
            capture_output=True, text=True,
        )
        assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
        return first.stdout, second.stdout


@pytest.fixture
def custodied(upstream, tmp_path):
    made = Custodied(tmp_path / "custody", Connection("burst", ALLOWED, upstream.endpoint), upstream.admin)
    made.gateway.start()
    yield made
    made.gateway.stop()


def work(gateway, name, body=b""):
    session = gateway.session()
    agent = Agent(gateway.agents_port, session.credentials())
    assert agent.request("PUT", f"/burst/{name}", body=body or name.encode()).status == 200
    assert agent.request("GET", f"/burst/{name}").status == 200
    agent.close()
    return session


def test_each_class_opens_with_its_own_recipients_key_alone(custodied):
    gateway = custodied.gateway
    large = b"canary-body-" * 8192
    session = work(gateway, "canary-name", body=large)
    gateway.end(session)
    assert gateway.stop() == 0

    def kinds(*keys):
        lines = [line for line in custodied.exported(*keys) if line["part"] == custodied.part_of(session)]
        return ({line["kind"] for line in lines if "payload" in line}, {line["kind"] for line in lines if "sealed" in line})

    opened, sealed = kinds("bodies")
    assert opened == {"BODY"} and {"OPEN", "INTENT", "RESULT", "CLOSE"} <= sealed
    opened, sealed = kinds("reviewer")
    assert sealed == {"BODY"} and {"OPEN", "INTENT", "RESULT", "CLOSE"} <= opened
    assert kinds("custodian")[0] == set()
    assert kinds("bodies", "reviewer")[1] == set()
    assert "canary-name" in custodied.shown(session, "reviewer") and "canary-name" not in custodied.shown(session, "bodies")

    stock = age_opens(custodied.envelope(session, "operations"), custodied.keys["reviewer"])
    assert stock.returncode == 0, stock.stderr
    lines = stock.stdout.splitlines()
    assert lines[:4] == ["narrows-key-v1", "narrows/gw-test", str(custodied.part_of(session)), "operations"]
    assert len(bytes.fromhex(lines[4])) == 32 and len(lines) == 5
    assert age_opens(custodied.envelope(session, "operations"), custodied.keys["bodies"]).returncode != 0
    assert age_opens(custodied.envelope(session, "bodies"), custodied.keys["bodies"]).returncode == 0
    custodied.verdicts()


def test_a_reload_changes_who_may_read_new_sessions(custodied):
    gateway = custodied.gateway
    before = work(gateway, "before")
    custodied.keys["later"] = custodied.folder / "later.age"
    old = age_key(custodied.keys["later"])
    settings = gateway.recording_settings.splitlines()
    gateway.recording_settings = "\n".join(
        f'reviewers = ["{old}"]' if line.startswith("reviewers") else line for line in settings
    )
    gateway.write_config()
    gateway.reload()
    wait_until(lambda: "configuration reloaded" in gateway.process.output(), 20, "the reload")
    after = work(gateway, "after")
    for session in (before, after):
        gateway.end(session)
    assert gateway.stop() == 0
    assert "PutObject" in custodied.shown(before, "reviewer") and "PutObject" not in custodied.shown(before, "later")
    assert "PutObject" in custodied.shown(after, "later") and "PutObject" not in custodied.shown(after, "reviewer")


def files_with(folder, needles):
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found |= {(needle, path.name) for needle in needles if needle.encode() in content}
    return found


def test_no_canary_is_readable_without_its_own_sessions_key(custodied, tmp_path):
    gateway = custodied.gateway
    canaries = {}
    for number in range(100):
        canary = f"canary-{number:03}-{hashlib.sha256(str(number).encode()).hexdigest()[:16]}"
        canaries[canary] = gateway.session(task={"title": canary, "reason": canary})
    agents = {canary: Agent(gateway.agents_port, session.credentials()) for canary, session in canaries.items()}
    for canary, agent in agents.items():  # all hundred sessions are open
        assert agent.request("PUT", f"/burst/{canary}", body=canary.encode() * 4000).status == 200
        assert agent.request("GET", f"/burst/{canary}").status == 200
        agent.close()
    for session in canaries.values():
        gateway.end(session)
    assert gateway.stop() == 0
    assert not files_with(custodied.data_dir, canaries), "readable on disk"

    everything = json.dumps(custodied.exported("reviewer", "bodies"))
    assert all(canary in everything for canary in canaries), "the test looks at the right thing"
    for canary in (list(canaries)[0], list(canaries)[42], list(canaries)[99]):
        alone = tmp_path / canary
        shutil.copytree(custodied.data_dir, alone)
        own = f"{custodied.part_of(canaries[canary]):08}"
        for envelope in (alone / "keys").iterdir():
            part, rest = envelope.name.split(".", 1)
            if part != own:  # whoever has this session's envelopes alone tries them on the others
                shutil.copy(alone / "keys" / f"{own}.{rest}", envelope)
        text = json.dumps(custodied.exported("reviewer", "bodies", data_dir=alone))
        assert [each for each in canaries if each in text] == [canary]
        shutil.rmtree(alone)


def test_holds_and_shredding(custodied):
    gateway = custodied.gateway
    session, other = work(gateway, "held", body=b"x" * 100_000), work(gateway, "other")
    done = custodied.shred(session)
    assert done.returncode == 1 and "active" in done.stderr
    done = custodied.word("hold", session)
    assert done.returncode == 0, done.stderr
    for each in (session, other):
        gateway.end(each)
    time.sleep(5)  # past its retention
    assert "under a legal hold of legal" in custodied.shown(session)
    done = custodied.shred(session)
    assert done.returncode == 1 and "legal hold of legal" in done.stderr and "case 7" in done.stderr

    custodied.officer_key("stranger")
    done = custodied.word("release", session, "stranger")
    assert done.returncode == 1 and "no officer" in done.stderr
    assert gateway.command("recording", "shred", session.id).returncode == 1, "a launcher shreds nothing"

    gateway.kill()
    gateway.start()  # holds are what the log says
    assert "legal hold" in custodied.shred(session).stderr
    assert custodied.word("release", session).returncode == 0
    operations, bodies = custodied.envelope(session, "operations"), custodied.envelope(session, "bodies")
    kept = operations.read_bytes()
    wait_until(lambda: custodied.shred(session, "--class", "bodies").returncode == 0, 10, "its bodies to be past retention")
    assert operations.exists() and not bodies.exists()
    assert "PutObject" in custodied.shown(session, "reviewer", "bodies")
    assert custodied.shred(session).returncode == 0 and not operations.exists()
    assert custodied.shred(session).returncode == 0, "asking again harms nothing"
    told = custodied.shown(session, "reviewer", "bodies")
    assert "PutObject" not in told and "the keys of bodies, operations, secrets" in told and "legal hold" not in told
    assert "PutObject" in custodied.shown(other, "reviewer")
    assert gateway.stop() == 0
    for said in custodied.verdicts():
        assert "shredded" in said

    operations.write_bytes(kept)  # as a crash would have left it, or a backup brought it back
    gateway.start()
    assert not operations.exists()
    assert gateway.stop() == 0
    custodied.verdicts()


def test_retention_is_the_least_that_is_kept(upstream, tmp_path):
    made = Custodied(tmp_path / "kept", Connection("burst", ALLOWED, upstream.endpoint), upstream.admin, retention="")
    made.gateway.start()
    session = work(made.gateway, "kept")
    made.gateway.end(session)
    done = made.shred(session)
    assert done.returncode == 1 and "90.0 days" in done.stderr, done.stderr
    done = made.shred(session, "--class", "bodies")
    assert done.returncode == 1 and "30.0 days" in done.stderr
    assert made.gateway.stop() == 0
    assert made.envelope(session, "operations").exists()


def test_secret_values_open_with_a_custodians_key_alone(tmp_path):
    emulator = Emulator(tmp_path)
    connection = Connection("secrets", SECRETS, emulator.endpoint)
    made = Custodied(tmp_path / "custody", connection, emulator.admin)
    gateway = made.gateway.start()
    session = gateway.session()
    manager = client("secretsmanager", gateway.agents_url, session.credentials())
    manager.create_secret(Name="db", SecretString="canary-secret-5d1c")
    assert manager.get_secret_value(SecretId="db")["SecretString"] == "canary-secret-5d1c"
    gateway.end(session)
    assert gateway.stop() == 0
    emulator.stop()
    assert not files_with(made.data_dir, ["canary-secret-5d1c"])
    assert "canary-secret" not in json.dumps(made.exported("reviewer", "bodies"))

    records = [line for line in made.exported("custodian") if line["kind"] == "SECRETS"]
    observed = [line["payload"]["observed"] for line in records]
    assert [(each["dir"], each["values"]) for each in observed] == [
        ("request", {"SecretString": "canary-secret-5d1c"}), ("response", {"SecretString": "canary-secret-5d1c"}),
    ]
    lines = made.exported("reviewer", "custodian")
    order = [line["kind"] for line in lines if line["kind"] in ("SECRETS", "SENT", "RESULT")]
    assert order[:3] == ["SECRETS", "SENT", "RESULT"], "before it was forwarded"

    one = ("--operation", observed[0]["op"])
    told = made.shown(session, "reviewer", "custodian", more=one)
    assert "opened with a custodian's key" in told and 'request SecretString = "canary-secret-5d1c"' in told
    assert "canary-secret" not in made.shown(session, "reviewer", more=one)
    assert "canary-secret" not in made.shown(session, "reviewer", "custodian"), "only where it is asked for"
    made.verdicts()


def test_without_custodians_secret_values_stay_withheld(tmp_path):
    emulator = Emulator(tmp_path)
    made = Gateway(tmp_path / "gateway", [Connection("secrets", SECRETS, emulator.endpoint)], emulator.admin).start()
    session = made.session()
    client("secretsmanager", made.agents_url, session.credentials()).create_secret(Name="db", SecretString="canary-5d1c")
    made.end(session)
    assert made.stop() == 0
    emulator.stop()
    assert not made.records().of_kind("secrets")
    assert "canary-5d1c" not in json.dumps([record.body for record in made.records().records])
