"""AWS's own host names in proxy mode: which are taken for what, and which are refused."""

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON

ALLOWED = scope(
    statement(["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::hosts/*"]),
    statement(["sqs:ListQueues", "servicediscovery:ListServices"], ["*"]),
)
PREFIX = "import boto3; from botocore.config import Config as C; "


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    behind.client("s3").create_bucket(Bucket="hosts")
    made = Gateway(tmp_path_factory.mktemp("hosts"), [Connection("p", ALLOWED, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


def boto3_through(gateway, code):
    environment = ["env", "-u", "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"]
    return gateway.run(*environment, str(PYTHON), "-c", PREFIX + code)


def s3_with(options):
    return (
        "s3 = boto3.client('s3', region_name='us-east-1', config=C(%s)); "
        "s3.put_object(Bucket='hosts', Key='k', Body=b'x'); "
        "print(s3.get_object(Bucket='hosts', Key='k')['Body'].read().decode())" % options
    )


@pytest.mark.parametrize(
    "options",
    ["use_dualstack_endpoint=True", "use_fips_endpoint=True", "s3={'use_accelerate_endpoint': True}", "s3={'addressing_style': 'path'}"],
    ids=["dualstack", "fips", "accelerate", "path"],
)
def test_forms_of_a_bucket_s_host(gateway, options):
    done = boto3_through(gateway, s3_with(options))
    assert done.returncode == 0 and done.stdout.strip().endswith("x"), done.stderr


def test_another_region_s_host_is_refused_and_said(gateway):
    code = (
        "boto3.client('sqs', region_name='us-east-1', endpoint_url='https://sqs.eu-west-1.amazonaws.com').list_queues()"
    )
    done = boto3_through(gateway, code)
    assert done.returncode != 0
    assert "is of the region eu-west-1, and the request is signed for us-east-1" in done.stderr


def test_another_service_s_host_is_refused(gateway):
    code = "boto3.client('sqs', region_name='us-east-1', endpoint_url='https://sns.us-east-1.amazonaws.com').list_queues()"
    done = boto3_through(gateway, code)
    assert done.returncode != 0 and "none that AWS serves" in done.stderr


def test_old_names_of_sqs(gateway):
    code = "print(boto3.client('sqs', region_name='us-east-1', endpoint_url='https://queue.amazonaws.com').list_queues())"
    done = boto3_through(gateway, code)
    assert done.returncode == 0, done.stderr


def test_an_access_point_is_decided_on_by_its_own_arn(gateway):
    point = "arn:aws:s3:us-east-1:123456789012:accesspoint/point"
    code = "boto3.client('s3', region_name='us-east-1').get_object(Bucket='%s', Key='k')" % point
    done = boto3_through(gateway, code)
    assert done.returncode != 0
    last = [op for op in gateway.records().operations() if op.verdict == "deny"][-1]
    assert point + "/object/k" in str(last.intent.body)


def test_s3_control_is_not_asked_of_s3(gateway):
    """There its path would be a key, and what its header names a bucket."""
    code = (
        "boto3.client('s3control', region_name='us-east-1', endpoint_url='https://s3%s.us-east-1.amazonaws.com', "
        "config=C(inject_host_prefix=False)).get_access_point(AccountId='123456789012', Name='point')"
    )
    done = boto3_through(gateway, code % ".dualstack")
    assert done.returncode != 0 and "before AWS was called" in done.stderr and "s3:GetAccessPoint" not in done.stderr
    done = boto3_through(gateway, code % "-control")
    assert done.returncode != 0 and "no session policy allows the s3:GetAccessPoint action" in done.stderr


def test_a_host_without_a_region_leads_to_no_other_region(behind, tmp_path):
    made = Gateway(tmp_path, [Connection("p", ALLOWED, behind.endpoint, region="eu-west-1")], behind.admin)
    try:
        made.start()
        code = "boto3.client('sqs', region_name='us-east-1', endpoint_url='https://queue.amazonaws.com').list_queues()"
        done = boto3_through(made, code)
        assert done.returncode != 0 and "does not lead to the region asked for" in done.stderr
    finally:
        made.stop()


def test_services_that_sign_alike_have_hosts_of_their_own(gateway):
    code = (
        "boto3.client('lexv2-models', region_name='us-east-1', "
        "endpoint_url='https://%s-v2-lex.us-east-1.amazonaws.com').list_bots()"
    )
    done = boto3_through(gateway, code % "runtime")
    assert done.returncode != 0 and "of another service than the operation" in done.stderr
    done = boto3_through(gateway, code % "models")
    assert done.returncode != 0 and "no session policy allows the lex:ListBots action" in done.stderr
