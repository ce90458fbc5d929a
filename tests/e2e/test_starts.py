"""Who may start a session, what a refused start leaves behind, and that a proof opens one session."""

import base64
import json
import time

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.gateway import AGENT, Connection, Gateway, digest, new_key, scope, statement
from harness.processes import wait_until
from harness.upstream import StrictUpstream
from load import Agent

ALLOWED = scope(statement(["s3:GetObject"], "arn:aws:s3:::burst/*"))
SELF, SIGNER, PIPELINE = "self-starter", "signer", "pipeline"
ISSUER, AUDIENCE = "https://issuer.example.com", "narrows-test"
TASK = {"id": "T-7", "title": "a task of its own", "reason": "nobody asked"}


@pytest.fixture(scope="module")
def keys():
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": encoded(public).decode()}
    return {
        "self": new_key("nrw_agent_"), "private": private, "public": base64.b64encode(public).decode(),
        "jwks": json.dumps({"keys": [jwk]}),
    }


@pytest.fixture(scope="module")
def gateway(keys, tmp_path_factory):
    upstream = StrictUpstream(tmp_path_factory.mktemp("upstream"))
    more = (
        f'[[agent]]\nid = "{SELF}"\nkey_sha256 = "{digest(keys["self"])}"\n'
        f'[[agent]]\nid = "{SIGNER}"\npublic_key = "{keys["public"]}"\n'
        f'[[grant]]\nagent = "{SELF}"\nconnections = ["burst"]\nself_start = true\n'
        f'principals = ["*"]\nlifetime_max = "1h"\n'
        f'[[grant]]\nagent = "{SIGNER}"\nconnections = ["burst"]\nlaunchers = ["test-launcher", "{PIPELINE}"]\n'
        f'principals = ["*"]\nlifetime_max = "1h"\n'
        f'[[issuer]]\nname = "idp"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\njwks = "jwks.json"\n'
        f'[[launcher]]\nid = "{PIPELINE}"\nissuer = "idp"\nclaims = {{ sub = "pipeline" }}\n'
    )
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "jwks.json").write_text(keys["jwks"])
    connections = [Connection("burst", ALLOWED, upstream.endpoint)]
    made = Gateway(folder, connections, upstream.admin, more=more)
    yield made.start()
    made.stop()
    upstream.stop()


def start(gateway, authorization=None, **body):
    headers = {"Authorization": authorization} if authorization else {}
    return requests.post(f"{gateway.operator_url}/v1/sessions", json=body, headers=headers, timeout=30)


def refused_starts(gateway):
    """The lobby's records of the operator's port."""
    return [op for op in gateway.records().operations() if op.intent.get("mode") == "api"]


def on_record(gateway, call):
    """What `call` answers, and the refusals that stand in the lobby because of it."""
    before = len(refused_starts(gateway))
    return call(), refused_starts(gateway)[before:]


