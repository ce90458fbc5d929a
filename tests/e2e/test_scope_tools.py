"""Scopes and recordings: what was used becomes a scope that allows it, and a scope is tried on the past."""

import json
import shutil

import botocore.exceptions
import pytest

from harness.emulator import ACCOUNT, REGION, client
from harness.gateway import AGENT, Connection, Gateway, scope, statement

BUCKET, OTHER, TABLE = "scope-data", "scope-other", "scope-owners"
GRANTED = scope(
    statement(["s3:Get*", "s3:ListBucket"], "*", Sid="Read"),
    statement(["s3:PutObject", "s3:DeleteObject"], [f"arn:aws:s3:::{BUCKET}/*", f"arn:aws:s3:::{OTHER}/*"], Sid="Write"),
    statement("dynamodb:*", "*", Sid="Table"),
    statement("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/narrows-agents", Sid="Role"),
    statement("sqs:*", "*", Sid="Queues"),
)


def workload(session):
    """What the agent does: (action, bucket key or None) in order, and what became of it."""
    done = []

    def step(action, call, *arguments, **parameters):
        try:
            call(*arguments, **parameters)
            done.append((action, True))
        except botocore.exceptions.ClientError as refused:
            denied = refused.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
            done.append((action, not denied))

    s3 = client("s3", session.agents_url, session.credentials())
    table = client("dynamodb", session.agents_url, session.credentials())
    iam = client("iam", session.agents_url, session.credentials())
    step("s3:ListBucket", s3.list_objects_v2, Bucket=BUCKET, Prefix="in/")
    for name in ("in/a.csv", "in/b.csv", "in/deep/what?*$.csv"):
        step("s3:GetObject", s3.get_object, Bucket=BUCKET, Key=name)
    step("s3:PutObject", s3.put_object, Bucket=BUCKET, Key="out/sum.csv", Body=b"1")
    step("dynamodb:GetItem", table.get_item, TableName=TABLE, Key={"id": {"S": "1"}})
    step("iam:GetRole", iam.get_role, RoleName="narrows-agents")
    step("sts:GetCallerIdentity", client("sts", session.agents_url, session.credentials()).get_caller_identity)
    return done


@pytest.fixture(scope="module")
def data(behind):
    s3 = behind.client("s3")
    for bucket in (BUCKET, OTHER):
        s3.create_bucket(Bucket=bucket)
    for name in ("in/a.csv", "in/b.csv", "in/deep/what?*$.csv"):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"1")
    behind.client("dynamodb").create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return behind


def gateway_with(granted, behind, folder):
    return Gateway(folder, [Connection("data", granted, behind.endpoint)], behind.admin).start()


@pytest.fixture(scope="module")
def used(data, tmp_path_factory):
    """A gateway that recorded one session of the workload, and one denied attempt."""
    made = gateway_with(GRANTED, data, tmp_path_factory.mktemp("used"))
    session = made.session()
    assert all(allowed for _, allowed in workload(session))
    with pytest.raises(botocore.exceptions.ClientError):
        client("sns", session.agents_url, session.credentials()).list_topics()
    made.end(session)
    made.narrowed = session
    yield made
    made.stop()


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def suggested(gateway, *more):
    done = gateway.command("scope", "suggest", "--data-dir", gateway.data_dir, "--json", *more)
    assert done.returncode == 0, done.stderr + done.stdout
    return lines(done)[0]


def simulated(gateway, policy, folder, *more):
    path = folder / "new.json"
    path.write_text(json.dumps(policy))
    done = gateway.command("scope", "simulate", path, "--data-dir", gateway.data_dir, "--json", *more)
    found = lines(done)
    return done.returncode, [line for line in found if line["type"] == "operation"], found[-1]


