"""Random requests signed by botocore and verified by Narrows, and the other way round."""

import json
import random
import subprocess
import sys
from urllib.parse import quote, urlsplit

from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ALPHABET = "abcXYZ019-._~ !'()*+,;:=@&$/%é€"
SERVICES = ["s3", "sqs", "dynamodb", "execute-api", "iam", "s3express", "lambda"]
AS_SENT = {"s3", "s3express"}


def text(rng, low, high, alphabet=ALPHABET):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(low, high)))


def random_request(rng):
    """A request as an SDK would build it: everything in its canonical percent-encoding."""
    path = "/" + quote(text(rng, 0, 20), safe="/~")
    if rng.random() < 0.3:
        path += "/../x//y/./"
    pairs = [(quote(text(rng, 1, 6), safe="~"), quote(text(rng, 0, 6), safe="~")) for _ in range(rng.randint(0, 4))]
    query = "&".join(name + "=" + value for name, value in pairs)
    if rng.random() < 0.2:
        query += "&acl" if query else "acl"
    headers = {"Host": rng.choice(["127.0.0.1:8400", "bucket.s3.eu-west-1.amazonaws.com"])}
    if rng.random() < 0.5:
        headers["Content-Type"] = "application/x-amz-json-1.0; charset=utf-8"
    for _ in range(rng.randint(0, 3)):
        headers["x-amz-meta-" + text(rng, 1, 5, "abc09")] = text(rng, 0, 12, "ab  c,;=\"'")
    if rng.random() < 0.5:
        headers["amz-sdk-request"] = "attempt=1; max=3"
    return {
        "method": rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]),
        "target": path + ("?" + query if query else ""),
        "headers": headers,
        "body": text(rng, 0, 40),
        "service": rng.choice(SERVICES),
        "region": rng.choice(["us-east-1", "eu-west-1", "us-gov-east-1"]),
        "key_id": "ASIA" + text(rng, 16, 16, "ABCDEFGH234567"),
        "secret": text(rng, 40, 40, "abcXYZ019/+"),
        "token": text(rng, 0, 60, "abcXYZ019/+=") if rng.random() < 0.7 else "",
    }


def signer(case):
    credentials = Credentials(case["key_id"], case["secret"], case["token"] or None)
    kind = S3SigV4Auth if case["service"] in AS_SENT else SigV4Auth
    return kind(credentials, case["service"], case["region"])


def aws_request(case, headers):
    url = "https://" + headers["Host"] + case["target"]
    return AWSRequest(method=case["method"], url=url, data=case["body"].encode(), headers=headers)


def target_of(url):
    parts = urlsplit(url)
    return parts.path + ("?" + parts.query if parts.query else "")


class Probe:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def signed_by_botocore(case):
    request = aws_request(case, dict(case["headers"]))
    signer(case).add_auth(request)
    return dict(case, headers=[[name, value] for name, value in request.headers.items()], target=target_of(request.url))


def check_theirs(probe, case, rng):
    signed = signed_by_botocore(case)
    question = dict(signed, do="verify")
    answer = probe.ask(question)
    if not answer["ok"]:
        return f"botocore's signature is refused: {answer['why']}"
    changed = dict(question, secret="x" + question["secret"][1:] if question["secret"][0] != "x" else "y")
    if rng.random() < 0.5:
        changed = dict(question, target=question["target"] + ("&" if "?" in question["target"] else "?") + "zz=1")
    if probe.ask(changed)["ok"]:
        return "a changed request is accepted"
    return None


def check_ours(probe, case, rng):
    date = "2026%02d%02dT%02d0000Z" % (rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23))
    payload = "UNSIGNED-PAYLOAD"
    headers = dict(case["headers"], **{"X-Amz-Content-SHA256": payload})
    question = dict(case, do="sign", date=date, payload=payload, headers=[[n, v] for n, v in headers.items()])
    answer = probe.ask(question)
    if not answer["ok"]:
        return f"not signed: {answer['why']}"
    added = {name.lower(): value for name, value in answer["headers"]}
    request = aws_request(case, dict(headers, **{"X-Amz-Date": added["x-amz-date"]}))
    if case["token"]:
        request.headers["X-Amz-Security-Token"] = added["x-amz-security-token"]
    request.context["timestamp"] = date
    theirs = signer(case)
    string_to_sign = theirs.string_to_sign(request, theirs.canonical_request(request))
    signature = theirs.signature(string_to_sign, request)
    if not added["authorization"].endswith("Signature=" + signature):
        return "botocore makes another signature:\n" + theirs.canonical_request(request)
    return None


def presigned_by_botocore(case, v2):
    """As a URL: V4 of every service, V2 of S3's. What a client does not move into the query stays a header."""
    credentials = Credentials(case["key_id"], case["secret"], case["token"] or None)
    # V2 signs only some query keys, and the rest must not be there.
    target = case["target"].split("?")[0] + "?versionId=a%20b&uploads" if v2 else case["target"]
    case = dict(case, body="" if v2 or case["service"] in AS_SENT else case["body"], target=target)
    request = aws_request(case, dict(case["headers"]))
    if v2:
        HmacV1QueryAuth(credentials, 300).add_auth(request)
    else:
        kind = S3SigV4QueryAuth if case["service"] in AS_SENT else SigV4QueryAuth
        request.data = None  # a body with form fields would move into the query
        case = dict(case, body="")
        kind(credentials, case["service"], case["region"], expires=300).add_auth(request)
    moved = ("date", "content-type", "content-md5", "x-amz-") if v2 else ()
    headers = [[name, value] for name, value in request.headers.items() if not name.lower().startswith(moved)]
    return dict(case, headers=headers, target=target_of(request.url))


def check_presigned(probe, case, rng):
    signed = presigned_by_botocore(case, rng.random() < 0.5)
    question = dict(signed, do="verify-query")
    answer = probe.ask(question)
    if not answer["ok"]:
        return f"botocore's URL is refused: {answer['why']}\n{question['target']}"
    changes = [dict(question, secret="x" + question["secret"][1:] + "y"), dict(question, method="PATCH"),
               dict(question, target=question["target"].replace("?", "x?", 1)),
               dict(question, target=question["target"] + "&acl")]
    if probe.ask(rng.choice(changes))["ok"]:
        return f"a changed URL is accepted: {question['target']}"
    return None


def check_presigned_by_us(probe, case, rng):
    date = "2026%02d%02dT%02d0000Z" % (rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23))
    case = dict(case, service="s3", target=case["target"].split("?")[0], headers={"Host": case["headers"]["Host"]})
    question = dict(case, do="presign", date=date, expires=60, headers=[["Host", case["headers"]["Host"]]])
    answer = probe.ask(question)
    target, _, signature = answer["target"].rpartition("&X-Amz-Signature=")
    request = aws_request(dict(case, target=target), case["headers"])
    request.context["timestamp"] = date
    theirs = S3SigV4QueryAuth(Credentials(case["key_id"], case["secret"]), "s3", case["region"])
    if theirs.signature(theirs.string_to_sign(request, theirs.canonical_request(request)), request) != signature:
        return "botocore signs this URL otherwise:\n" + theirs.canonical_request(request)
    return None


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    probe = Probe(sys.argv[1])
    for number in range(count):
        case = random_request(rng)
        for check in (check_theirs, check_ours, check_presigned, check_presigned_by_us):
            problem = check(probe, case, rng)
            if problem:
                print(f"request {number} of seed {seed}: {problem}\n{json.dumps(case)}", file=sys.stderr)
                return 1
    print(f"{count} requests signed and verified both ways, seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
