"""P8: Terraform with its AWS provider, and with its state in S3, sets up the same through the gateway as directly, and is on record with all it asked."""

import collections
import concurrent.futures
import json

import pytest

from clients.compared import run_directly, run_through
from clients.zoo import HERE
from harness.emulator import ACCOUNT, REGION, ROLE_NAME
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON

CLOSED = "arn:aws:s3:::tf-reports/closed/x"
DENIED = scope(statement("s3:PutObject", CLOSED, effect="Deny"))
HERE_IN = f"{REGION}:{ACCOUNT}"
# What terraform/resources has, by name, and the state. The provider also reads what it has not set, gives objects an ACL, and looks at its account;
# what hands on rights must be named in full.
ALLOWED = scope(
    statement(["s3:*", "s3:CreateBucket", "s3:PutBucketAcl", "s3:PutObject", "s3:PutObjectAcl"],
              ["arn:aws:s3:::tf-reports", "arn:aws:s3:::tf-reports/2026/*"]),
    statement("dynamodb:*", f"arn:aws:dynamodb:{HERE_IN}:table/tf-owners"),
    statement(["sqs:*", "sqs:SetQueueAttributes"], f"arn:aws:sqs:{HERE_IN}:tf-jobs"),
    statement(["sns:*", "sns:SetTopicAttributes", "sns:Subscribe"], f"arn:aws:sns:{HERE_IN}:tf-news*"),
    statement(["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
              ["arn:aws:s3:::tf-state", "arn:aws:s3:::tf-state/reports/terraform.tfstate"]),
    statement(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], f"arn:aws:dynamodb:{HERE_IN}:table/tf-locks"),
    statement("ssm:*", f"arn:aws:ssm:{HERE_IN}:parameter/tf/*"),
    statement(["iam:Get*", "iam:List*", "iam:CreateRole", "iam:DeleteRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy"],
              f"arn:aws:iam::{ACCOUNT}:role/tf-reader"),
    statement(["ec2:DescribeAccountAttributes", "ssm:DescribeParameters", "sns:GetSubscriptionAttributes", "sns:Unsubscribe"]),
)
CREATED = [
    "aws_dynamodb_table.owners", "aws_dynamodb_table_item.owner", "aws_iam_role.reader", "aws_iam_role_policy.reads",
    "aws_s3_bucket.reports", "aws_s3_bucket_object.report", "aws_sns_topic.news", "aws_sns_topic_subscription.jobs",
    "aws_sqs_queue.jobs", "aws_ssm_parameter.week",
]
# By terraform/resources, and by S3's reference on denials.
EXPECTED = {
    "init": [["zoo.example/hashicorp/aws", "1.60.0"]], "plan": {address: ["create"] for address in CREATED},
    "apply": {"account": ACCOUNT, "queue_arn": f"arn:aws:sqs:{HERE_IN}:tf-jobs"}, "plan again": "no changes",
    "denied": {"code": "AccessDenied", "status": 403}, "destroy": [],
}
CHANGES = {
    "s3:CreateBucket", "s3:PutBucketVersioning", "s3:PutObject", "s3:DeleteObject", "s3:DeleteBucket", "dynamodb:CreateTable",
    "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:DeleteTable", "sqs:CreateQueue", "sqs:DeleteQueue",
    "sns:CreateTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:Unsubscribe", "sns:DeleteTopic", "iam:CreateRole",
    "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DeleteRole", "ssm:PutParameter", "ssm:DeleteParameter",
}
STATE = [["terraform_data"], 1, False]
TOLD_OF_STATE = {
    "init with backend": False, "apply at once": "46 ☃", "state from the bucket": STATE, "plan again": "no changes", "destroy": [],
}
COMMAND = [PYTHON, HERE / "terraform_zoo.py"]
MODES = ["endpoint", "proxy"]


