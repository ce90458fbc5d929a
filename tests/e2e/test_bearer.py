"""Bearer tokens: the session's own open Bedrock, within its scope; nobody else's do, and none is on record."""

import json

import boto3
import pytest
import requests

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON

REAL = "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29tLz9BY3Rpb249Q2FsbFdpdGhCZWFyZXJUb2tlbg=="
LIST = "import boto3; print(len(boto3.client('bedrock').list_custom_models()['modelSummaries']))"


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    models = scope(statement(["bedrock:ListCustomModels", "bedrock:InvokeModel"]))
    connections = [
        Connection("models", models, behind.endpoint),
        Connection("files", scope(statement("s3:*")), behind.endpoint),
        Connection("all", scope(statement("*")), behind.endpoint),
    ]
    made = Gateway(tmp_path_factory.mktemp("bearer"), connections, behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session(connections=["models", "files"])


@pytest.fixture(scope="module")
def make(session, module_folder):
    """A client, over https: botocore sends no token otherwise."""
    (module_folder / "ca.pem").write_text(session.answer["ca_pem"])
    url = session.agents_url.replace("http://127.0.0.1", "https://localhost")

    def client(service, monkeypatch, token):
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", token)
        return boto3.client(service, region_name=REGION, endpoint_url=url, verify=str(module_folder / "ca.pem"))

    return client


def test_the_sessions_token_opens_bedrock(gateway, session, make, monkeypatch):
    found = make("bedrock", monkeypatch, session.answer["bearer_token"]).list_custom_models()
    assert found["modelSummaries"] == []
    operation = gateway.records(session).operations()[-1]
    assert (operation.name, operation.outcome) == ("bedrock:ListCustomModels", "answered")
    assert operation.intent.get("signature", "scheme") == "bearer"
    assert operation.intent.get("connection") == "models"
    assert session.answer["bearer_token"] not in json.dumps([r.body for r in gateway.records().records])


def test_the_scope_decides(gateway, session, make, monkeypatch):
    bedrock = make("bedrock", monkeypatch, session.answer["bearer_token"])
    with pytest.raises(bedrock.exceptions.ClientError, match="not authorized to perform: bedrock:DeleteCustomModel"):
        bedrock.delete_custom_model(modelIdentifier="m")


def test_aws_own_tokens_are_refused_and_not_on_record(gateway, session, make, monkeypatch):
    bedrock = make("bedrock-runtime", monkeypatch, REAL)
    with pytest.raises(bedrock.exceptions.ClientError, match="not one that this gateway issued"):
        bedrock.invoke_model(modelId="amazon.titan-text-lite-v1", body="{}")
    assert REAL not in json.dumps([record.body for record in gateway.records().records])


@pytest.mark.parametrize("token", ["", "x", "nrw_bearer_AAAA"])
def test_what_is_no_token(session, token):
    answer = requests.get(f"{session.agents_url}/custom-models", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 403


def test_other_tokens_of_the_session_open_nothing(session):
    for token in (session.answer["authorization_token"], session.answer["proxy_token"], session.credentials().token):
        answer = requests.get(f"{session.agents_url}/custom-models", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.status_code == 403 and "not one that this gateway issued" in answer.text


def test_no_other_service_takes_one(session):
    headers = {"Authorization": f"Bearer {session.answer['bearer_token']}"}
    assert requests.get(f"{session.agents_url}/bucket/key", headers=headers, timeout=30).status_code == 403
    agents = requests.post(f"{session.agents_url}/agents/", headers=headers, data="{}", timeout=30)
    assert agents.status_code == 403 and "takes no bearer tokens" in agents.text


def test_a_token_only_where_it_can_mean_one_connection(gateway):
    assert "bearer_token" not in gateway.session(connections=["files"]).answer
    assert "bearer_token" not in gateway.session(connections=["models", "all"]).answer


def test_over_with_its_session(gateway):
    session = gateway.session(connections=["models"])
    gateway.end(session)
    headers = {"Authorization": f"Bearer {session.answer['bearer_token']}"}
    answer = requests.get(f"{session.agents_url}/custom-models", headers=headers, timeout=30)
    assert answer.status_code == 403 and "ExpiredToken" in answer.headers.get("x-amzn-ErrorType", "")


def test_run_puts_it_in_the_place_of_a_real_one(gateway):
    done = gateway.run(PYTHON, "-c", LIST, connection="models", env={"AWS_BEARER_TOKEN_BEDROCK": REAL})
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr
    assert gateway.records().operations()[-1].intent.get("signature", "scheme") == "bearer"
    signed = gateway.run(PYTHON, "-c", LIST, connection="models")
    assert signed.returncode == 0, signed.stderr
    assert gateway.records().operations()[-1].intent.get("signature", "scheme") == "sigv4"
