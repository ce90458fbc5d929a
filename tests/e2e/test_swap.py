"""Credentials in AWS's answers: the agent gets the gateway's in their place, and goes on with them in its own session."""

import datetime
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.parse

import botocore.credentials
import botocore.exceptions
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from harness.emulator import ACCOUNT, REGION, ROLE_ARN, Credentials, Emulator, client
from harness.gateway import Connection, Gateway, scope, statement
from harness.giving import Giving
from harness.processes import ROOT, wait_until
from test_processes import PROCESSES, memory_holds

OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/other"
EXPRESS = "reports--use1-az4--x-s3"
SCOPE = scope(
    statement(["sts:AssumeRole", "sts:TagSession", "sts:GetCallerIdentity"], "*"),
    statement(["s3:*", "s3express:CreateSession"], "*"),
)
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of a process that is not dumpable")


@pytest.fixture(scope="module")
def emulator(module_folder):
    made = Emulator(module_folder)
    made.client("s3").create_bucket(Bucket="shared")
    made.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*"}]}))
    made.client("iam").put_role_policy(RoleName="other", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def through(emulator, module_folder):
    made = Gateway(module_folder / "gateway", [Connection("all", SCOPE, emulator.endpoint)], emulator.admin).start()
    yield made
    made.stop()


@pytest.fixture
def giving(tmp_path):
    made = Giving(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def gateway(giving, tmp_path):
    made = Gateway(tmp_path / "gateway", [Connection("all", SCOPE, giving.endpoint)], giving.admin).start()
    yield made
    made.stop()


def assume(gateway, credentials, role=OTHER_ROLE, **more):
    """Assumes a role; the credentials and the answer's bytes."""
    sts = client("sts", gateway.agents_url, credentials)
    bodies = []
    sts.meta.events.register("before-parse.sts.AssumeRole", lambda response_dict, **_: bodies.append(response_dict["body"]))
    answer = sts.assume_role(RoleArn=role, RoleSessionName="of-the-agent", **more)
    found = answer["Credentials"]
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]), answer, bodies[0]


def error_of(call, *arguments, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*arguments, **parameters)
    return caught.value.response["Error"]


def test_boto3_goes_on_with_an_assumed_role(through):
    session = through.session()
    derived, answer, _ = assume(through, session.credentials(), Tags=[{"Key": "team", "Value": "x"}])
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/other/of-the-agent"
    assert answer["Credentials"]["Expiration"] > datetime.datetime.now(datetime.timezone.utc)
    s3 = client("s3", through.agents_url, derived)
    s3.put_object(Bucket="shared", Key="k", Body=b"with the role")
    assert s3.get_object(Bucket="shared", Key="k")["Body"].read() == b"with the role"
    identity = client("sts", through.agents_url, derived).get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"] and identity["Account"] == ACCOUNT
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    again, _, _ = assume(through, derived)
    assert client("s3", through.agents_url, again).head_object(Bucket="shared", Key="k")
    assert through.end(session).status_code == 200

    recording = through.records(session)
    operations = {each.name: each for each in recording.operations()}
    adopted = {each.get("minted_key_id"): each for each in recording.of_kind("credential") if each.get("minted_key_id")}
    record = adopted[derived.key_id]
    asked = [each for each in recording.operations() if each.name == "sts:AssumeRole"][0]
    assert record.get("answer_to") == asked.intent.sequence and record.get("role_arn") == OTHER_ROLE
    assert record.get("source") == "sts:AssumeRole" and record.get("key_id") != derived.key_id
    put = operations["s3:PutObject"]
    assert put.intent.get("connection") == "all" and put.intent.get("signature", "key_id") == derived.key_id
    assert [each.get("upstream_key_id") for each in put.of_kind("sent")] == [record.get("key_id")]
    result = asked.of_kind("result")[0]
    assert result.get("bytes_sent") > result.get("bytes_request"), "the session policy was added"
    assert result.get("withheld") == ["SecretAccessKey", "SessionToken"]
    assert result.get("rewritten") == "credentials: the gateway's in place of AWS's"
    assert through.verify().returncode == 0 and through.verify_apart().returncode == 0


