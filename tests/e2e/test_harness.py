"""The tools of the other tests are strict themselves: a wrong signature is noticed, a right one passes."""

import botocore.exceptions
import pytest

from harness.emulator import Credentials, client
from harness.upstream import StrictUpstream

KEYS = ["plain", "a b/ü+~", "a/../b//c", "!'()*@:$&,;=%25"]


@pytest.fixture(scope="module")
def stub(module_folder):
    upstream = StrictUpstream(module_folder)
    yield upstream
    upstream.stop()


@pytest.mark.parametrize("key", KEYS)
def test_stub_accepts_what_botocore_signs(stub, key):
    s3 = client("s3", stub.endpoint, stub.admin, s3={"addressing_style": "path"})
    s3.put_object(Bucket="bucket", Key=key, Body=b"x" * 10)
    assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == b"stub object\n"
    assert not stub.wrong()


def test_stub_plays_sts(stub):
    sts = client("sts", stub.endpoint, stub.admin)
    found = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/x", RoleSessionName="someone")["Credentials"]
    assumed = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    assert client("s3", stub.endpoint, assumed).head_object(Bucket="bucket", Key="k")


def test_stub_refuses_a_wrong_secret(module_folder):
    upstream = StrictUpstream(module_folder / "..")
    thief = Credentials(upstream.admin.key_id, "guessed")
    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        client("s3", upstream.endpoint, thief).get_object(Bucket="bucket", Key="k")
    assert upstream.wrong()
    upstream.stop()


@pytest.mark.parametrize("service,call", [("s3", "list_buckets"), ("lambda", "list_functions"), ("sqs", "list_queues")])
def test_emulator_checks_signatures(direct, service, call):
    thief = Credentials(direct.admin.key_id, "guessed")
    getattr(direct.client(service), call)()
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        getattr(client(service, direct.endpoint, thief), call)()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
