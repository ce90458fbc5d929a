"""P8: clients of every kind do one task list through the gateway as they do it directly, and are on record alike."""

import collections
import concurrent.futures
import hashlib
import json
import os
import subprocess

import pytest

from clients.compared import run_directly, run_through
from clients.zoo import HERE, ZOO
from harness.emulator import ROLE_NAME
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON

BUCKET, TABLE, QUEUE = "zoo-data", "zoo-table", "zoo-queue"
LARGE = os.urandom(1 << 20) * 9
DENIED = scope(
    statement("s3:PutObject", f"arn:aws:s3:::{BUCKET}/closed/*", effect="Deny"), statement("dynamodb:DeleteTable", effect="Deny")
)
# rclone gives every object an ACL, for which an action must be named in full.
ALLOWED = scope(statement(["s3:*", "s3:PutObject", "s3:PutObjectAcl", "dynamodb:*", "sqs:*"]), *DENIED["Statement"])
# By the task list, the references of S3 and DynamoDB on denials, and the emulator's account.
EXPECTED = {
    "identity": "123456789012", "put": "stored", "get": "hello", "multipart": hashlib.sha256(LARGE).hexdigest(),
    "list": ["dir/a b+c.txt", "dir/large"], "delete": ["dir/a b+c.txt"], "denied object": {"code": "AccessDenied", "status": 403},
    "query": ["5", "Zürich ☃"], "denied table": {"code": "AccessDeniedException", "status": 400}, "message": "one & <two>",
}
IDENTITY = "sts:GetCallerIdentity"
RECORDED = {
    "identity": {IDENTITY}, "put": {"s3:PutObject"}, "get": {"s3:GetObject"}, "delete": {"s3:DeleteObject"},
    "multipart": {"s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload"},
    "query": {"dynamodb:PutItem", "dynamodb:Query"},
    "message": {"sqs:GetQueueUrl", "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"},
}
PAIRS = [pytest.param(client, mode, id=f"{client}-{mode}") for client in ZOO for mode in ZOO[client].modes]


def prepare(emulator):
    emulator.client("s3").create_bucket(Bucket=BUCKET)
    emulator.client("sqs").create_queue(QueueName=QUEUE)
    emulator.client("dynamodb").create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )


@pytest.fixture(scope="module")
def zoo_env(module_folder):
    subprocess.run(["bash", HERE / "build_zoo"], check=True)
    (module_folder / "large").write_bytes(LARGE)
    return {"ZOO_BUCKET": BUCKET, "ZOO_TABLE": TABLE, "ZOO_QUEUE": QUEUE, "ZOO_FILE": str(module_folder / "large")}


@pytest.fixture(scope="module")
def gateway(direct, behind, tmp_path_factory):
    """With an emulator behind it, and one beside it in the same state, where AWS denies by the role's own policy."""
    prepare(direct)
    direct.client("iam").put_role_policy(RoleName=ROLE_NAME, PolicyName="denied", PolicyDocument=json.dumps(DENIED))
    prepare(behind)
    made = Gateway(tmp_path_factory.mktemp("zoo"), [Connection("zoo", ALLOWED, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


def command(client):
    return [PYTHON, HERE / "zoo.py", client]


@pytest.fixture(scope="module")
def runs(request, direct, direct_env, behind, gateway, zoo_env, trust_store):
    """Of all selected clients, both ways side by side and each in order: {(client, mode): future}."""
    mine = [item.callspec.params for item in request.session.items if item.path == request.path]
    clients = dict.fromkeys(params["client"] for params in mine)
    directly, through = (concurrent.futures.ThreadPoolExecutor(1) for _ in range(2))
    made = {(client, None): directly.submit(run_directly, command(client), direct, direct_env | zoo_env) for client in clients}
    for client in clients:
        for mode in ZOO[client].modes:
            made[client, mode] = through.submit(run_through, command(client), mode, behind, gateway, zoo_env | trust_store)
    yield made
    for pool in (directly, through):
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def trust_store(gateway, module_folder):
    """Java trusts its own store of certificates only: this is made of the gateway's CA, as docs/sessions.md says."""
    (module_folder / "ca.pem").write_text(gateway.session().answer["ca_pem"])
    store = module_folder / "java.p12"
    subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "narrows", "-file", module_folder / "ca.pem", "-keystore",
                    store, "-storepass", "changeit"], check=True, capture_output=True)
    return {"JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit"}


def check(client, results):
    assert [done["step"] for done in results] == ZOO[client].steps
    for done in results:
        wanted = EXPECTED[done["step"]]
        if isinstance(wanted, dict):
            assert done["result"].items() <= wanted.items() and done["result"]["code"], done
        else:
            assert done["result"] == wanted, done["step"]


@pytest.mark.parametrize("client", ZOO)
def test_directly(runs, client):
    check(client, runs[client, None].result()[0])


@pytest.mark.parametrize("client,mode", PAIRS)
def test_same_results(runs, client, mode):
    results = runs[client, mode].result()[0]
    check(client, results)
    assert results == runs[client, None].result()[0]


@pytest.mark.parametrize("client,mode", PAIRS)
def test_recorded(runs, client, mode):
    recorded = runs[client, mode].result()[2]
    wanted = set().union(*(RECORDED.get(step, set()) for step in ZOO[client].steps))
    if client == "curl":
        wanted -= RECORDED["multipart"]
    allowed = [operation.name for operation in recorded if operation.verdict == "allow"]
    assert wanted <= set(allowed)
    outcomes = {operation.outcome for operation in recorded if operation.verdict == "allow" and operation.name != IDENTITY}
    assert outcomes == {"answered"}
    denied = [operation.intent.get("decision", "action") for operation in recorded if operation.verdict == "deny"]
    tables = ["dynamodb:DeleteTable"] if "denied table" in ZOO[client].steps else []
    assert denied == ["s3:PutObject", *tables], "each denial is asked for once"


@pytest.mark.parametrize("client", ZOO)
def test_the_same_requests_arrive(runs, client):
    """But those that the gateway answers: the identity, and what it denies. Parts of an upload come in any order."""
    direct, behind = (collections.Counter(runs[client, mode].result()[1]) for mode in (None, "endpoint"))
    direct -= collections.Counter(["PUT /zoo-data/closed/x"])
    direct -= collections.Counter(["POST"] * sum(step in ZOO[client].steps for step in ("identity", "denied table")))
    # The session's first operation needs credentials of the role.
    assert behind.pop("POST", 0) == direct.pop("POST", 0) + 1
    assert behind == direct
