"""A session on record, the trail that is written beside it, and what `narrows reconcile` says of the two."""

import datetime
import gzip
import io
import json
import subprocess
import sys
import zipfile

from .emulator import ACCOUNT, Emulator
from .gateway import Connection, Gateway
from .processes import NARROWS, clean_environment
from .trail import Caller, Recorded, Trail, event, user

HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
CREATED, PASSED = "what the session created", "a role that the session passed on"


def role(name):
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


FUNCTION_ROLE = role("of-functions")
OTHER_ROLE = role("of-instances")
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


# ---- what is on record

def record(folder, scope, work, roles=()):
    """A gateway that has stopped, after `work` with it; what it recorded is in `recorded`."""
    emulator = Emulator(folder)
    for name in roles:
        emulator.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    gateway = Gateway(folder / "gateway", [Connection("all", scope, emulator.endpoint)], emulator.admin)
    gateway.start()
    gateway.session_done = work(gateway)
    assert gateway.stop() == 0
    emulator.stop()
    gateway.recorded = Recorded(gateway.records())
    return gateway


def packed_code():
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("a.py", "def h(e, c): pass")
    return code.getvalue()


def function(name, **more):
    return {"FunctionName": name, "Runtime": "python3.11", "Role": FUNCTION_ROLE, "Handler": "a.h",
            "Code": {"ZipFile": packed_code()}} | more


def number(gateway, name, which=0):
    """PART/OP of an operation on record, and the first place that it stands in."""
    found = [each for each in gateway.recorded.operations if each.name == name][which]
    return f"{found.intent.part}/{found.intent.sequence}"


# ---- the trail beside it, and what is said

def minute(when):
    return when.replace(second=0, microsecond=0)


class Written:
    """A trail of four quiet hours and the one in which the sessions worked."""

    def __init__(self, root, **options):
        self.root = root
        self.trail = Trail(root, **options)
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        for back in range(6, 2, -1):
            self.trail.log([event("ec2", "DescribeInstances", user("somebody", "AKIASOMEBODYELSE0000"),
                                  self.now - back * HOUR)], minute(self.now - back * HOUR))
            self.trail.digest(self.now - back * HOUR, self.now - (back - 1) * HOUR)

    def hour(self, *logs):
        """The events of the hour that is over, in as many logs; then its digest."""
        paths = [self.trail.log(events, minute(self.now)) for events in logs]
        self.trail.digest(self.now - 2 * HOUR, self.now + datetime.timedelta(minutes=1))
        return paths


class Said:
    def __init__(self, done):
        self.code, self.text = done.returncode, done.stdout
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert self.lines or self.code == 2, done.stderr
        self.summary = self.lines[-1] if self.lines else {}

    def of(self, kind):
        return [line for line in self.lines if line["type"] == kind]

    def findings(self):
        """(kind, what it is of), sorted."""
        return sorted((line["kind"], line.get("event") or line.get("record") or line.get("file"))
                      if line["kind"] != "differs" else ("differs", line["record"]) for line in self.of("finding"))


def reconcile(gateway, written, tmp_path, *more, data=True, keys=(), settle="0s", key=True, data_dir=None, env=None):
    public = written.trail.public_keys(tmp_path / "keys.json", *keys)
    arguments = ["reconcile", "--cloudtrail", written.root, "--data-dir", data_dir or gateway.data_dir, "--json",
                 "--settle", settle]
    arguments += ["--public-keys", public] if key else []
    arguments += ["--covers", "management", "--covers", "data"] if data else []
    return Said(gateway.command(*arguments, *more, env=env or {}))


def rewrite(path, change):
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(change(content), 6, mtime=0))


def kinds(said):
    return [kind for kind, _ in said.findings()]


def peak_mib(recorded, written, tmp_path, *more):
    """Exit code, findings and peak memory of a run."""
    public = written.trail.public_keys(tmp_path / "keys.json")
    program = ("import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE); "
               "sys.stdout.buffer.write(done.stdout); "
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, done.returncode)")
    done = subprocess.run(
        [sys.executable, "-c", program, NARROWS, "reconcile", "--cloudtrail", written.root, "--data-dir",
         recorded.data_dir, "--json", "--settle", "0s", "--public-keys", public, "--covers", "data", "--covers",
         "management", *more],
        capture_output=True, text=True, env=clean_environment(), timeout=1800)
    *lines, last = done.stdout.splitlines()
    peak, code = map(int, last.split())
    return code, [json.loads(line) for line in lines], peak


# ---- events of what sessions made

def delivered(caller):
    """As EC2 marks what an instance got from its metadata."""
    identity = caller.identity()
    identity["sessionContext"]["ec2RoleDelivery"] = "2.0"
    return identity


def scoped(caller, arn, kind="AWS::Lambda::Function"):
    return caller.identity() | {"inScopeOf": {"issuerType": kind, "credentialsIssuedTo": arn}}


def assumed_by_service(service, role, name, key_id, when):
    return event("sts", "AssumeRole", {"type": "AWSService", "invokedBy": service}, when,
                 parameters={"roleArn": role, "roleSessionName": name},
                 responseElements={"credentials": {"accessKeyId": key_id, "expiration": "x", "sessionToken": "y"}})


def run_by(identity, instance, when):
    return event("ec2", "RunInstances", identity, when, parameters={"instanceType": "t3.nano"},
                 responseElements={"requestId": "r", "instancesSet": {"items": [{"instanceId": instance}]}})


def told(said, written):
    """Of each consequence: operation, what it follows from, how far it is certain."""
    return {(line["operation"], line.get("by"), line.get("resource"), line.get("certain"), line.get("record"),
             line["count"]) for line in said.of("consequence")}


def write(recorded, root, *logs):
    written = Written(root)
    written.hour(recorded.recorded.events(), recorded.recorded.assumed(), *logs)
    return written


def assumes_for_pod(key_id, at, account="sa1", by="pods.eks.amazonaws.com", **more):
    identity = {"type": "AWSService", "invokedBy": by} if by else user("mallory", "AKIAMALLORY000000000")
    tags = {"eks-cluster-arn": "arn:aws:eks:us-east-1:1:cluster/c", "eks-cluster-name": "c", "kubernetes-namespace": "ns-a",
            "kubernetes-service-account": account, "kubernetes-pod-name": "p"}
    return event("sts", "AssumeRole", identity, at, parameters={
        "roleArn": role("of-pods"), "roleSessionName": "eks-c-p-0f1e", "durationSeconds": 21600,
        "tags": [{"key": key, "value": value} for key, value in tags.items()]},
        responseElements={"credentials": {"accessKeyId": key_id, "expiration": "x", "sessionToken": "y"}}, **more)
