"""What was not granted is refused with a text an agent understands, in the service's shape, and is on record."""

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from clients import CLIENTS
from harness.emulator import REGION, Credentials, client
from harness.gateway import AGENT, LAUNCHER, Connection, Gateway, scope, statement

READ_ONLY = scope(
    statement(["s3:GetObject"], "arn:aws:s3:::reports/public/*", Sid="ReadReports"),
    statement(["s3:*"], "arn:aws:s3:::reports/public/secret*", effect="Deny", Sid="NeverSecrets"),
    statement(["dynamodb:GetItem"], f"arn:aws:dynamodb:{REGION}:123456789012:table/owners", Sid="ReadOwners"),
)

DENIED = [
    ("s3", "PutObject", {"Bucket": "reports", "Key": "public/a", "Body": {"$bytes": "x"}}, "s3:PutObject"),
    ("s3", "ListBuckets", {}, "s3:ListAllMyBuckets"),
    ("dynamodb", "DeleteItem", {"TableName": "owners", "Key": {"id": {"S": "1"}}}, "dynamodb:DeleteItem"),
    ("sqs", "ListQueues", {}, "sqs:ListQueues"),
    ("sns", "ListTopics", {}, "sns:ListTopics"),
    ("iam", "ListUsers", {}, "iam:ListUsers"),
    ("ec2", "DescribeInstances", {}, "ec2:DescribeInstances"),
    ("lambda", "ListFunctions", {}, "lambda:ListFunctions"),
    ("logs", "DescribeLogGroups", {}, "logs:DescribeLogGroups"),
    ("cloudwatch", "ListMetrics", {}, "cloudwatch:ListMetrics"),
    ("kms", "ListKeys", {}, "kms:ListKeys"),
    ("secretsmanager", "ListSecrets", {}, "secretsmanager:ListSecrets"),
    ("ssm", "DescribeParameters", {}, "ssm:DescribeParameters"),
]
# They answer a denial with 400; SQS, which was a query service once, still with 403.
JSON_RPC = {"dynamodb", "logs", "kms", "secretsmanager", "ssm"}


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    made = Gateway(tmp_path_factory.mktemp("denials"), [Connection("ro", READ_ONLY, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session(task={"id": "D-7", "title": "look", "reason": "weekly", "link": "https://tickets.example/D-7"})


@pytest.mark.parametrize("service,operation,parameters,action", DENIED, ids=lambda value: value if isinstance(value, str) else "")
def test_text_and_record(gateway, session, service, operation, parameters, action):
    before = len(gateway.records(session).operations())
    for name in ("boto3", "js"):
        config = {"forcePathStyle": True} if (name, service) == ("js", "s3") else None
        (step,) = CLIENTS[name](service, [(operation, parameters)], session.env(), config)
        text = str(step["error"])
        assert "AccessDenied" in text or "UnauthorizedOperation" in text, text
        assert ("400" if service in JSON_RPC else "403") in text
        for part in (action, session.id, "before AWS was called"):
            assert part in text, f"{part!r} is missing in {text}"
    denied = gateway.records(session).operations()[before:]
    assert [op.verdict for op in denied] == ["deny", "deny"]
    for op in denied:
        assert op.intent.get("decision", "action") == action
        assert not op.followers, "a denied operation is never sent"


def test_explicit_deny_names_its_statement(gateway, session):
    s3 = client("s3", session.agents_url, session.credentials())
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        s3.get_object(Bucket="reports", Key="public/secret.txt")
    assert "explicit deny" in str(refused.value) and "NeverSecrets" in str(refused.value)


@pytest.mark.parametrize("wrong", ["secret", "token", "key"])
def test_bad_credentials_are_refused_and_recorded(gateway, session, wrong):
    good = session.credentials()
    bad = {
        "secret": Credentials(good.key_id, "guessed" * 6, good.token),
        "token": Credentials(good.key_id, good.secret, good.token[:-8] + "AAAAAAAA"),
        "key": Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    }[wrong]
    before = len(gateway.records().operations())
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client("s3", session.agents_url, bad).get_object(Bucket="reports", Key="public/a")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    recorded = gateway.records().operations()[before:]
    assert [op.reason for op in recorded] == ["not-authenticated"]
    text = str(recorded[0].intent.body)
    assert bad.secret not in text and (not bad.token or bad.token not in text)


def test_identity_is_answered_by_the_gateway(gateway, session):
    sts = client("sts", session.agents_url, session.credentials())
    found = sts.get_caller_identity()
    assert found["Account"] == "123456789012"
    assert session.id in found["Arn"]


def test_open_says_who_for_whom_and_why(gateway, session):
    (opened,) = [r for r in gateway.records(session).of_kind("open")]
    assert opened.body["verified"]["agent"]["id"] == AGENT
    assert opened.body["verified"]["launcher"]["id"] == LAUNCHER
    assert opened.body["attested"]["task"]["id"] == "D-7"
    assert "ada@example.com" in str(opened.body["stated"]["principal"])
    assert "NeverSecrets" in str(opened.get("connections"))


@pytest.mark.parametrize(
    "change,status",
    [
        ({"task": {"title": ""}}, 400), ({"agent_key": "wrong"}, 401), ({"agent": "nobody"}, 401),
        ({"connections": ["absent"]}, 403), ({"lifetime_s": 13 * 3600}, 403),
    ],
    ids=["no task", "agent key", "unknown agent", "no grant", "too long"],
)
def test_no_session_without_grounds(gateway, change, status):
    answer = gateway.ask_for_session(**change)
    # 400 and 403 are both right words for what a grant does not cover.
    assert answer.status_code in {status, 400, 403, 404} and answer.status_code >= 400
    assert answer.json()


def test_a_wrong_launcher_starts_nothing(gateway):
    assert gateway.api("POST", "/v1/sessions", {"agent": AGENT}, key="wrong").status_code == 401


def test_session_credentials_start_no_session(gateway, session):
    answer = gateway.api("POST", "/v1/sessions", {"agent": AGENT}, key=session.credentials().secret)
    assert answer.status_code == 401


def test_clock_skew(gateway, session, monkeypatch):
    import datetime

    import botocore.auth

    late = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: late.replace(tzinfo=None), raising=False)
    s3 = boto3.client(
        "s3", region_name=REGION, endpoint_url=session.agents_url, config=Config(retries={"total_max_attempts": 1}),
        aws_access_key_id=session.credentials().key_id, aws_secret_access_key=session.credentials().secret,
        aws_session_token=session.credentials().token,
    )
    with pytest.raises(botocore.exceptions.ClientError, match="RequestTimeTooSkewed|SignatureDoesNotMatch|expired"):
        s3.get_object(Bucket="reports", Key="public/a")


EVERYTHING = scope(statement("*"))
POWERS = [
    ("iam", "CreateUser", {"UserName": "mallory"}),
    ("iam", "AddUserToGroup", {"UserName": "mallory", "GroupName": "admins"}),
    ("iam", "CreateServiceLinkedRole", {"AWSServiceName": "ecs.amazonaws.com"}),
    ("ram", "CreateResourceShare", {"name": "all"}),
    ("kms", "CreateKey", {"Policy": "{}"}),
    ("s3", "PutObject", {"Bucket": "reports", "Key": "public/a", "Body": b"x", "ACL": "public-read"}),
]


def test_a_wildcard_makes_nobody_and_shares_nothing(behind, tmp_path):
    gateway = Gateway(tmp_path / "powers", [Connection("all", EVERYTHING, behind.endpoint)], behind.admin).start()
    session = gateway.session()
    for service, operation, parameters in POWERS:
        called = client(service, session.agents_url, session.credentials())
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            getattr(called, botocore.xform_name(operation))(**parameters)
        assert "by the action's full name" in str(refused.value), operation
    assert [op.reason for op in gateway.records(session).operations()] == ["guardrail"] * len(POWERS)
    gateway.stop()
