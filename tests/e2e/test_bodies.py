"""Objects of every size and name pass unchanged, directly and through the gateway, by every client."""

import hashlib
import os
import subprocess

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from clients import HERE
from harness.processes import AWS_DEBIAN, AWS_PYPI, NODE, NODE_MODULES, peak_mib

BUCKET = "e2e-bodies"
MIB = 1 << 20
GATEWAY_MIB_MAX = 128
SIZES = [
    pytest.param(0, id="0B"), pytest.param(1024, id="1KiB"), pytest.param(5 * MIB, id="5MiB"),
    pytest.param(64 * MIB, id="64MiB"), pytest.param(1024 * MIB, id="1GiB", marks=pytest.mark.full),
]
KEYS = ["plain", "with space/and+plus", "ünï/côde/☃", "a/../b", "a//b//", "./.hidden/.", "100%25&=?#'()*!~", "x" * 1000]


@pytest.fixture(scope="module", params=["direct", "through"])
def env(request):
    """The environment of both ways; the bucket is there. Bodies of any size leave the gateway small."""
    env = request.getfixturevalue(f"{request.param}_env")
    s3_of(env).create_bucket(Bucket=BUCKET)
    yield env
    if request.param == "through":
        assert peak_mib(request.getfixturevalue("gateway").pid_of("boundary")) < GATEWAY_MIB_MAX


def s3_of(env, **config):
    return boto3.client(
        "s3", region_name="us-east-1", endpoint_url=env["AWS_ENDPOINT_URL"], aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"], aws_session_token=env["AWS_SESSION_TOKEN"],
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@pytest.fixture(scope="module")
def files(module_folder):
    """Files of random bytes by size, made once: (path, SHA-256)."""
    made = {}

    def of(size):
        if size not in made:
            path, digest = module_folder / f"body-{size}", hashlib.sha256()
            with open(path, "wb") as out:
                for start in range(0, size, MIB):
                    block = os.urandom(min(MIB, size - start))
                    digest.update(block)
                    out.write(block)
            made[size] = path, digest.hexdigest()
        return made[size]

    return of


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        while block := data.read(MIB):
            digest.update(block)
    return digest.hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_in_one_piece(env, files, size):
    path, digest = files(size)
    s3, back = s3_of(env, read_timeout=600), hashlib.sha256()
    with open(path, "rb") as body:
        s3.put_object(Bucket=BUCKET, Key="piece", Body=body)
    for block in s3.get_object(Bucket=BUCKET, Key="piece")["Body"].iter_chunks(MIB):
        back.update(block)
    assert back.hexdigest() == digest


@pytest.mark.parametrize("size", SIZES)
def test_boto3(env, files, module_folder, size):
    path, digest = files(size)
    s3, back = s3_of(env), module_folder / "back"
    transfer = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
    s3.upload_file(str(path), BUCKET, "boto3", Config=transfer)
    assert s3.head_object(Bucket=BUCKET, Key="boto3")["ContentLength"] == size
    s3.download_file(BUCKET, "boto3", str(back), Config=transfer)
    assert sha256_of(back) == digest


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("aws", [AWS_DEBIAN, AWS_PYPI], ids=["cli-debian", "cli-pypi"])
def test_cli(env, files, module_folder, aws, size):
    path, digest = files(size)
    back = module_folder / "back"
    flags = ["--no-progress", "--endpoint-url", env["AWS_ENDPOINT_URL"]]
    for source, target in ((path, f"s3://{BUCKET}/cli"), (f"s3://{BUCKET}/cli", back)):
        done = subprocess.run([aws, "s3", "cp", *flags, source, target], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert sha256_of(back) == digest


@pytest.mark.parametrize("size", SIZES)
def test_js_stream(env, files, size):
    path, digest = files(size)
    command = [NODE, HERE / "js_upload.cjs", BUCKET, "js", path]
    done = subprocess.run(command, env=env | {"NODE_PATH": str(NODE_MODULES)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:12])
def test_keys(env, key):
    s3 = s3_of(env, s3={"addressing_style": "path"})
    body = key.encode()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
    assert key in [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    s3.delete_object(Bucket=BUCKET, Key=key)


def test_range(env, files):
    path, _ = files(5 * MIB)
    s3 = s3_of(env)
    s3.upload_file(str(path), BUCKET, "ranged", Config=TransferConfig(multipart_threshold=64 * MIB))
    part = s3.get_object(Bucket=BUCKET, Key="ranged", Range="bytes=1000000-1000099")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert part["Body"].read() == path.read_bytes()[1000000:1000100]