def encoded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def jwt(keys, head, claims):
    """A JWT (RFC 7515, RFC 8037) that holds for some minutes."""
    now = int(time.time())
    parts = [{"alg": "EdDSA", "typ": "JWT"} | head, {"iat": now, "exp": now + 200} | claims]
    signed = b".".join(encoded(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + encoded(keys["private"].sign(signed))).decode()


def assertion(keys, jti, audience="gw-test"):
    """As an agent signs it."""
    return jwt(keys, {}, {"iss": SIGNER, "aud": audience, "jti": jti})


def token(keys, jti):
    """As the issuer gives it to a pipeline."""
    return jwt(keys, {"kid": "k1"}, {"iss": ISSUER, "aud": AUDIENCE, "sub": "pipeline", "jti": jti})


def test_an_agent_starts_its_own_session_if_a_grant_says_so(gateway, keys):
    answer = start(gateway, agent=SELF, agent_key=keys["self"], connections=["burst"], task=TASK)
    assert answer.status_code == 201, answer.text
    opened = next(r for r in gateway.records(answer.json()["session"]).of_kind("open"))
    assert opened.body["observed"]["self_started"] is True
    assert opened.body["stated"]["task"]["title"] == TASK["title"] and "attested" not in opened.body
    assert opened.body["verified"]["agent"]["id"] == SELF and "launcher" not in opened.body["verified"]
    shown = gateway.command("recording", "show", answer.json()["session"], "--data-dir", gateway.data_dir).stdout
    assert f"{TASK['title']} (stated)" in shown and "the agent started this session itself" in shown


def test_what_a_launcher_says_of_a_task_is_attested(gateway):
    opened = gateway.records(gateway.session(task=TASK)).of_kind("open")[0]
    assert opened.body["observed"]["self_started"] is False
    assert opened.body["attested"]["task"]["title"] == TASK["title"] and "task" not in opened.body["stated"]


def test_without_such_a_grant_an_agent_starts_nothing(gateway):
    def call():
        return start(gateway, agent=AGENT, agent_key=gateway.agent_key, connections=["burst"], task=TASK)

    answer, records = on_record(gateway, call)
    assert answer.status_code == 403 and "self_start" in answer.json()["message"]
    assert [record.verdict for record in records] == ["deny"]


@pytest.mark.parametrize("secret", ["token", "secret", "delivery", "proxy"])
def test_a_session_s_own_credentials_start_no_session(gateway, keys, secret):
    session = gateway.session()
    presented = {
        "token": session.credentials().token, "secret": session.credentials().secret,
        "delivery": session.answer["authorization_token"], "proxy": session.answer["proxy_token"],
    }[secret]
    body = {"agent": SELF, "connections": ["burst"], "task": TASK}
    assert start(gateway, f"Bearer {presented}", agent_key=keys["self"], **body).status_code == 401
    assert start(gateway, agent_key=presented, **body).status_code == 401
    assert start(gateway, agent_token=presented, **body).status_code == 401


def test_a_proof_opens_one_session(gateway, keys):
    proof = assertion(keys, "only-once")

    def call():
        return gateway.ask_for_session(agent=SIGNER, agent_key=None, agent_token=proof)

    assert call().status_code == 201
    answer, records = on_record(gateway, call)
    assert answer.status_code == 409, answer.text
    assert [(r.verdict, "before" in r.intent.get("decision", "why")) for r in records] == [("deny", True)]
    assert gateway.ask_for_session(agent=SIGNER, agent_key=None, agent_token=assertion(keys, "another")).status_code == 201
    elsewhere = assertion(keys, "third", audience="another-gateway")
    assert gateway.ask_for_session(agent=SIGNER, agent_key=None, agent_token=elsewhere).status_code == 401


def test_a_launcher_s_token_opens_one_session_and_ends_it(gateway, keys):
    proof = token(keys, "build-1")

    def ask(attempt):
        body = {"agent": SIGNER, "agent_token": assertion(keys, f"build-1-{attempt}"), "connections": ["burst"]}
        return start(gateway, f"Bearer {proof}", task=TASK, **body)

    ungranted = {"agent": AGENT, "agent_key": gateway.agent_key, "connections": ["burst"], "task": TASK}
    assert start(gateway, f"Bearer {proof}", **ungranted).status_code == 403, "which uses up nothing"
    opened = ask("first")
    assert opened.status_code == 201, opened.text
    answer, records = on_record(gateway, lambda: ask("second"))
    assert answer.status_code == 409, answer.text
    assert [(r.verdict, "before" in r.intent.get("decision", "why")) for r in records] == [("deny", True)]
    session = opened.json()["session"]
    listed = gateway.api("GET", "/v1/sessions", key=proof).json()["sessions"]
    assert [each["session"] for each in listed] == [session]
    assert gateway.api("POST", f"/v1/sessions/{session}/end", {}, key=proof).status_code == 200


def test_exit_codes_tell_a_no_from_no_answer(gateway, tmp_path):
    """Of clients and of the gateway: 1 a clear no, 2 a mistake of the caller, 3 could not tell."""
    def session_start(**env):
        flags = ["--agent", AGENT, "--task", "t", "--connection", "burst", "--json"]
        return gateway.command("session", "start", *flags, env=env)

    for refused in (session_start(NARROWS_LAUNCHER_KEY=""), session_start(NARROWS_AGENT_KEY=new_key("nrw_agent_"))):
        assert refused.returncode == 1, refused.stderr
        assert set(json.loads(refused.stderr)) == {"error", "message"} and refused.stdout == ""
    assert session_start(NARROWS_OPERATOR="http://127.0.0.1:1").returncode == 3
    assert gateway.command("session", "end", "ns-none").returncode == 1

    other = Gateway(tmp_path, gateway.connections.values(), gateway.upstream)
    other.agents_port = gateway.agents_port
    other.write_config()
    in_use = other.command("gateway", "--config", other.config)
    assert in_use.returncode == 3 and str(other.agents_port) in in_use.stderr
    other.config.write_text("[gateway]\nname = 7\n")
    assert other.command("gateway", "--config", other.config).returncode == 2


MALFORMED = {
    "no JSON": b"{",
    "two of a member": b'{"agent":"a","agent":"b"}',
    "an unknown member": b'{"agent":"a","scope":"*"}',
    "no task": b'{"agent":"a","agent_key":"k","connections":["burst"]}',
    "too long": b'{"agent":"' + b"a" * 70_000 + b'"}',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_starts_are_on_record(gateway, case):
    def call():
        headers = {"Authorization": f"Bearer {gateway.launcher_key}"}
        return requests.post(f"{gateway.operator_url}/v1/sessions", data=MALFORMED[case], headers=headers, timeout=30)

    answer, records = on_record(gateway, call)
    assert answer.status_code == 400
    assert [(r.verdict, r.reason, r.target) for r in records] == [("deny", "not-recognised", "/v1/sessions")]
    assert records[0].intent.get("decision", "why") == answer.json()["message"]


@pytest.mark.parametrize("path", ["/v1/session", "/v1/sessions/ns-none/kill", "/v1/sessions/ns-none/end"])
def test_posts_that_lead_nowhere_are_on_record(gateway, path):
    answer, records = on_record(gateway, lambda: gateway.api("POST", path, {}))
    assert answer.status_code == 404
    assert [(r.verdict, r.target) for r in records] == [("deny", path)]


def test_no_refused_start_leaves_a_secret(gateway, keys):
    presented = [keys["self"], gateway.launcher_key, gateway.agent_key, new_key("nrw_agent_"), assertion(keys, "seen")]
    for secret in presented:
        body = {"agent": SELF, "agent_key": secret, "connections": ["burst"], "task": TASK, "unknown": secret}
        assert start(gateway, **body).status_code == 400
        assert start(gateway, f"Bearer {secret}x", **body).status_code == 401
        gateway.api("POST", f"/v1/sessions?key={secret}", {})
    contents = [path.read_bytes() for path in gateway.data_dir.rglob("*") if path.is_file()]
    assert not [secret for secret in presented for content in contents if secret.encode() in content]


def test_refused_starts_beyond_the_lobby_s_budget_are_counted(tmp_path):
    upstream = StrictUpstream(tmp_path)
    connections = [Connection("burst", ALLOWED, upstream.endpoint)]
    made = Gateway(tmp_path / "gateway", connections, upstream.admin, limits="lobby_mib = 1").start()
    kept = {"Authorization": f"Bearer {made.launcher_key}", "X-Padding": "p" * 12_000}
    with requests.Session() as agent:
        for _ in range(200):
            answer = agent.post(f"{made.operator_url}/v1/sessions", data=b"{", headers=kept, timeout=30)
            assert answer.status_code == 400
    assert Agent(made.agents_port, made.session().credentials()).request("GET", "/burst/x").status == 200
    recorded = len(refused_starts(made))
    assert 0 < recorded < 200

    def counted():
        counts = [record.get("count") for record in made.records().of_kind("notice") if record.get("count")]
        return counts and counts[-1] == 200 - recorded

    wait_until(counted, 10, "the count of the others")
    made.stop()
    upstream.stop()
