"""Presigned URLs inside requests, as SDKs make them for copies from another region: an upstream checks both signatures with botocore."""

import json
import re
import subprocess
import time
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError

from harness.emulator import ACCOUNT, Credentials
from harness.gateway import Connection, Gateway, scope, statement
from harness.giving import Giving
from harness.processes import PYTHON, ROOT

HERE, THERE, ELSEWHERE = "us-east-1", "eu-west-1", "ap-south-1"
SDK_CLIENT = ROOT / "tests" / "e2e" / "sdk_client.cjs"
ACTIONS = [
    "ec2:CopySnapshot", "rds:CopyDBSnapshot", "rds:CopyDBClusterSnapshot", "rds:CreateDBCluster", "rds:CreateDBInstance",
    "rds:CreateDBInstanceReadReplica", "rds:StartDBInstanceAutomatedBackupsReplication",
]
SOURCE = f"arn:aws:rds:{THERE}:{ACCOUNT}:"
COPIES = {
    "copy_db_snapshot": {"SourceDBSnapshotIdentifier": SOURCE + "snapshot:a", "TargetDBSnapshotIdentifier": "b"},
    "copy_db_cluster_snapshot": {
        "SourceDBClusterSnapshotIdentifier": SOURCE + "cluster-snapshot:a", "TargetDBClusterSnapshotIdentifier": "b c+"},
    "create_db_instance_read_replica": {
        "DBInstanceIdentifier": "b", "SourceDBInstanceIdentifier": SOURCE + "db:a", "Tags": [{"Key": "k", "Value": "v"}]},
    "start_db_instance_automated_backups_replication": {"SourceDBInstanceArn": SOURCE + "db:a"},
    "create_db_cluster": {
        "DBClusterIdentifier": "b", "Engine": "aurora-mysql", "ReplicationSourceIdentifier": SOURCE + "cluster:a"},
}


