"""Resources that a request names in part: what a scope must say of them (docs/scope.md)."""

import json

import botocore.exceptions
import pytest

from harness.emulator import ACCOUNT, TRUST, client
from harness.gateway import Connection, Gateway, scope, statement

ROLE = f"arn:aws:iam::{ACCOUNT}:role"
SCOPE = scope(
    statement(["iam:GetRole"], f"{ROLE}/*worker"),
    statement(["iam:ListRoleTags"], f"{ROLE}/worker"),
    statement(["iam:ListAttachedRolePolicies"], [f"{ROLE}/worker", f"{ROLE}/admin/*"]),
    statement(["iam:ListRolePolicies"], f"{ROLE}/*"),
    statement(["iam:ListRolePolicies"], f"{ROLE}/admin/*", effect="Deny", Sid="NoAdmins"),
)


@pytest.fixture(scope="module")
def iam(behind, tmp_path_factory):
    for name in ("worker", "other"):
        behind.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    gateway = Gateway(tmp_path_factory.mktemp("names"), [Connection("c", SCOPE, behind.endpoint)], behind.admin)
    session = gateway.start().session()
    yield client("iam", session.agents_url, session.credentials())
    gateway.stop()


def refusal(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**parameters)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    return str(refused.value)


def test_a_pattern_of_the_name_allows_it(iam):
    assert iam.get_role(RoleName="worker")["Role"]["RoleName"] == "worker"
    refusal(iam.get_role, RoleName="other")


def test_the_exact_role_allows_it_where_only_aws_could_let_another_through(iam):
    assert iam.list_role_tags(RoleName="worker")["Tags"] == []
    refusal(iam.list_role_tags, RoleName="other")


def test_a_name_that_may_mean_a_role_of_another_statement_is_refused(iam):
    assert "covers every resource this may touch" in refusal(iam.list_attached_role_policies, RoleName="worker")


def test_a_denied_path_holds_against_every_name(iam):
    assert "NoAdmins" in refusal(iam.list_role_policies, RoleName="worker")