@pytest.fixture(scope="module")
def gateway(direct, behind, module_folder):
    """With an emulator behind it, and one beside it where AWS denies by the role's own policy."""
    direct.client("iam").put_role_policy(RoleName=ROLE_NAME, PolicyName="denied", PolicyDocument=json.dumps(DENIED))
    made = Gateway(module_folder / "gateway", [Connection("tf", ALLOWED, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


def run_all(what, direct, direct_env, behind, gateway, prepare=lambda emulator: None):
    """By the way it was done. All that it sets up it destroys; `prepare` sees to the rest."""
    command, through = [*COMMAND, what], {}
    prepare(direct)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        directly = pool.submit(run_directly, command, direct, direct_env)
        for mode in MODES:
            prepare(behind)
            through[mode] = run_through(command, mode, behind, gateway, {})
        return through | {"direct": directly.result()}


@pytest.fixture(scope="module")
def runs(terraform, direct, direct_env, behind, gateway):
    return run_all("resources", direct, direct_env, behind, gateway)


@pytest.fixture(scope="module")
def states(terraform, direct, direct_env, behind, gateway):
    def prepare(emulator):
        """An empty bucket and an empty table of locks: a state that is destroyed lies there still."""
        emulator.client("s3").create_bucket(Bucket="tf-state")
        emulator.client("s3").delete_object(Bucket="tf-state", Key="reports/terraform.tfstate")
        dynamodb = emulator.client("dynamodb")
        if "tf-locks" in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName="tf-locks")
        dynamodb.create_table(
            TableName="tf-locks", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}])

    return run_all("state", direct, direct_env, behind, gateway, prepare)


def results(run):
    return {done["step"]: done["result"] for done in run[0] if "step" in done}


def text(run):
    return run[0][-1]["text"]


@pytest.mark.parametrize("way", ["direct", *MODES])
def test_what_it_does(runs, way):
    told = results(runs[way])
    assert {step: told[step] for step in EXPECTED} == EXPECTED and sorted(told["state"]) == CREATED


@pytest.mark.parametrize("mode", MODES)
def test_the_same_results(runs, mode):
    """Every attribute of every resource as it was read back, too."""
    assert results(runs[mode]) == results(runs["direct"])
    table = results(runs[mode])["state"]["aws_dynamodb_table.owners"]
    assert table["tags"] == {"owner": "ada & co"}


@pytest.mark.parametrize("mode", MODES)
def test_a_denial_reads_as_the_gateway_said_it(runs, mode):
    for words in ("s3:PutObject", CLOSED, "[Narrows ns-", "before AWS was called"):
        assert words in text(runs[mode])


@pytest.mark.parametrize("mode", MODES)
def test_all_that_it_asked_is_on_record(runs, mode):
    operations = runs[mode][2]
    assert CHANGES <= {each.name for each in operations if each.verdict == "allow"}
    assert [(each.name, each.outcome) for each in operations if each.verdict == "deny"] == [("s3:PutObject", "denied")]
    elsewhere = {each.name for each in operations if each.outcome not in ("answered", "denied")}
    assert elsewhere == {"sts:GetCallerIdentity"}, "which the gateway answers"


def assert_arrived(runs, mode, denied=()):
    """The same but what the gateway answers and denies; and it needs the role's credentials."""
    direct, behind = (collections.Counter(run[1]) for run in (runs["direct"], runs[mode]))
    answered_here = sum(each.name == "sts:GetCallerIdentity" for each in runs[mode][2])
    assert behind.pop("POST") == direct.pop("POST") + 1 - answered_here
    assert behind == direct - collections.Counter(denied)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_requests_arrive(runs, mode):
    assert_arrived(runs, mode, denied=["PUT /tf-reports/closed/x"])


def test_both_modes_ask_the_same(runs):
    endpoint, proxy = (collections.Counter(each.name for each in runs[mode][2]) for mode in MODES)
    assert endpoint == proxy


@pytest.mark.parametrize("way", ["direct", *MODES])
def test_a_state_in_s3(states, way):
    assert results(states[way]) == TOLD_OF_STATE


@pytest.mark.parametrize("mode", MODES)
def test_what_a_state_in_s3_asks_for_is_on_record(states, mode):
    operations = states[mode][2]
    wanted = {"s3:GetObject", "s3:PutObject", "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem"}
    assert wanted <= {each.name for each in operations} and {each.verdict for each in operations} == {"allow"}
    assert {each.outcome for each in operations if each.name != "sts:GetCallerIdentity"} == {"answered"}
    assert_arrived(states, mode)


def test_both_verifiers_agree(gateway, runs, states):
    assert gateway.verify().returncode == 0
    done = gateway.verify_apart()
    assert done.returncode == 0, done.stdout + done.stderr
