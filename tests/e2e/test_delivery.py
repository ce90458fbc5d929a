"""Credentials reach unmodified clients in each of the ways that SDKs know; only of the session's own token, only while it lives."""

import json
import subprocess
import time

import botocore.session
import pytest
import requests

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import AWS_DEBIAN, AWS_PYPI, NARROWS, NODE, NODE_MODULES, PYTHON, clean_environment, wait_until

ALLOWED = scope(statement(["s3:ListBucket", "s3:GetObject"], ["arn:aws:s3:::given", "arn:aws:s3:::given/*"]))
KEY = "hello.txt"
BOTO3 = (
    "import boto3, sys; s = boto3.Session(); "
    "print(s.get_credentials().method, s.client('s3').get_object(Bucket='given', Key='hello.txt')['Body'].read().decode())"
)
JS = (
    "const { S3Client, GetObjectCommand } = require('@aws-sdk/client-s3');"
    "new S3Client({forcePathStyle: true}).send(new GetObjectCommand({Bucket: 'given', Key: 'hello.txt'}))"
    ".then((r) => r.Body.transformToString()).then(console.log);"
)


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    behind.client("s3").create_bucket(Bucket="given")
    behind.client("s3").put_object(Bucket="given", Key=KEY, Body=b"from the bucket")
    connections = [Connection("one", ALLOWED, behind.endpoint), Connection("two", scope(statement("sqs:ListQueues")), behind.endpoint)]
    made = Gateway(tmp_path_factory.mktemp("gateway"), connections, behind.admin)
    yield made.start()
    made.stop()


def container_env(gateway, session, connection="one"):
    """All that a client has: where to ask and with what. No key of any kind."""
    return clean_environment(
        AWS_ENDPOINT_URL=gateway.agents_url, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{session.answer['container_credentials_url']}/{connection}",
        AWS_CONTAINER_AUTHORIZATION_TOKEN=session.answer["authorization_token"],
    )


def output(command, env):
    done = subprocess.run([str(part) for part in command], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cli(program, env):
    flags = ["--endpoint-url", env["AWS_ENDPOINT_URL"]] if "AWS_ENDPOINT_URL" in env else []
    return output([program, *flags, "s3", "cp", f"s3://given/{KEY}", "-"], env)


def test_boto3_takes_them_from_the_endpoint(gateway):
    session = gateway.session()
    assert output([PYTHON, "-c", BOTO3], container_env(gateway, session)) == "container-role from the bucket\n"
    handed = [r for r in gateway.records(session).of_kind("notice") if r.get("what") == "credentials handed out"]
    assert [record.get("connection") for record in handed] == ["one"]


@pytest.mark.parametrize("aws", [AWS_DEBIAN, AWS_PYPI], ids=["cli-debian", "cli-pypi"])
def test_the_cli_takes_them_from_the_endpoint(gateway, aws):
    assert cli(aws, container_env(gateway, gateway.session())) == "from the bucket"


def test_the_javascript_sdk_takes_them_from_the_endpoint(gateway):
    env = container_env(gateway, gateway.session()) | {"NODE_PATH": str(NODE_MODULES)}
    assert output([NODE, "-e", JS], env) == "from the bucket\n"


def test_a_client_refreshes_until_the_session_is_over(gateway, monkeypatch):
    session = gateway.session(lifetime_s=600)
    for name, value in container_env(gateway, session).items():
        monkeypatch.setenv(name, value)
    # botocore asks again when 15 minutes or less are left: at every use of a session of 10 minutes.
    credentials = botocore.session.Session().get_credentials()
    first, second = credentials.get_frozen_credentials(), credentials.get_frozen_credentials()
    issued = session.credentials("one")
    assert {first.access_key, second.access_key} == {issued.key_id}
    assert {first.secret_key, second.secret_key} == {issued.secret}

    def handed_out():
        return [r for r in gateway.records(session).of_kind("notice") if r.get("what") == "credentials handed out"]

    wait_until(lambda: len(handed_out()) >= 2, 5, "both notices to be on disk")
    gateway.end(session)
    assert ask(session).status_code == 403


def ask(session, path="", token=None):
    token = session.answer["authorization_token"] if token is None else token
    url = session.answer["container_credentials_url"] + path
    return requests.get(url, headers={"Authorization": token} if token else {}, timeout=10)


def test_the_form_is_the_one_of_container_endpoints(gateway):
    session = gateway.session(lifetime_s=900)
    answer = ask(session, "/one")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    left = time.mktime(time.strptime(answer.json()["Expiration"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
    assert 850 < left <= 901
    assert ask(session, "/two").json()["AccessKeyId"] == session.credentials("two").key_id


def test_nobody_else_is_given_any(gateway):
    session, other = gateway.session(connections=["one"]), gateway.session(connections=["two"])
    for token in ("", "nrw_delivery_x", session.credentials().token, session.answer["proxy_token"], gateway.agent_key):
        assert ask(session, token=token).status_code == 403
    assert ask(session, "/two").status_code == 403
    assert ask(session, "/one", token=other.answer["authorization_token"]).status_code == 403
    refused = [op for op in gateway.records().operations() if op.intent.get("mode") == "delivery"]
    assert len(refused) >= 7 and {op.verdict for op in refused} == {"deny"}


@pytest.fixture
def process_env(gateway, tmp_path):
    """`narrows session start --folder`'s files: an AWS configuration with credential_process and nothing else."""
    session = gateway.session()
    delivery = tmp_path / "delivery.json"
    delivery.write_text(json.dumps({
        "credentials_url": session.answer["container_credentials_url"],
        "authorization_token": session.answer["authorization_token"],
    }))
    delivery.chmod(0o600)
    config = tmp_path / "config"
    config.write_text(
        f"[default]\nregion = {REGION}\ncredential_process = {NARROWS} credentials --connection one --delivery-file {delivery}\n"
    )
    return clean_environment(AWS_ENDPOINT_URL=gateway.agents_url) | {"AWS_CONFIG_FILE": str(config)}


def test_boto3_takes_them_from_credential_process(process_env):
    assert output([PYTHON, "-c", BOTO3], process_env) == "custom-process from the bucket\n"


@pytest.mark.parametrize("aws", [AWS_DEBIAN, AWS_PYPI], ids=["cli-debian", "cli-pypi"])
def test_the_cli_takes_them_from_credential_process(process_env, aws):
    assert cli(aws, process_env) == "from the bucket"


def test_run_gives_each_connection_a_profile(gateway):
    done = gateway.run("env", "-u", "AWS_ACCESS_KEY_ID", "AWS_PROFILE=one", str(PYTHON), "-c", BOTO3)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("custom-process from the bucket\n")
    refused = gateway.run("env", "-u", "AWS_ACCESS_KEY_ID", "AWS_PROFILE=two", str(PYTHON), "-c", BOTO3)
    assert "AccessDenied" in refused.stderr