def test_javascript_goes_on_with_an_assumed_role(through):
    session = through.session()
    done = subprocess.run(
        ["node", pathlib.Path(__file__).parent / "clients/js_assume.cjs", OTHER_ROLE, "shared"], capture_output=True,
        text=True, timeout=120, env=session.env() | {"NODE_PATH": str(ROOT / "build/node/node_modules")})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["body"] == "from javascript" and told["arn"] == told["identity"]
    assert told["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/other/from-javascript"


def test_a_form_in_the_query_leaves_no_room_for_the_session_policy(through):
    credentials = through.session().credentials()
    target = f"/?Action=AssumeRole&Version=2011-06-15&RoleArn={urllib.parse.quote(OTHER_ROLE, safe='')}&RoleSessionName=n"
    request = AWSRequest("POST", through.agents_url + target, data=b"")
    SigV4Auth(botocore.credentials.Credentials(credentials.key_id, credentials.secret, credentials.token), "sts", REGION).add_auth(request)
    answer = requests.request("POST", request.url, headers=dict(request.headers), timeout=20)
    assert answer.status_code == 403 and "it is no form" in answer.text


def test_the_scope_decides_as_before(emulator, tmp_path):
    narrow = scope(statement("sts:AssumeRole", OTHER_ROLE), statement("s3:GetObject", "arn:aws:s3:::shared/*"))
    made = Gateway(tmp_path / "narrow", [Connection("n", narrow, emulator.endpoint)], emulator.admin).start()
    try:
        session = made.session()
        error = error_of(assume, made, session.credentials(), role=f"arn:aws:iam::{ACCOUNT}:role/third")
        assert error["Code"] == "AccessDenied" and "before AWS was called" in error["Message"]
        derived, answer, _ = assume(made, session.credentials())
        s3 = client("s3", made.agents_url, derived)
        error = error_of(s3.put_object, Bucket="shared", Key="k", Body=b"x")
        assert error["Code"] == "AccessDenied" and answer["AssumedRoleUser"]["Arn"] in error["Message"]
        for given in ({"Policy": "{}"}, {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]},
                      {"SourceIdentity": "somebody"}, {"Tags": [{"Key": "narrows-session", "Value": "x"}]}):
            assert "leave" in error_of(assume, made, session.credentials(), **given)["Message"], given
        made.end(session)
        assert error_of(s3.get_object, Bucket="shared", Key="k")["Code"] == "ExpiredToken"
    finally:
        made.stop()


def test_what_aws_gave_reaches_no_agent_no_record_and_stays_in_no_memory(gateway, giving):
    session = gateway.session()
    derived, _, body = assume(gateway, session.credentials())
    s3 = client("s3", gateway.agents_url, derived)
    assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"stub object\n"
    real = giving.given_to_agents()
    assert len(real) == 1 and giving.seen[-1][2] == real[0].key_id, "AWS sees the role's own key"
    secrets = {real[0].secret.encode(), real[0].token.encode()}
    assert not any(secret in body for secret in secrets)
    assert real[0].key_id not in (derived.key_id, body.decode())
    policy = [form for form in giving.forms if form["RoleSessionName"] == ["of-the-agent"]][0]["Policy"]
    opened = gateway.records(session).of_kind("open")[0]
    assert policy == [opened.get("connections")[0]["session_policy"]] and "s3:*" in policy[0]
    if os.geteuid() == 0:
        for _ in range(40):  # buffers that live on are written over
            s3.get_object(Bucket="b", Key="k")["Body"].read()
        assert memory_holds(gateway.pid_of("boundary"), {derived.key_id.encode()}), "the search finds what is there"
        for process in ("boundary", "recorder"):
            assert memory_holds(gateway.pid_of(process), secrets) == set(), process
    assert gateway.end(session).status_code == 200
    if os.geteuid() == 0:
        wait_until(lambda: memory_holds(gateway.pid_of("signer"), secrets) == set(), 10, "the signer to forget")
    text = json.dumps([record.body for record in gateway.records().records], default=str)
    assert real[0].key_id in text and not any(secret.decode() in text for secret in secrets)
    assert giving.wrong == []
    assert gateway.stop() == 0
    for path in gateway.data_dir.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path