class Copying(Giving):
    """Takes copies whose URL is signed by the same credentials, for the region of its host, and names it and this one."""

    def __init__(self, folder):
        super().__init__(folder)
        self.copies = []

    def answer(self, method, target, headers, body, request_id):
        status, content, extra = super().answer(method, target, headers, body, request_id)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()} if method == "POST" else {}
        url = form.get("PresignedUrl", form.get("PreSignedUrl"))
        action = form.get("Action", "AssumeRole")
        if status != "200 OK" or action == "AssumeRole":
            return status, content, extra
        why = url and self.why_wrong(form, url, self.seen[-1][2])
        if why:
            self.wrong.append((action, url, why))
            return "403 Forbidden", f"<Error><Code>AuthFailure</Code><Message>{why}</Message></Error>".encode(), {}
        self.copies += [(form, url)] if url else []
        inside = "<snapshotId>snap-copied</snapshotId>" if action == "CopySnapshot" else f"<{action}Result/>"
        return "200 OK", f"<{action}Response>{inside}</{action}Response>".encode(), {"Content-Type": "text/xml"}

    def why_wrong(self, form, url, key):
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        key_id, day, region, service, _ = query["X-Amz-Credential"].split("/")
        given = self.given.get(key_id)
        if key_id != key or not given or query["X-Amz-Security-Token"] != given.credentials.token:
            return "another credential"
        if parts.scheme != "https" or parts.netloc not in (f"{service}.{region}.amazonaws.com", f"{service}.{region}.api.aws"):
            return f"the host is {parts.netloc}"
        asked = (query["Action"], query.get("DestinationRegion"), int(query["X-Amz-Expires"]) <= 3600)
        if asked != (form["Action"], HERE, True) or query["X-Amz-Date"][:8] != day:
            return f"it says {query}"
        request = AWSRequest("GET", url=re.sub("&X-Amz-Signature=[0-9a-f]{64}$", "", url))
        request.context["timestamp"] = query["X-Amz-Date"]
        signer = SigV4Auth(BotoCredentials(key_id, given.credentials.secret), service, region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return None if signer.signature(text, request) == query["X-Amz-Signature"] else "the signature"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    made = Copying(tmp_path_factory.mktemp("copying"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gateway(upstream, tmp_path_factory):
    one_region = statement(ACTIONS, Condition={"StringEquals": {"aws:RequestedRegion": HERE}})
    connections = [
        Connection("both", scope(statement(ACTIONS)), upstream.endpoint, more_regions=(THERE,)),
        Connection("here", scope(one_region), upstream.endpoint, more_regions=(THERE,)),
        Connection("alone", scope(statement(ACTIONS)), upstream.endpoint),
    ]
    made = Gateway(tmp_path_factory.mktemp("gateway"), connections, upstream.admin)
    yield made.start()
    made.stop()


@pytest.fixture
def session(gateway, upstream):
    upstream.copies.clear()
    upstream.wrong.clear()
    return gateway.session()


def boto(session, service, connection="both", region=HERE, **config):
    found = session.credentials(connection)
    return boto3.client(
        service, region_name=region, endpoint_url=session.agents_url, aws_access_key_id=found.key_id,
        aws_secret_access_key=found.secret, aws_session_token=found.token,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def copy(client, **more):
    return client.copy_snapshot(SourceRegion=THERE, SourceSnapshotId="snap-1", Description="a b+c", **more)


def last(gateway, session):
    return gateway.records(session).operations()[-1]


def carried(operation):
    return operation.intent.get("derived", "carried")


def signed(credentials, action="CopySnapshot", expires=600, service="ec2", region=THERE, host=None, scheme="https", **fields):
    """A URL as SDKs make it, of any credentials."""
    asked = {"Action": action, "Version": "2016-11-15", "SourceRegion": THERE, "SourceSnapshotId": "snap-1",
             "DestinationRegion": HERE} | fields
    url = f"{scheme}://{host or f'ec2.{region}.amazonaws.com'}/?{urlencode(asked, quote_via=quote)}"
    request = AWSRequest("GET", url)
    given = BotoCredentials(credentials.key_id, credentials.secret, credentials.token or None)
    SigV4QueryAuth(given, service, region, expires=expires).add_auth(request)
    return request.url


def refused(gateway, upstream, session, url, connection="both"):
    """The sentence with which a copy that carries the URL is refused, and its record."""
    with pytest.raises(ClientError) as error:
        copy(boto(session, "ec2", connection), PresignedUrl=url)
    asked = last(gateway, session)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert (asked.verdict, asked.name, upstream.copies, upstream.wrong) == ("deny", "ec2:CopySnapshot", [], [])
    why = asked.intent.get("decision", "why")
    assert why in error.value.response["Error"]["Message"]
    return why, asked


def test_a_snapshot_of_another_region(gateway, upstream, session):
    assert copy(boto(session, "ec2"))["SnapshotId"] == "snap-copied"
    assert upstream.wrong == []
    ((form, url),) = upstream.copies
    assert (form["SourceRegion"], form["DestinationRegion"], form["Description"]) == (THERE, HERE, "a b+c")
    asked = parse_qs(urlsplit(url).query)
    assert (asked["SourceSnapshotId"], asked["Description"]) == (["snap-1"], ["a b+c"])
    done = last(gateway, session)
    assert (done.name, done.outcome) == ("ec2:CopySnapshot", "answered")
    inside = carried(done)
    assert (inside["parameter"], inside["region"], inside["host"]) == ("PresignedUrl", THERE, f"ec2.{THERE}.amazonaws.com")
    assert inside["parameters"]["SourceSnapshotId"] == "snap-1" and inside["parameters"]["DestinationRegion"] == HERE
    arns = [resource["arn"] for access in inside["access"] for resource in access["resources"]]
    assert arns and all(f":ec2:{THERE}:" in arn for arn in arns)
    assert f"Of the URL in PresignedUrl: ec2:CopySnapshot on arn:aws:ec2:{THERE}:" in done.intent.get("decision", "why")


def test_nobody_can_use_what_is_on_record(gateway, upstream, session):
    copy(boto(session, "ec2"))
    ((_, url),) = upstream.copies
    text = json.dumps([record.body for record in gateway.records(session).records])
    query = parse_qs(urlsplit(url).query)
    for value in (query["X-Amz-Signature"][0], query["X-Amz-Security-Token"][0], session.credentials("both").token):
        assert value not in text and quote(value, safe="") not in text
    assert text.count("X-Amz-Signature=withheld, hmac ") == 2  # the agent's in INTENT, AWS's in SENT
    assert gateway.verify().returncode == 0


@pytest.mark.parametrize("operation", COPIES)
def test_of_databases(gateway, upstream, session, operation):
    getattr(boto(session, "rds"), operation)(SourceRegion=THERE, **COPIES[operation])
    assert upstream.wrong == []
    ((form, url),) = upstream.copies
    assert urlsplit(url).netloc == f"rds.{THERE}.amazonaws.com" and "SourceRegion" not in form
    inside = carried(last(gateway, session))
    assert (inside["parameter"], inside["operation"]) == ("PreSignedUrl", form["Action"])
    name, value = next(iter(COPIES[operation].items()))
    assert inside["parameters"][name] == value


@pytest.mark.parametrize("service", ["neptune", "docdb"])
def test_of_services_that_share_an_api(gateway, upstream, session, service):
    boto(session, service).copy_db_cluster_snapshot(SourceRegion=THERE, **COPIES["copy_db_cluster_snapshot"])
    assert (upstream.wrong, len(upstream.copies)) == ([], 1)


def by_javascript(session, **asked):
    """What the SDK for JavaScript printed."""
    env = session.env("both") | {"NODE_PATH": str(ROOT / "build" / "node" / "node_modules")}
    done = subprocess.run([ROOT / "build/venv/bin/node", SDK_CLIENT], input=json.dumps(asked), capture_output=True, text=True,
                          timeout=60, env=env)
    return done.stdout + done.stderr


def test_by_the_sdk_for_javascript(gateway, upstream, session):
    asked = {"SourceRegion": THERE, "SourceSnapshotId": "snap-1", "Description": "a b+c", "Encrypted": True}
    told = by_javascript(session, package="@aws-sdk/client-ec2", client="EC2Client", command="CopySnapshotCommand", input=asked)
    assert '"snap-copied"' in told
    assert upstream.wrong == [] and carried(last(gateway, session))["parameters"]["Encrypted"] is True


@pytest.mark.parametrize("key", [{}, {"KmsKeyId": f"arn:aws:kms:{HERE}:{ACCOUNT}:key/k"}], ids=["unencrypted", "encrypted"])
@pytest.mark.parametrize("operation", COPIES)
def test_of_databases_by_the_sdk_for_javascript(gateway, upstream, session, operation, key):
    """Its URL says less than boto3's: what is copied and where to, not what the copy is called. Without a KMS key it has
    KmsKeyId with no value, which it did not sign."""
    action = boto(session, "rds").meta.method_to_api_mapping[operation]
    told = by_javascript(session, package="@aws-sdk/client-rds", client="RDSClient", command=f"{action}Command",
                         input=COPIES[operation] | key)
    assert '"status":200' in told
    assert upstream.wrong == []
    ((form, url),) = upstream.copies
    assert form["Action"] == action and urlsplit(url).netloc == f"rds.{THERE}.amazonaws.com"
    inside = carried(last(gateway, session))
    assert (inside["parameter"], inside["operation"], inside["region"]) == ("PreSignedUrl", action, THERE)
    (source,) = [name for name in COPIES[operation] if "Source" in name]
    assert inside["parameters"] == {source: COPIES[operation][source]} | key
    assert parse_qs(urlsplit(url).query).get("KmsKeyId", []) == list(key.values())


@pytest.mark.parametrize("dual", [False, True])
def test_through_the_proxy(gateway, upstream, session, dual):
    code = (
        "import boto3; from botocore.config import Config; "
        f"ec2 = boto3.client('ec2', region_name='{HERE}', config=Config(use_dualstack_endpoint={dual})); "
        f"print(ec2.copy_snapshot(SourceRegion='{THERE}', SourceSnapshotId='snap-1')['SnapshotId'])"
    )
    command = ["env", "-u", "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", PYTHON, "-c", code]
    done = gateway.run(*map(str, command), connection="both")
    assert done.stdout.strip().endswith("snap-copied"), done.stderr
    ((_, url),) = upstream.copies
    assert urlsplit(url).netloc == f"ec2.{THERE}.{'api.aws' if dual else 'amazonaws.com'}"


def test_the_scope_must_allow_it_there_too(gateway, upstream, session):
    with pytest.raises(ClientError, match="because no session policy allows the ec2:CopySnapshot action"):
        copy(boto(session, "ec2", "here"))
    asked = last(gateway, session)
    assert (asked.verdict, asked.reason, upstream.copies) == ("deny", "implicit-deny", [])
    assert asked.intent.get("decision", "why").startswith("Of the URL in PresignedUrl: ec2:CopySnapshot on ")
    assert f":ec2:{THERE}:" in asked.intent.get("decision", "resource") and carried(asked)["region"] == THERE
    with pytest.raises(ClientError):
        boto(session, "rds", "here").copy_db_snapshot(SourceRegion=THERE, **COPIES["copy_db_snapshot"])
    boto(session, "rds", "here").copy_db_snapshot(**COPIES["copy_db_snapshot"])  # carries none
    assert last(gateway, session).verdict == "allow"


def test_the_connection_must_lead_there(gateway, upstream, session):
    with pytest.raises(ClientError, match="connection alone does not lead to its region eu-west-1"):
        copy(boto(session, "ec2", "alone"))
    assert (last(gateway, session).reason, upstream.copies) == ("not-configured", [])


def test_another_key_would_go_around_the_scope(gateway, upstream, session):
    key = Credentials("AKIASOMEBODYELSES000", "a-secret-of-somebody-elses-account-00000", "their-token")
    others = [key, gateway.session().credentials("both"), session.credentials("alone")]
    for each in others:
        why, asked = refused(gateway, upstream, session, signed(each))
        assert each.key_id in why and asked.reason == "not-authenticated"
        assert each.token not in json.dumps(asked.intent.body)
    own = session.credentials("both")
    forged = Credentials(own.key_id, key.secret, own.token)
    why, asked = refused(gateway, upstream, session, signed(forged))
    assert "signature" in why and asked.reason == "not-authenticated"


def test_what_the_url_says_must_fit(gateway, upstream, session):
    own = session.credentials("both")
    good = signed(own)
    spoiled = {
        "asks for DeleteSnapshot": signed(own, "DeleteSnapshot"),
        "SourceRegion": signed(own, SourceRegion=ELSEWHERE),
        "DestinationRegion": signed(own, DestinationRegion=ELSEWHERE),
        "does not declare": signed(own, AndMore="1"),
        "another URL in turn": signed(own, PresignedUrl=good),
        "does not lead to its region": signed(own, region=ELSEWHERE, SourceRegion=ELSEWHERE),
        "host": signed(own, host=f"ec2.{HERE}.amazonaws.com"),
        "set of regions or for another service": signed(own, service="rds", host=f"rds.{THERE}.amazonaws.com"),
        "X-Amz-Algorithm": f"https://ec2.{THERE}.amazonaws.com/?Action=CopySnapshot",
        "the presigned URL": "not a url",
        "path": signed(own).replace("/?", "/x?"),
    }
    for words, url in spoiled.items():
        why, _ = refused(gateway, upstream, session, url)
        assert words in why or (words == "path" and "signature" in why), why
    for other in (good.replace("snap-1", "snap-2"), good + "&Encrypted=true", good + "&Encrypted="):
        why, _ = refused(gateway, upstream, session, other)
        assert "signature" in why
    why, _ = refused(gateway, upstream, session, signed(own, host="elsewhere.example.com"))
    assert "host" in why


def test_a_key_that_has_no_value_and_was_not_signed_says_nothing(gateway, upstream, session):
    copy(boto(session, "ec2"), PresignedUrl=signed(session.credentials("both")) + "&Encrypted")
    ((_, url),) = upstream.copies
    assert "Encrypted" not in carried(last(gateway, session))["parameters"] and "Encrypted" not in url


def test_not_after_its_time(gateway, upstream, session):
    late = signed(session.credentials("both"), expires=1)
    time.sleep(2)
    why, asked = refused(gateway, upstream, session, late)
    assert "is valid from" in why and asked.reason == "not-authenticated"


def test_a_url_of_the_agents_own_making_lives_no_longer_than_an_hour(upstream, session):
    copy(boto(session, "ec2"), PresignedUrl=signed(session.credentials("both"), expires=7 * 24 * 3600))
    copy(boto(session, "ec2"), PresignedUrl=signed(session.credentials("both"), expires=60))
    assert [parse_qs(urlsplit(url).query)["X-Amz-Expires"] for _, url in upstream.copies] == [["3600"], ["60"]]


def test_only_in_a_form(gateway, upstream, session):
    found = session.credentials("both")
    asked = {"Action": "CopySnapshot", "Version": "2016-11-15", "SourceRegion": THERE, "SourceSnapshotId": "snap-1",
             "PresignedUrl": signed(found)}
    request = AWSRequest("GET", f"{session.agents_url}/?{urlencode(asked, quote_via=quote)}")
    SigV4Auth(BotoCredentials(found.key_id, found.secret, found.token), "ec2", HERE).add_auth(request)
    answer = requests.get(request.url, headers=dict(request.headers), timeout=30)
    assert answer.status_code == 403 and "send it by POST" in answer.text
    assert upstream.copies == [] and found.token not in json.dumps(last(gateway, session).intent.body)


def test_a_gateway_whose_name_has_a_region(gateway, upstream, session):
    found = session.credentials("both")
    for region, status in ((THERE, 200), (ELSEWHERE, 403)):
        inside = signed(found, host=f"gw.{region}.internal.example:{gateway.agents_port}", scheme="http")
        form = urlencode({"Action": "CopySnapshot", "Version": "2016-11-15", "SourceSnapshotId": "snap-1", "SourceRegion": THERE,
                          "PresignedUrl": inside})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = AWSRequest("POST", f"http://gw.{HERE}.internal.example:{gateway.agents_port}/", headers, form.encode())
        SigV4Auth(BotoCredentials(found.key_id, found.secret, found.token), "ec2", HERE).add_auth(request)
        sent = dict(request.headers) | {"Host": f"gw.{HERE}.internal.example:{gateway.agents_port}"}
        answer = requests.post(session.agents_url + "/", data=form, headers=sent, timeout=30)
        assert answer.status_code == status, answer.text
    assert (upstream.wrong, len(upstream.copies)) == ([], 1)


def test_a_reviewer_sees_it_and_scopes_are_suggested_and_tried_with_it(gateway, session, tmp_path):
    copy(boto(session, "ec2"))
    data = ("--data-dir", gateway.data_dir)
    shown = gateway.command("recording", "show", *data, session.id).stdout
    assert re.search(f"carries +in PresignedUrl, for {THERE}: ec2:CopySnapshot on arn:aws:ec2:{THERE}::snapshot/", shown)
    suggested = gateway.command("scope", "suggest", *data, "--session", session.id)
    assert f"arn:aws:ec2:{THERE}::snapshot/" in suggested.stdout and f"arn:aws:ec2:{HERE}::snapshot/" in suggested.stdout
    tried = tmp_path / "tried.json"
    for regions, change in (([HERE, THERE], "unchanged"), ([HERE], "allowed-to-denied")):
        tried.write_text(json.dumps(scope(statement(ACTIONS, Condition={"StringEquals": {"aws:RequestedRegion": regions}}))))
        done = gateway.command("scope", "simulate", "--json", *data, tried, "--session", session.id)
        assert f'"{change}"' in done.stdout, done.stdout + done.stderr
