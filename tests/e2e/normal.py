"""Makes two runs of the same steps comparable: ids, dates and ports become their kind."""

import json
import re

# Headers that say which hop answered, not what the service answered.
HOP_HEADERS = {"date", "server", "connection", "keep-alive", "transfer-encoding", "content-length", "via"}
PATTERNS = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<date>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "<date>"),
    (re.compile(r"\b1[6-9]\d{8}(?:\.\d+|\d{3})?\b"), "<date>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I), "<uuid>"),
    (re.compile(r"\b(vpc-cidr-assoc|vpc|igw|sg|sgr|subnet|rtb|acl|dopt|eni|i|vol|ami)-[0-9a-f]{8,17}\b"), r"\1-<id>"),
    (re.compile(r"\bA[SKR][IO]A[A-Z0-9]{12,24}\b"), "<key id>"),
    (re.compile(r"(localhost|127\.0\.0\.1):\d+"), "<host>"),
    (re.compile(r"(:secret:[\w/]+)-\w{6}\b"), r"\1-<suffix>"),
    (re.compile(r"[A-Za-z0-9+/=]{100,}"), "<token>"),
]
# Members whose values are drawn at random by the service.
RANDOM = {
    "requestid", "extendedrequestid", "cfid", "hostid", "x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "etag-date",
    "receipthandle", "messageid", "roleid", "versionid", "totalretrydelay", "retryattempts", "attempts", "ciphertextblob",
    "x-amz-crc32", "createdate", "uploadid", "md5ofmessagebody-date", "creationtime",
}


def normal(value):
    """The value as comparable JSON."""
    return simplify(json.loads(json.dumps(value, default=str)))


def simplify(value, name=""):
    if name.lower() in RANDOM and not isinstance(value, (dict, list)):
        return "<random>"
    if isinstance(value, dict):
        hops = HOP_HEADERS if name == "HTTPHeaders" else ()
        # Names too: Secrets Manager tells stages by version id.
        return {as_kind(key): simplify(inner, key) for key, inner in sorted(value.items()) if key.lower() not in hops}
    if isinstance(value, list):
        return [simplify(inner) for inner in value]
    if isinstance(value, (str, float, int)) and not isinstance(value, bool):
        return as_kind(str(value))
    return value


def as_kind(text):
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text
