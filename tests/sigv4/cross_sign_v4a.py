"""Random requests signed with SigV4A by AWS's C library and by smithy's JavaScript and verified by Narrows, and the other
way round by `cryptography`."""

import datetime
import json
import random
import subprocess
import sys
from pathlib import Path

from awscrt import auth, http

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(Path(__file__).parent)]

from cross_sign import AS_SENT, Probe, random_request  # noqa: E402
from harness import sigv4a  # noqa: E402

SETS = ["us-east-1", "*", "us-east-1,eu-west-1", "us-*"]


def signed_by_crt(case, query):
    """By aws-c-auth, in headers or in the query."""
    headers = http.HttpHeaders()
    for name, value in case["headers"].items():
        headers.add(name, value)
    request = http.HttpRequest(case["method"], case["target"], headers)
    kind = auth.AwsSignatureType
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4_ASYMMETRIC,
        signature_type=kind.HTTP_REQUEST_QUERY_PARAMS if query else kind.HTTP_REQUEST_HEADERS,
        credentials_provider=auth.AwsCredentialsProvider.new_static(case["key_id"], case["secret"], case["token"] or None),
        region=case["region_set"],
        service=case["service"],
        date=datetime.datetime(2026, 11, 23, 6, 20, tzinfo=datetime.timezone.utc),
        use_double_uri_encode=case["service"] not in AS_SENT,
        should_normalize_uri_path=case["service"] not in AS_SENT,
        signed_body_value="UNSIGNED-PAYLOAD",
        signed_body_header_type=auth.AwsSignedBodyHeaderType.NONE if query else auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        expiration_in_seconds=300 if query else None,
    )
    auth.aws_sign_request(request, config).result(10)
    return dict(case, target=request.path, headers=[[name, value] for name, value in request.headers])


class Smithy:
    """@smithy/signature-v4a in Node.js, a request a line."""

    def __init__(self):
        command = [ROOT / "build/tools/node", Path(__file__).parent / "sign_v4a.mjs", ROOT / "build/node/package.json"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sign(self, case):
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        return dict(case, headers=list(json.loads(self.process.stdout.readline()).items()))


def check_theirs(probe, question, rng):
    answer = probe.ask(question)
    if not answer["ok"]:
        return f"a genuine signature is refused: {answer['why']}"
    changes = [dict(question, secret=question["secret"] + "y"), dict(question, method="PATCH"),
               dict(question, target=question["target"] + ("&" if "?" in question["target"] else "?") + "acl")]
    return "a changed request is accepted" if probe.ask(rng.choice(changes))["ok"] else None


def check_ours(probe, case):
    headers = {name.lower(): value for name, value in case["headers"].items()} | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    question = dict(case, do="sign-v4a", date="20261123T062000Z", payload="UNSIGNED-PAYLOAD", headers=list(headers.items()))
    answer = probe.ask(question)
    if not answer["ok"]:
        return f"not signed: {answer['why']}"
    whole = headers | {name.lower(): value for name, value in answer["headers"]}
    wrong = sigv4a.why_invalid(case["method"], case["target"], whole, b"", case["secret"])
    return f"our signature: {wrong}" if wrong else None


def problem_with(case, probe, smithy, rng):
    found = check_ours(probe, case)
    found = found or check_theirs(probe, dict(signed_by_crt(case, False), do="verify"), rng)
    # In S3's query form nobody signs the body; elsewhere its hash is signed, and CRT's is of UNSIGNED-PAYLOAD here.
    if not found and case["service"] in AS_SENT:
        found = check_theirs(probe, dict(signed_by_crt(case, True), do="verify-query"), rng)
    # smithy takes the path in its parts, so only plain ones are the same to it.
    plain = dict(case, target="/a%20b/c?k=v%2B1&acl=")
    return found or check_theirs(probe, dict(smithy.sign(plain), do="verify"), rng)


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    probe, smithy = Probe(sys.argv[1]), Smithy()
    for number in range(count):
        case = dict(random_request(rng), region_set=rng.choice(SETS), body="")
        problem = problem_with(case, probe, smithy, rng)
        if problem:
            print(f"request {number} of seed {seed}: {problem}\n{json.dumps(case)}", file=sys.stderr)
            return 1
    print(f"{count} requests signed and verified with SigV4A both ways, seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