def test_the_suggested_scope_names_what_was_used(used):
    answer = suggested(used)
    by_actions = {json.dumps(each["Action"]): each["Resource"] for each in answer["policy"]["Statement"]}
    assert by_actions == {
        '"s3:ListBucket"': f"arn:aws:s3:::{BUCKET}",
        '"s3:GetObject"': [
            f"arn:aws:s3:::{BUCKET}/in/a.csv", f"arn:aws:s3:::{BUCKET}/in/b.csv",
            f"arn:aws:s3:::{BUCKET}/in/deep/what${{?}}${{*}}${{$}}.csv",
        ],
        '"s3:PutObject"': f"arn:aws:s3:::{BUCKET}/out/sum.csv",
        '"dynamodb:GetItem"': f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}",
        '"iam:GetRole"': f"arn:aws:iam::{ACCOUNT}:role/narrows-agents",
    }
    assert (answer["operations"], answer["denied"], answer["widened"]) == (7, 0, [])
    unused = {(each["statement"], each["what"]): each["used_for"] for each in answer["unused"]}
    assert unused == {
        ("Read", "s3:Get*"): ["s3:GetObject"],
        ("Write", "s3:DeleteObject"): [],
        ("Write", f"arn:aws:s3:::{OTHER}/*"): [],
        ("Table", "dynamodb:*"): ["dynamodb:GetItem"],
        ("Queues", ""): [],
    }


def test_text_is_a_policy_and_nothing_else(used):
    done = used.command("scope", "suggest", "--config", used.config, "--agent", AGENT, "--task-id", "T-1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == suggested(used)["policy"]
    assert "the policy allows every one of them" in done.stderr
    assert "never used in the granted scope: Queues" in done.stderr


def test_a_session_under_the_suggested_scope_can_do_the_same_again(used, data, tmp_path):
    narrow = gateway_with(suggested(used)["policy"], data, tmp_path / "narrow")
    try:
        session = narrow.session()
        assert all(allowed for _, allowed in workload(session))
        s3 = client("s3", session.agents_url, session.credentials())
        for bucket, key in ((BUCKET, "in/c.csv"), (BUCKET, "in/deep/whatXY$.csv"), (OTHER, "in/a.csv")):
            with pytest.raises(botocore.exceptions.ClientError) as refused:
                s3.get_object(Bucket=bucket, Key=key)
            assert "before AWS was called" in str(refused.value)
    finally:
        narrow.stop()


@pytest.mark.parametrize("without", ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "dynamodb:GetItem", "iam:GetRole"])
def test_simulate_tells_exactly_what_a_statement_less_would_deny(used, tmp_path, without):
    policy = suggested(used)["policy"]
    policy["Statement"] = [each for each in policy["Statement"] if each["Action"] != without]
    code, changed, summary = simulated(used, policy, tmp_path)
    recorded = used.records(used.narrowed).operations()
    would_deny = [op.intent.sequence for op in recorded if op.verdict == "allow" and op.intent.get("decision", "action") == without]
    assert would_deny and code == 1
    assert [line["operation"] for line in changed] == would_deny
    for line in changed:
        assert line["session"] == used.narrowed.id and line["change"] == "allowed-to-denied" and line["action"] == without
    assert summary["allowed-to-denied"] == len(would_deny) and summary["undecidable"] == 0
    assert summary["unchanged"] == len(recorded) - len(would_deny)


def test_simulate_is_quiet_where_nothing_changes_and_tells_what_would_be_allowed(used, tmp_path):
    policy = suggested(used)["policy"]
    assert simulated(used, policy, tmp_path)[:2] == (0, [])
    policy["Statement"].append(statement("sns:ListTopics"))
    code, changed, summary = simulated(used, policy, tmp_path)
    assert code == 1 and [line["action"] for line in changed] == ["sns:ListTopics"]
    assert summary["denied-to-allowed"] == 1
    denied = suggested(used, "--with-denied")["policy"]["Statement"]
    assert [each["Resource"] for each in denied if each["Action"] == "sns:ListTopics"]


