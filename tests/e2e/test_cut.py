"""The end of a session cuts what is in flight within a second, both ways, and the record says what happened."""

import base64
import datetime
import http.client
import threading
import time

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.gateway import Connection, Gateway, digest, new_key, scope, statement
from harness.processes import wait_until
from harness.upstream import StrictUpstream

ALLOWED = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::burst/*"))
SECOND = 1_000_000_000
PIECE, PAUSE_S, WHOLE = bytes(64 * 1024), 0.02, 1 << 30


@pytest.fixture(scope="module")
def reviewer_key():
    return new_key("nrw_launcher_")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    made = StrictUpstream(tmp_path_factory.mktemp("upstream"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, reviewer_key, tmp_path_factory):
    more = f'[[reviewer]]\nid = "on-call"\nkey_sha256 = "{digest(reviewer_key)}"\n'
    connections = [Connection("burst", ALLOWED, upstream.endpoint)]
    made = Gateway(tmp_path_factory.mktemp("gateway"), connections, upstream.admin, more=more)
    yield made.start()
    made.stop()


class Transfer(threading.Thread):
    """A signed request whose body takes minutes, down or up; `over` is when it broke off."""

    def __init__(self, gateway, session, method, target):
        super().__init__(daemon=True)
        self.gateway, self.session, self.method, self.target = gateway, session, method, target
        self.bytes, self.over, self.whole = 0, None, False

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.agents_port, timeout=30)
        try:
            connection.putrequest(self.method, self.target, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers().items():
                connection.putheader(name, value)
            connection.endheaders()
            self.send(connection) if self.method == "PUT" else self.receive(connection)
            self.whole = self.bytes == WHOLE
        except (OSError, http.client.HTTPException):
            pass
        finally:
            self.over = time.time_ns()
            connection.close()

    def headers(self):
        found = self.session.credentials()
        request = AWSRequest(self.method, self.gateway.agents_url + self.target)
        request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
        signer = S3SigV4Auth(Credentials(found.key_id, found.secret, found.token), "s3", "us-east-1")
        signer.payload = lambda _: "UNSIGNED-PAYLOAD"
        signer.add_auth(request)
        length = {"Content-Length": str(WHOLE)} if self.method == "PUT" else {}
        return {"Host": f"127.0.0.1:{self.gateway.agents_port}"} | dict(request.headers.items()) | length

    def send(self, connection):
        while self.bytes < WHOLE:
            connection.send(PIECE)
            self.bytes += len(PIECE)
            time.sleep(PAUSE_S)

    def receive(self, connection):
        answer = connection.getresponse()
        while piece := answer.read(len(PIECE)):
            self.bytes += len(piece)


def in_flight(gateway, session, upstream, name):
    """A download and an upload that have begun, at the agent and upstream."""
    transfers = [Transfer(gateway, session, "GET", f"/burst/slow-{name}"), Transfer(gateway, session, "PUT", f"/burst/up-{name}")]
    for transfer in transfers:
        transfer.start()
    targets = {transfer.target for transfer in transfers}
    wait_until(lambda: targets <= set(upstream.count_by_target()), 10, "both transfers upstream")
    wait_until(lambda: min(transfer.bytes for transfer in transfers) > 4 * len(PIECE), 10, "bytes both ways")
    return transfers


def check_cut(gateway, session, upstream, transfers, since, reason):
    for transfer in transfers:
        transfer.join(60)
        assert transfer.over and not transfer.whole
        assert transfer.over - since < SECOND, transfer.target
    cuts = wait_until(lambda: {t.target for t in transfers} <= set(upstream.cuts()) and upstream.cuts(), 5, "cuts upstream")
    assert max(cuts[transfer.target] for transfer in transfers) - since < SECOND
    close = wait_until(lambda: gateway.records(session).of_kind("close"), 5, "CLOSE")[0]
    assert close.get("reason") == reason and nanoseconds(close.time) - since < SECOND
    operations = {op.target: op for op in gateway.records(session).operations()}
    download, upload = (operations[transfer.target] for transfer in transfers)
    assert (download.outcome, upload.outcome) == ("cut", "unknown")
    assert reason in download.of_kind("result")[0].get("why") and reason in upload.of_kind("unknown")[0].get("why")
    # What the agent has is on record; what is on record of the upload is no more than it sent.
    assert download.of_kind("result")[0].get("bytes_response") >= transfers[0].bytes
    assert 0 < body_bytes(upload) <= transfers[1].bytes
    assert gateway.verify().returncode == 0


def nanoseconds(text):
    return int(datetime.datetime.fromisoformat(text).timestamp() * SECOND)


def body_bytes(operation):
    return sum(len(base64.b64decode(record.get("bytes", default=""))) for record in operation.of_kind("body"))


def test_a_reviewer_s_kill_cuts_both_ways(gateway, upstream, reviewer_key):
    session = gateway.session()
    transfers = in_flight(gateway, session, upstream, "killed")
    since = time.time_ns()
    assert gateway.api("POST", f"/v1/sessions/{session.id}/kill", {}, key=reviewer_key).status_code == 200
    check_cut(gateway, session, upstream, transfers, since, "killed")
    closed = gateway.records(session).of_kind("close")[0]
    assert closed.get("by") == "on-call"


def test_expiry_cuts_both_ways(gateway, upstream):
    session = gateway.session(lifetime_s=8)
    expires = next(r for r in gateway.records(session).of_kind("open")).get("expires_at")
    transfers = in_flight(gateway, session, upstream, "expired")
    check_cut(gateway, session, upstream, transfers, expires, "expired")
    assert min(transfer.over for transfer in transfers) >= expires
