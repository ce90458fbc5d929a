"""The tools of the other tests are strict themselves: a wrong signature is noticed, a right one passes."""

import botocore.exceptions
import pytest

from harness.emulator import Credentials, client
from harness.kms import ALGORITHM, StrictKms
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


@pytest.fixture(scope="module")
def kms(module_folder):
    made = StrictKms(module_folder)
    yield made
    made.stop()


def test_kms_does_what_botocore_asks_of_a_key(kms):
    asked = client("kms", kms.endpoint, kms.credentials)
    made = asked.sign(KeyId=kms.arn, Message=b"m" * 4096, MessageType="RAW", SigningAlgorithm=ALGORITHM)
    kms.key.public_key().verify(made["Signature"], b"m" * 4096)
    found = asked.get_public_key(KeyId=kms.arn)
    assert found["PublicKey"].endswith(kms.public_key()) and found["KeySpec"] == "ECC_NIST_EDWARDS25519"
    assert not kms.refused


WRONG = {
    "another key": ({"KeyId": "arn:aws:kms:us-east-1:123456789012:key/other"}, "NotFound"),
    "an alias": ({"KeyId": "alias/log"}, "NotFound"),
    "more than 4096 bytes": ({"Message": b"m" * 4097}, "Validation"),
    "another algorithm": ({"SigningAlgorithm": "ECDSA_SHA_256"}, "InvalidKeyUsage"),
    "the prehashed algorithm": ({"SigningAlgorithm": "ED25519_PH_SHA_512"}, "Validation"),
    "a digest": ({"MessageType": "DIGEST"}, "Validation"),
    "an unknown member": ({"Digest": "x"}, "Validation"),
}


@pytest.mark.parametrize("what", WRONG)
def test_kms_refuses_what_kms_refuses(kms, what):
    unchecked = client("kms", kms.endpoint, kms.credentials, parameter_validation=False)
    wrong, code = WRONG[what]
    asked = {"KeyId": kms.arn, "Message": b"m", "MessageType": "RAW", "SigningAlgorithm": ALGORITHM} | wrong
    if "Digest" in asked:
        add = unchecked.meta.events.register
        add("before-call.kms.Sign", lambda params, **_: params.update(body=params["body"].replace(b"{", b'{"Digest": "x",')))
        del asked["Digest"]
    with pytest.raises(botocore.exceptions.ClientError, match=code):
        unchecked.sign(**asked)


def test_kms_refuses_a_wrong_secret_and_another_region(kms):
    thief = Credentials(kms.credentials.key_id, "guessed")
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidSignature"):
        client("kms", kms.endpoint, thief).get_public_key(KeyId=kms.arn)
    stranger = Credentials("AKIASTRANGER00000000", kms.credentials.secret)
    with pytest.raises(botocore.exceptions.ClientError, match="UnrecognizedClient"):
        client("kms", kms.endpoint, stranger).get_public_key(KeyId=kms.arn)
    kms.region = "eu-central-1"
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidSignature"):
        client("kms", kms.endpoint, kms.credentials).get_public_key(KeyId=kms.arn)
    kms.region = "us-east-1"
