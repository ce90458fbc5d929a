"""Bodies of every size, in every way that S3 takes them, arrive as they were sent; one whose checksum is wrong never does."""

import base64
import hashlib
import http.client
import json
import shutil
import time
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from framings import BLOCK, CHECKSUMS, FRAMINGS, Upload, content, sha256_of
from harness.emulator import Credentials as Keys
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON, ROOT, Process, clean_environment, free_port, peak_mib

SMALL = [0, 1, 65535, 65536, 65537, 5 * BLOCK]
LARGE = 100 * BLOCK
HUGE = 5 << 30
GATEWAY_MIB_MAX = 128
# https://reveng.sourceforge.io/crc-catalogue/all.htm, of "123456789".
CHECK_VALUES = {"crc32": 0xCBF43926, "crc32c": 0xE3069283, "crc64nvme": 0xAE8B14860A799888}
OPEN = scope(statement(["s3:PutObject", "s3:GetObject"], "arn:aws:s3:::framed/*"))


class Store:
    """strict_store.py as a child, and what it holds."""

    def __init__(self, folder):
        self.port, self.log = free_port(), folder / "stored.jsonl"
        self.endpoint = f"http://127.0.0.1:{self.port}"
        arguments = [PYTHON, ROOT / "tests/e2e/strict_store.py", self.port, self.log]
        self.process = Process(arguments, folder / "store.log", env=clean_environment())
        self.process.wait_for_port(self.port)

    def lines(self, target):
        return [line for line in map(json.loads, self.log.read_text().splitlines()) if line["target"] == target]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("store"))
    yield made
    made.process.stop()


def gateway_before(store, folder):
    host = Keys("AKIASTRICTSTOREHOST0", "strict-store-host-00000000000000000000000")
    recording = "segment_mib = 64\nreserve_mib = 256"
    return Gateway(folder, [Connection("c", OPEN, store.endpoint)], host, recording=recording).start()


@pytest.fixture(scope="module")
def gateway(store, tmp_path_factory):
    made = gateway_before(store, tmp_path_factory.mktemp("framings"))
    yield made
    made.stop()


@pytest.fixture
def apart(store, tmp_path):
    """A gateway for one large body, whose recording does not stay."""
    made = gateway_before(store, tmp_path)
    yield made
    made.stop()
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def put(store, session, size, framing, **more):
    target = f"/framed/{framing}-{size}-{more.get('checksum', '')}"
    status, told = Upload(session.env(), target, size, framing, **more).send()
    assert status == 200, told
    (line,) = store.lines(target)
    assert (line.get("wrong"), line["size"], line["sha256"]) == (None, size, sha256_of(content(size)))
    return line


def get(session, size):
    """Size and SHA-256 of what comes."""
    request = AWSRequest("GET", f"{session.agents_url}/framed/{size}")
    keys = session.credentials()
    S3SigV4Auth(Credentials(keys.key_id, keys.secret, keys.token), "s3", "us-east-1").add_auth(request)
    host = urlsplit(session.agents_url)
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=1800)
    connection.request("GET", f"/framed/{size}", headers=dict(request.headers.items()))
    answer, whole, got = connection.getresponse(), hashlib.sha256(), 0
    assert answer.status == 200, answer.read()
    while block := answer.read(BLOCK):
        whole.update(block)
        got += len(block)
    return got, whole.hexdigest()


@pytest.mark.parametrize("kind", CHECK_VALUES)
def test_the_checksums_of_these_tests(kind):
    summed = CHECKSUMS[kind]()
    summed.update(b"123456789")
    assert int.from_bytes(summed.digest(), "big") == CHECK_VALUES[kind]


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_upload(store, session, framing, size):
    line = put(store, session, size, framing)
    if framing.startswith(("chunks", "trailer")):
        assert line["framing"].startswith("STREAMING"), "AWS gets it as it was sent"


@pytest.mark.parametrize("size", SMALL)
def test_download(session, size):
    assert get(session, size) == (size, sha256_of(content(size)))


@pytest.mark.parametrize("framing", ["trailer", "chunks-trailer"])
@pytest.mark.parametrize("kind", CHECKSUMS)
def test_a_checksum_behind_the_body(store, gateway, session, framing, kind):
    line = put(store, session, 200_000, framing, checksum=kind)
    summed = CHECKSUMS[kind]()
    for block in content(200_000):
        summed.update(block)
    assert line["trailer"] == {f"x-amz-checksum-{kind}": base64.b64encode(summed.digest()).decode()}


@pytest.mark.parametrize("size", [100, 200_000])
@pytest.mark.parametrize("framing", ["trailer", "trailer-chunked", "chunks-trailer"])
@pytest.mark.parametrize("kind", CHECKSUMS)
def test_a_wrong_checksum_behind_the_body(store, session, framing, kind, size):
    target = f"/framed/wrong-{framing}-{kind}-{size}"
    status, told = Upload(session.env(), target, size, framing, kind, wrong=True).send()
    assert status == 400 and b"BadDigest" in told
    assert all("wrong" in line for line in store.lines(target)), "nothing is stored"


@pytest.mark.parametrize(
    "framing,size",
    [pytest.param(framing, LARGE, marks=[] if framing in ("trailer-chunked", "chunks") else [pytest.mark.full]) for framing in FRAMINGS]
    + [pytest.param(framing, HUGE, marks=pytest.mark.full) for framing in FRAMINGS],
)
def test_large_upload(store, apart, framing, size):
    started = time.monotonic()
    put(store, apart.session(), size, framing)
    tell(apart, f"PUT {framing}", size, started)


@pytest.mark.parametrize("size", [LARGE, pytest.param(HUGE, marks=pytest.mark.full)])
def test_large_download(apart, size):
    started = time.monotonic()
    assert get(apart.session(), size) == (size, sha256_of(content(size)))
    tell(apart, "GET", size, started)


def tell(gateway, what, size, started):
    peaks = {process: peak_mib(gateway.pid_of(process)) for process in ("boundary", "recorder", "signer")}
    shown = ", ".join(f"{process} {peak:.0f} MiB" for process, peak in peaks.items())
    print(f"{what} of {size >> 20} MiB: {size / 1e6 / (time.monotonic() - started):.0f} MB/s; peaks {shown}")
    assert peaks["boundary"] < GATEWAY_MIB_MAX
