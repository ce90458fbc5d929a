"""Proxy mode through `narrows run`: HTTPS_PROXY and the gateway's own CA, real AWS host names."""

import json
import sys

import pytest
import requests

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import AWS_DEBIAN, AWS_PYPI, PYTHON

ALLOWED = scope(statement(["s3:GetObject", "s3:ListBucket", "s3:PutObject"], ["arn:aws:s3:::proxied", "arn:aws:s3:::proxied/*"]))
BOTO3 = (
    "import boto3, json; s3 = boto3.client('s3', region_name='us-east-1'); "
    "s3.put_object(Bucket='proxied', Key='k b', Body=b'through'); "
    "print(s3.get_object(Bucket='proxied', Key='k b')['Body'].read().decode())"
)


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    behind.client("s3").create_bucket(Bucket="proxied")
    made = Gateway(tmp_path_factory.mktemp("proxy"), [Connection("p", ALLOWED, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


def without_endpoint(*command):
    """Makes the SDKs pass over the endpoint they were given, so that only the proxy is left."""
    return ["env", "-u", "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", *map(str, command)]


def test_boto3(gateway):
    done = gateway.run(*without_endpoint(PYTHON, "-c", BOTO3))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("through")


@pytest.mark.parametrize("aws", [AWS_DEBIAN, AWS_PYPI], ids=["cli-debian", "cli-pypi"])
def test_cli(gateway, aws):
    done = gateway.run(*without_endpoint(aws, "s3api", "list-objects-v2", "--bucket", "proxied", "--output", "json"))
    assert done.returncode == 0, done.stderr
    assert "Contents" in json.loads(done.stdout) or json.loads(done.stdout) is not None


def test_records_say_it_was_proxy_mode(gateway):
    gateway.run(*without_endpoint(PYTHON, "-c", BOTO3))
    modes = {op.intent.get("mode") for op in gateway.records().operations()}
    assert "proxy" in modes


def test_other_hosts_are_refused_and_recorded(gateway):
    code = "import urllib.request; urllib.request.urlopen('https://example.com', timeout=10)"
    done = gateway.run(sys.executable, "-c", code)
    assert done.returncode != 0
    denied = [op for op in gateway.records().operations() if "example.com" in str(op.intent.body)]
    assert denied and denied[-1].verdict == "deny"


def test_proxy_asks_for_a_credential(gateway):
    with pytest.raises(requests.exceptions.RequestException):
        requests.get("https://s3.us-east-1.amazonaws.com/", proxies={"https": gateway.agents_url}, timeout=10)


def test_trust_is_added_never_replaced(gateway):
    done = gateway.run("sh", "-c", 'grep -c BEGIN "$AWS_CA_BUNDLE"; grep -c BEGIN "$NODE_EXTRA_CA_CERTS"')
    bundle, extra = map(int, done.stdout.split()[-2:])
    assert bundle > 50 and extra == 1