def test_s3_express(gateway, giving):
    """boto3 asks for a session of the bucket by itself."""
    session = gateway.session()
    s3 = client("s3", gateway.agents_url, session.credentials())
    s3.put_object(Bucket=EXPRESS, Key="a/b", Body=b"x" * 1000)
    assert s3.get_object(Bucket=EXPRESS, Key="a/b")["Body"].read() == b"stub object\n"
    assert giving.wrong == []
    real = giving.given_to_agents()
    assert len(real) == 1
    assert [key for method, target, key in giving.seen if "/a/b" in target] == [real[0].key_id] * 2
    assert gateway.end(session).status_code == 200
    operations = gateway.records(session).operations()
    assert [each.name for each in operations] == ["s3:CreateSession", "s3:PutObject", "s3:GetObject"]
    assert [each.verdict for each in operations] == ["allow"] * 3


def test_expired_credentials_say_so(gateway, giving):
    giving.life_s = 2
    session = gateway.session()
    derived, _, _ = assume(gateway, session.credentials())
    time.sleep(2.1)
    s3 = client("s3", gateway.agents_url, derived)
    assert error_of(s3.get_object, Bucket="b", Key="k")["Code"] == "ExpiredToken"


@pytest.mark.parametrize("what", ["gateway", "signer"])
def test_after_a_restart_the_client_asks_anew(gateway, giving, what):
    session = gateway.session()
    derived, _, _ = assume(gateway, session.credentials())
    if what == "gateway":
        gateway.kill()
        gateway.start()
    else:
        before = gateway.pid_of("signer")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: gateway.pid_of("signer") != before, 15, "another signer")
    s3 = client("s3", gateway.agents_url, derived)
    wait_until(lambda: error_of(s3.get_object, Bucket="b", Key="k")["Code"] != "ServiceUnavailable", 15, "it serves")
    assert error_of(s3.get_object, Bucket="b", Key="k")["Code"] == "ExpiredToken"
    again, _, _ = wait_until(lambda: assume(gateway, session.credentials()), 15, "another role")
    assert client("s3", gateway.agents_url, again).get_object(Bucket="b", Key="k")


def test_an_answer_that_cannot_be_swapped_reaches_nobody(gateway, giving):
    session = gateway.session()
    giving.mangle = lambda text: text.replace("<Expiration>", "<Expiry>").replace("</Expiration>", "</Expiry>")
    told = error_of(assume, gateway, session.credentials())
    assert told["Code"] == "AccessDenied" and "AWS has done it" in told["Message"] and "one set of credentials" in told["Message"]
    real, *again = giving.given_to_agents()
    assert not again, "the client does not ask for it once more"
    assert gateway.end(session).status_code == 200
    recording = gateway.records(session)
    result = [each for each in recording.operations() if each.name == "sts:AssumeRole"][0].of_kind("result")[0]
    assert result.get("outcome") == "cut" and "not the one set of credentials" in result.get("why")
    assert result.get("bytes_delivered") == 0, "of AWS's answer"
    text = json.dumps([record.body for record in recording.records], default=str)
    assert real.secret not in text and real.token not in text


def test_a_session_holds_a_bounded_number(gateway, giving):
    session = gateway.session()
    for _ in range(64):
        assume(gateway, session.credentials())
    assert "as many credentials" in error_of(assume, gateway, session.credentials())["Message"]
    assert len(giving.given_to_agents()) == 64, "AWS was not asked once more"


def test_keys_and_their_headers_belong_together(gateway, giving):
    """A bucket session's key in the other header, and the other way round."""
    session = gateway.session()
    s3 = client("s3", gateway.agents_url, session.credentials())
    given = s3.create_session(Bucket=EXPRESS)["Credentials"]
    express = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    plain = client("s3", gateway.agents_url, express)
    assert error_of(plain.get_object, Bucket="b", Key="k")["Code"] == "InvalidClientTokenId"
    assert not any(target.startswith("/b/") for _, target, _ in giving.seen)
