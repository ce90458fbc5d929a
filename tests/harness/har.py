"""A strict check of HAR 1.2 documents, written from http://www.softwareishard.com/blog/har-12-spec/."""

import re
import urllib.parse

# member: (type, required). A number is an int or float; "" after the name would be a bool, which HAR has for cookies.
NUMBER, INTEGER = (int, float), int
SHAPES = {
    "log": {"version": (str, True), "creator": ("creator", True), "entries": (["entry"], True), "pages": (list, False),
            "browser": (dict, False)},
    "creator": {"name": (str, True), "version": (str, True)},
    "entry": {"startedDateTime": (str, True), "time": (NUMBER, True), "request": ("request", True),
              "response": ("response", True), "cache": (dict, True), "timings": ("timings", True),
              "serverIPAddress": (str, False), "connection": (str, False), "pageref": (str, False)},
    "request": {"method": (str, True), "url": (str, True), "httpVersion": (str, True), "cookies": (list, True),
                "headers": (["pair"], True), "queryString": (["pair"], True), "postData": ("postData", False),
                "headersSize": (INTEGER, True), "bodySize": (INTEGER, True)},
    "response": {"status": (INTEGER, True), "statusText": (str, True), "httpVersion": (str, True),
                 "cookies": (list, True), "headers": (["pair"], True), "content": ("content", True),
                 "redirectURL": (str, True), "headersSize": (INTEGER, True), "bodySize": (INTEGER, True)},
    "pair": {"name": (str, True), "value": (str, True)},
    "postData": {"mimeType": (str, True), "params": (list, False), "text": (str, False)},
    "content": {"size": (INTEGER, True), "compression": (INTEGER, False), "mimeType": (str, True),
                "text": (str, False), "encoding": (str, False)},
    "timings": {"blocked": (NUMBER, False), "dns": (NUMBER, False), "connect": (NUMBER, False), "send": (NUMBER, True),
                "wait": (NUMBER, True), "receive": (NUMBER, True), "ssl": (NUMBER, False)},
}
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")


def check(document):
    """Sentences about what is wrong; none if the document conforms."""
    wrong = [] if set(document) == {"log"} else ["the document has members beside log"]
    wrong += _shape("log", document["log"], "log")
    if document["log"].get("version") != "1.2":
        wrong.append("log.version is not 1.2")
    for number, entry in enumerate(document["log"].get("entries", [])):
        wrong += [f"entry {number}: {each}" for each in _entry(entry)]
    return wrong


def _shape(name, value, where):
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    wrong = [f"{where} lacks {member}" for member, (_, needed) in SHAPES[name].items() if needed and member not in value]
    for member, inner in value.items():
        if member.startswith("_"):
            continue
        if member == "comment":
            kind = str
        elif member not in SHAPES[name]:
            wrong.append(f"{where}.{member} is not in HAR 1.2 and does not begin with _")
            continue
        else:
            kind = SHAPES[name][member][0]
        wrong += _typed(kind, inner, f"{where}.{member}")
    return wrong


def _typed(kind, value, where):
    if isinstance(kind, str):
        return _shape(kind, value, where)
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [each for number, item in enumerate(value) for each in _shape(kind[0], item, f"{where}[{number}]")]
    if isinstance(value, bool) or not isinstance(value, kind):
        return [f"{where} is {value!r}"]
    return []


def _entry(entry):
    if not ISO_8601.fullmatch(entry["startedDateTime"]):
        yield f"startedDateTime {entry['startedDateTime']!r}"
    url = entry["request"]["url"]
    if not URI.fullmatch(url) or not urllib.parse.urlsplit(url).netloc:
        yield f"url {url!r} is no absolute URI"
    timings = entry["timings"]
    for name in ("send", "wait", "receive"):
        if timings[name] < 0:
            yield f"timings.{name} is negative"
    total = sum(value for name, value in timings.items() if value >= 0)
    if entry["time"] < 0 or abs(total - entry["time"]) > 0.001:
        yield f"time {entry['time']} is not the sum {total} of the timings"
    if entry["response"]["content"].get("encoding", "base64") != "base64":
        yield "content.encoding is not base64"