def test_conditions_are_worked_out_from_the_recorded_request(used, tmp_path):
    policy = suggested(used, "--condition", "s3:prefix")["policy"]
    (listing,) = [each for each in policy["Statement"] if each["Action"] == "s3:ListBucket"]
    assert listing["Condition"] == {"StringEquals": {"s3:prefix": "in/"}}
    assert simulated(used, policy, tmp_path)[0] == 0
    listing["Condition"] = {"StringEquals": {"s3:prefix": "out/"}}
    code, changed, _ = simulated(used, policy, tmp_path)
    assert code == 1 and [line["action"] for line in changed] == ["s3:ListBucket"]
    # Whether the agent spoke TLS to the gateway is not on record in endpoint mode.
    listing["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    code, changed, summary = simulated(used, policy, tmp_path)
    assert code == 3 and summary["undecidable"] == 1 and "aws:SecureTransport" in changed[0]["missing"]


def test_filters(used, tmp_path):
    for nothing in (["--agent", "somebody"], ["--task-id", "T-2"], ["--since", "2100-01-01"], ["--until", "2000-01-01"]):
        done = used.command("scope", "suggest", "--data-dir", used.data_dir, *nothing)
        assert done.returncode == 2 and "nothing was used" in done.stderr
    assert used.command("scope", "suggest", "--data-dir", used.data_dir, "--since", "soon").returncode == 2
    assert suggested(used, "--session", used.narrowed.id, "--connection", "data")["operations"] == 7


def test_what_no_key_opens_is_not_passed_over(used, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(used.data_dir, copy, ignore=shutil.ignore_patterns("*.key", "*.sock"))
    policy = tmp_path / "any.json"
    policy.write_text(json.dumps(scope(statement("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"))))
    for command in (["suggest"], ["simulate", policy]):
        done = used.command("scope", *command, "--data-dir", copy)
        assert done.returncode == 3 and "sealed" in done.stdout + done.stderr
        key = ["--key", used.data_dir / "reviewer.key"]
        assert used.command("scope", *command, "--data-dir", copy, *key).returncode in (0, 1)


def test_bounds_widen_and_say_so(used):
    answer = suggested(used, "--max-resources", "1", "--max-statements", "2")
    assert len(answer["policy"]["Statement"]) == 2
    assert any(f"arn:aws:s3:::{BUCKET}/in/*" in each for each in answer["widened"])


def test_check_tells_line_column_and_who_enforces_what(used, tmp_path):
    path = tmp_path / "scope.json"
    path.write_text(
        '{"Version": "2012-10-17", "Statement": [\n'
        '  {"Sid": "List", "Effect": "Allow", "Action": "s3:ListBukket",\n   "Resource": "arn:aws:s3:::b/*"},\n'
        '  {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::b/*",\n'
        '   "Condition": {"StringEquals": {"s3:prefix": "a"}}}\n]}\n'
    )
    done = used.command("scope", "check", path, "--account", ACCOUNT, "--region", REGION, "--json")
    answer = lines(done)[0]
    assert done.returncode == 1 and not answer["sound"]
    found = {(each["line"], each["column"], each["severity"]): each for each in answer["findings"]}
    assert found[2, 38, "error"]["suggestion"] == "s3:ListBucket"
    assert "never asked" in found[4, 34, "error"]["message"]
    assert answer["session_policy"]["whole"] and answer["session_policy"]["open_to_resource_policies"] == ["Statement[1]"]
    path.write_text('{"Version": "2012-10-17",\n "Statement": [}')
    assert used.command("scope", "check", path).stdout.splitlines()[1].startswith("2:16 error")


def test_what_the_session_policy_leaves_out_is_told_at_the_start(data, tmp_path):
    tables = [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/table-with-a-long-name-{n}" for n in range(20)]
    made = gateway_with(scope(*(statement("dynamodb:GetItem", table) for table in tables)), data, tmp_path / "long")
    try:
        assert "denies other" in (made.folder / "gateway.log").read_text()
        done = made.command("connection", "check", "data", "--config", made.config, "--json", env=data.admin.env())
        assert "denies other" in lines(done)[0]["gateway_only"][0], done.stdout + done.stderr
    finally:
        made.stop()


def test_catalogue_info(used):
    (answer,) = lines(used.command("catalogue", "info", "--json"))
    assert answer["operations"] == 19548 and answer["with_action"] == 18998  # docs/catalogue.md, Coverage
    assert answer["with_typed_resources"] == 13254 and answer["all_resources_bound"] == 9419
