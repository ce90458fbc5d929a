"""The zoo: one task list, done by every client as its users would, with nothing but its environment set.

`zoo.py NAME` does it with one client and prints one JSON list of {"step", "result"}. ZOO_BUCKET, ZOO_TABLE, ZOO_QUEUE and
ZOO_FILE say on what; AWS_ENDPOINT_URL, or else HTTPS_PROXY, says where. Retries are as each client has them.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from urllib.parse import quote

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent)]

from harness.processes import AWS_DEBIAN, AWS_PYPI, BUILD, NODE, NODE_MODULES, PYTHON  # noqa: E402

COMPILED = BUILD / "zoo"
REGION = "us-east-1"
KEY = "dir/a b+c.txt"
EVERYTHING = ["identity", "put", "get", "multipart", "list", "delete", "denied object", "query", "denied table", "message"]
OBJECTS = [step for step in EVERYTHING if step not in ("identity", "query", "denied table", "message")]
MODES = ["endpoint", "proxy"]


class Program:
    """A client in a file of its own, in its own language."""

    def __init__(self, *command, steps=None, modes=None, **env):
        self.command, self.steps, self.modes = [str(word) for word in command], steps or EVERYTHING, modes or MODES
        self.env = {name: str(value) for name, value in env.items()}

    def perform(self):
        done = subprocess.run(self.command, env=os.environ | self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.command[-1]}: {done.stderr[-4000:]}")
        return json.loads(done.stdout)


class Tool:
    """A client of the command line: a method a step. A refusal is what it prints when it fails."""

    modes, steps = MODES, EVERYTHING

    def perform(self):
        self.bucket, self.table = os.environ["ZOO_BUCKET"], os.environ["ZOO_TABLE"]
        self.endpoint = os.environ.get("AWS_ENDPOINT_URL")
        with tempfile.TemporaryDirectory() as folder:
            self.folder = pathlib.Path(folder)
            self.small = self.folder / "small"
            self.small.write_text("hello")
            return [{"step": step, "result": getattr(self, step.replace(" ", "_"))()} for step in self.steps]

    def ok(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, arguments))}: {done.returncode}: {done.stdout + done.stderr}"[-4000:])
        return done.stdout

    def denied(self, *arguments):
        done = self.run(*arguments)
        found = re.search(r"AccessDenied(Exception)?", done.stdout + done.stderr)
        if done.returncode == 0 or not found:
            raise RuntimeError(f"{' '.join(map(str, arguments))} was not denied: {done.stdout + done.stderr}"[-4000:])
        return {"code": found.group(0)}

    def run(self, *arguments):
        command = [str(word) for word in [*self.start(), *arguments]]
        return subprocess.run(command, env=os.environ | self.more_env(), capture_output=True, text=True)

    def more_env(self):
        return {}

    def large(self, *download):
        """SHA-256 of the large file as it came back."""
        back = self.folder / "back"
        self.ok(*download, back)
        return hashlib.sha256(back.read_bytes()).hexdigest()


class Cli(Tool):
    def __init__(self, program):
        self.program = program

    def start(self):
        # Older versions do not know the variable.
        return [self.program, *(["--endpoint-url", self.endpoint] if self.endpoint else [])]

    def identity(self):
        return json.loads(self.ok("sts", "get-caller-identity", "--output", "json"))["Account"]

    def put(self):
        self.ok("s3", "cp", self.small, f"s3://{self.bucket}/{KEY}")
        return "stored"

    def get(self):
        return self.ok("s3", "cp", f"s3://{self.bucket}/{KEY}", "-")

    def multipart(self):
        self.ok("s3", "cp", os.environ["ZOO_FILE"], f"s3://{self.bucket}/dir/large")
        return self.large("s3", "cp", f"s3://{self.bucket}/dir/large")

    def list(self):
        query = ["--bucket", self.bucket, "--prefix", "dir/", "--output", "json", "--query", "Contents[].Key"]
        return json.loads(self.ok("s3api", "list-objects-v2", *query))

    def delete(self):
        self.ok("s3", "rm", f"s3://{self.bucket}/dir/large")
        return self.list()

    def denied_object(self):
        return self.denied("s3", "cp", self.small, f"s3://{self.bucket}/closed/x")

    def query(self):
        item = {"id": {"S": "1"}, "n": {"N": "5"}, "t": {"S": "Zürich ☃"}}
        table = ["--table-name", self.table]
        self.ok("dynamodb", "put-item", *table, "--item", json.dumps(item))
        values = ["--expression-attribute-values", '{":i": {"S": "1"}}', "--output", "json"]
        found = self.ok("dynamodb", "query", *table, "--key-condition-expression", "id = :i", *values)
        first = json.loads(found)["Items"][0]
        return [first["n"]["N"], first["t"]["S"]]

    def denied_table(self):
        return self.denied("dynamodb", "delete-table", "--table-name", self.table)

    def message(self):
        name = ["--queue-name", os.environ["ZOO_QUEUE"]]
        url = ["--queue-url", json.loads(self.ok("sqs", "get-queue-url", *name, "--output", "json"))["QueueUrl"]]
        self.ok("sqs", "send-message", *url, "--message-body", "one & <two>")
        got = json.loads(self.ok("sqs", "receive-message", *url, "--output", "json"))["Messages"][0]
        self.ok("sqs", "delete-message", *url, "--receipt-handle", got["ReceiptHandle"])
        return got["Body"]


class S3cmd(Tool):
    """It cannot log in to a proxy."""

    steps, modes = OBJECTS, ["endpoint"]

    def start(self):
        host = self.endpoint.partition("://")[2]
        keys = [f"--access_key={os.environ['AWS_ACCESS_KEY_ID']}", f"--secret_key={os.environ['AWS_SECRET_ACCESS_KEY']}",
                f"--access_token={os.environ['AWS_SESSION_TOKEN']}", f"--region={REGION}"]
        return ["s3cmd", "-c", os.devnull, *keys, f"--host={host}", f"--host-bucket={host}", "--no-ssl", "--no-progress",
                "--no-preserve", "--multipart-chunk-size-mb=5"]

    def put(self):
        self.ok("put", self.small, f"s3://{self.bucket}/{KEY}")
        return "stored"

    def get(self):
        return self.ok("get", f"s3://{self.bucket}/{KEY}", "-").removesuffix("\n")

    def multipart(self):
        self.ok("put", os.environ["ZOO_FILE"], f"s3://{self.bucket}/dir/large")
        return self.large("get", "--force", f"s3://{self.bucket}/dir/large")

    def list(self):
        return re.findall(rf"s3://{self.bucket}/(.*)", self.ok("ls", f"s3://{self.bucket}/dir/"))

    def delete(self):
        self.ok("del", f"s3://{self.bucket}/dir/large")
        return self.list()

    def denied_object(self):
        return self.denied("put", self.small, f"s3://{self.bucket}/closed/x")


class Rclone(Tool):
    """Its SDK and its transport do not agree on a ca_bundle: it must not be told one, SSL_CERT_FILE is enough."""

    steps = OBJECTS

    def start(self):
        return ["env", "-u", "AWS_CA_BUNDLE", f"AWS_CONFIG_FILE={os.devnull}", "rclone", "--config", os.devnull, "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", "--retries", "1", "--s3-no-head",
                "--ignore-times"]

    def more_env(self):
        remote = {"TYPE": "s3", "PROVIDER": "AWS", "ENV_AUTH": "true", "REGION": REGION, "NO_CHECK_BUCKET": "true"}
        if self.endpoint:
            remote |= {"ENDPOINT": self.endpoint, "PROVIDER": "Other"}
        return {f"RCLONE_CONFIG_AWS_{name}": value for name, value in remote.items()}

    def put(self):
        self.ok("copyto", self.small, f"aws:{self.bucket}/{KEY}")
        return "stored"

    def get(self):
        return self.ok("cat", f"aws:{self.bucket}/{KEY}")

    def multipart(self):
        self.ok("copyto", os.environ["ZOO_FILE"], f"aws:{self.bucket}/dir/large")
        return self.large("copyto", f"aws:{self.bucket}/dir/large")

    def list(self):
        return sorted("dir/" + name for name in self.ok("lsf", f"aws:{self.bucket}/dir").splitlines())

    def delete(self):
        self.ok("deletefile", f"aws:{self.bucket}/dir/large")
        return self.list()

    def denied_object(self):
        return self.denied("copyto", self.small, f"aws:{self.bucket}/closed/x")


class Curl(Tool):
    """`curl --aws-sigv4`, which signs the payload of what it is told to send in a variable; it has no multipart upload."""

    def start(self):
        user = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
        return ["curl", "-sS", "--fail-with-body", "--user", user, "-H", f"x-amz-security-token: {os.environ['AWS_SESSION_TOKEN']}"]

    def at(self, service, path="/"):
        host = self.endpoint or f"https://{service}.{REGION}.amazonaws.com"
        return ["--aws-sigv4", f"aws:amz:{REGION}:{service}", host + path]

    def object(self, key, hashed=b""):
        content = ["-H", f"x-amz-content-sha256: {hashlib.sha256(hashed).hexdigest()}"]
        return [*content, *self.at("s3", f"/{self.bucket}/{quote(key)}")]

    def identity(self):
        form = ["-d", "Action=GetCallerIdentity&Version=2011-06-15"]
        return re.search("<Account>(.*?)</Account>", self.ok(*form, *self.at("sts"))).group(1)

    def put(self):
        self.ok("-T", self.small, *self.object(KEY, b"hello"))
        return "stored"

    def get(self):
        return self.ok(*self.object(KEY))

    def multipart(self):
        path = pathlib.Path(os.environ["ZOO_FILE"])
        self.ok("-T", path, *self.object("dir/large", path.read_bytes()))
        return self.large(*self.object("dir/large"), "-o")

    def list(self):
        empty = ["-H", f"x-amz-content-sha256: {hashlib.sha256(b'').hexdigest()}"]
        listed = self.ok(*empty, *self.at("s3", f"/{self.bucket}?list-type=2&prefix=dir%2F"))
        return re.findall("<Key>(.*?)</Key>", listed)

    def delete(self):
        self.ok("-X", "DELETE", *self.object("dir/large"))
        return self.list()

    def denied_object(self):
        return self.denied("-T", self.small, *self.object("closed/x", b"hello"))

    def dynamodb(self, operation, parameters):
        target = ["-H", f"X-Amz-Target: DynamoDB_20120810.{operation}", "-H", "Content-Type: application/x-amz-json-1.0"]
        return ["-d", json.dumps(parameters), *target, *self.at("dynamodb")]

    def query(self):
        item = {"id": {"S": "1"}, "n": {"N": "5"}, "t": {"S": "Zürich ☃"}}
        self.ok(*self.dynamodb("PutItem", {"TableName": self.table, "Item": item}))
        condition = {"KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "1"}}}
        first = json.loads(self.ok(*self.dynamodb("Query", {"TableName": self.table, **condition})))["Items"][0]
        return [first["n"]["N"], first["t"]["S"]]

    def denied_table(self):
        return self.denied(*self.dynamodb("DeleteTable", {"TableName": self.table}))

    def sqs(self, operation, parameters):
        target = ["-H", f"X-Amz-Target: AmazonSQS.{operation}", "-H", "Content-Type: application/x-amz-json-1.0"]
        told = self.ok("-d", json.dumps(parameters), *target, *self.at("sqs"))
        return json.loads(told) if told else {}

    def message(self):
        queue = {"QueueUrl": self.sqs("GetQueueUrl", {"QueueName": os.environ["ZOO_QUEUE"]})["QueueUrl"]}
        self.sqs("SendMessage", queue | {"MessageBody": "one & <two>"})
        (got,) = self.sqs("ReceiveMessage", queue)["Messages"]
        self.sqs("DeleteMessage", queue | {"ReceiptHandle": got["ReceiptHandle"]})
        return got["Body"]


ZOO = {
    "cli-debian": Cli(AWS_DEBIAN),
    "cli-pypi": Cli(AWS_PYPI),
    "boto3": Program(PYTHON, HERE / "boto3_zoo.py"),
    # Its HTTP client heeds no proxy variable.
    "js": Program(NODE, HERE / "js_zoo.cjs", modes=["endpoint"], NODE_PATH=NODE_MODULES),
    "go": Program(COMPILED / "go_zoo"),
    # It takes the proxy for https, too, from the variable for http.
    "java": Program("java", "-Dfile.encoding=UTF-8", "-cp", f"{COMPILED}/java:{COMPILED}/java/jars/*", "Zoo",
                    **({"HTTP_PROXY": os.environ["HTTPS_PROXY"]} if "HTTPS_PROXY" in os.environ else {})),
    "rust": Program(COMPILED / "rust_zoo"),
    "ruby": Program("ruby", HERE / "ruby_zoo.rb", steps=["identity", *OBJECTS]),
    "s3cmd": S3cmd(),
    "rclone": Rclone(),
    "curl": Curl(),
}

if __name__ == "__main__":
    print(json.dumps(ZOO[sys.argv[1]].perform()))
