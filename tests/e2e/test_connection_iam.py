"""`narrows connection iam`: what it prints is what CloudFormation and Terraform take."""

import json
import subprocess

import hcl2
import pytest

from harness.emulator import ACCOUNT, REGION, ROLE_ARN
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import VENV_BIN

GRANTED = scope(
    statement("s3:GetObject", ["arn:aws:s3:::iam-data/${aws:username}/*", "arn:aws:s3:::iam-more/*"], Sid="Read"),
    statement("s3:ListBucket", "arn:aws:s3:::iam-data", Sid="List", Condition={"StringLike": {"s3:prefix": ["100%{a}/*"]}}),
    statement("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555", Sid="Key"),
)
GATEWAY_ROLE = "arn:aws:iam::999999999999:role/gateway-host"


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """The text in a format; no gateway has to run for it."""
    made = Gateway(tmp_path_factory.mktemp("iam"), [Connection("data", GRANTED, "")], upstream=None)

    def run(form):
        done = made.command(
            "connection", "iam", "data", "--config", made.config, "--gateway-role", GATEWAY_ROLE, "--format", form,
            "--administrator", f"arn:aws:iam::{ACCOUNT}:role/admin",
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_json_has_every_document(printed):
    answer = json.loads(printed("json"))
    assert answer["role_arn"] == ROLE_ARN
    assert {each["Principal"]["AWS"] for each in answer["trust"]["Statement"]} == {GATEWAY_ROLE}
    actions = [each["Action"] for each in answer["trust"]["Statement"]]
    assert actions == ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    assert sorted(answer["bucket_policies"]) == ["iam-data", "iam-more"]
    assert list(answer["key_policies"]) == [GRANTED["Statement"][2]["Resource"]]
    for document in [answer[name] for name in ("permissions", "boundary", "gateway", "scp")]:
        assert document["Version"] == "2012-10-17" and document["Statement"]


def test_cloudformation_takes_the_template(printed, tmp_path):
    template = tmp_path / "template.json"
    template.write_text(printed("cloudformation"))
    done = subprocess.run(
        [VENV_BIN / "cfn-lint", "--regions", REGION, "--", str(template)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_terraform_reads_the_same_documents(printed):
    answer, text = json.loads(printed("json")), printed("terraform")
    found = {}
    for block in hcl2.loads(text)["resource"]:
        for kind, named in block.items():
            for name, body in named.items():
                found[kind.strip('"'), name.strip('"')] = body
    assert sorted(found) == [
        ("aws_iam_policy", "boundary"), ("aws_iam_role", "connection"), ("aws_iam_role_policy", "scope"),
        ("aws_organizations_policy", "agents"), ("aws_organizations_policy_attachment", "agents"),
        ("aws_s3_bucket_policy", "bucket_1"), ("aws_s3_bucket_policy", "bucket_2"),
    ]
    # In Terraform's templates `$${` and `%%{` stand for `${` and `%{`.
    documents = [json.loads(each.replace("$${", "${").replace("%%{", "%{")) for each in heredocs(text)]
    for name in ("trust", "permissions", "boundary", "gateway", "scp", "key_policies"):
        assert answer[name] in documents
    for policy in answer["bucket_policies"].values():
        assert policy in documents


def heredocs(text):
    return [part.split("\nJSON\n")[0] for part in text.split("<<JSON\n")[1:]]


def test_terraform_itself_parses_it(terraform, printed, tmp_path):
    (tmp_path / "main.tf").write_text(printed("terraform"))
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", "main.tf"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout
