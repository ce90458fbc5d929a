"""What must follow what among the records of one part (docs/format.md, sections 7 and 8)."""

import collections
import hashlib
import re

from coding import cbor, member
from custody import CLASS_OF, class_of
from evidence_log import counts_digest
from findings import Malformed, need, sha256
from journal import ALLOWED, RESPONSE

PROVENANCE = {"observed", "verified", "attested", "stated", "derived"}
WITH_OPERATION = {"INTENT", "SENT", "HEAD", "BODY", "RESULT", "NOT_SENT", "UNKNOWN", "APPROVAL", "SECRETS"}


class Body:
    def __init__(self):
        self.index, self.size, self.hash, self.known = 0, 0, hashlib.sha256(), True

    def add(self, data, index):
        self.index = index + 1
        self.size += len(data)
        self.hash.update(data)

    def fits(self, size, digest):
        return size in (None, self.size) and digest in (None, self.hash.hexdigest())


def count(value, path):
    found = member(value, path, int)
    return found if found is not None and found >= 0 else None


def digest(value, path):
    """32 bytes in hex; anything else is taken as unknown, like an absent member."""
    found = member(value, path, str)
    return found.lower() if found and re.fullmatch("[0-9a-fA-F]{64}", found) else None


class Operation:
    """What an INTENT says, if its payload is known, and what came of it so far."""

    def __init__(self, intent, allowed):
        self.known = intent is not None
        self.verdict = member(intent, "observed.decision.verdict", str)
        self.allowed = self.verdict == "allow" if self.known else allowed
        body = member(intent, "observed.request.body", dict) or {}
        self.size, self.digest = count(body, "size"), digest(body, "sha256")
        self.in_records = body.get("inline") == "records"
        self.tunnel = member(intent, "derived.service", str) == "net"
        self.sent = self.holed = False
        self.bodies = {"request": Body(), "response": Body()}


def check_shape(frame, payload):
    need(isinstance(payload, dict), "it is not a map")
    if frame.kind == "BODY":
        need(payload.get("dir") in ("request", "response") and member(payload, "bytes", bytes) is not None
             and count(payload, "index") is not None,
             "it does not have the shape of a BODY")
    else:
        need(payload.keys() <= PROVENANCE and all(isinstance(group, dict) for group in payload.values()),
             "its top level does not say where knowledge comes from")
    if frame.kind in WITH_OPERATION:
        need(op_of(frame, payload) is not None, "it names no operation")


def op_of(frame, payload):
    return frame.op if payload is None else count(payload, "op" if frame.kind == "BODY" else "observed.op")


def is_response(frame, payload):
    return frame.flags & RESPONSE != 0 if payload is None else payload["dir"] == "response"


class Part:
    """Takes its records in order of sequence; what it keeps grows with the operations in flight."""

    def __init__(self, number, report, custody, closing_counts):
        self.number, self.report, self.custody = number, report, custody
        self.closing_counts = closing_counts  # digest of what the log's CLOSE counts
        self.next, self.closed, self.ended, self.epochs = 0, False, False, [0, 0, 0]
        self.counts, self.place, self.open_leaf = collections.Counter(), ("journal", 0, None), b""
        self.holes, self.declared = [], []
        self.operations, self.suspicions = {}, []
        self.denied, self.refused = set(), set()  # with no bytes kept; with bytes kept, perhaps

    def wrong(self, kind, what, frame):
        self.report.add("records", kind, what, frame.file, frame.offset, self.number, frame.sequence)

    def take(self, frame):
        if frame.sequence > self.next:
            self.holes.append((self.next, frame.sequence - 1))
            for operation in self.operations.values():
                operation.holed = True
        self.next, self.place = frame.sequence + 1, (frame.file, frame.offset, frame.sequence)
        if self.closed:
            self.wrong("disorder", "a record follows CLOSE", frame)
        if frame.sequence == 0:
            self.open_leaf = frame.leaf
        try:
            payload = self.custody.open(frame) if frame.sealed else cbor(frame.payload)
            if payload is not None or not frame.sealed:
                check_shape(frame, payload)
        except Malformed as why:
            self.wrong("disorder", f"the payload cannot be read: {why}", frame)
            return
        if (frame.sequence == 0) != (frame.kind == "OPEN"):
            self.wrong("disorder", "a part begins with OPEN, and OPEN stands nowhere else", frame)
        self.check_header(frame, payload)
        self.understand(frame, payload)
        self.counts[frame.kind] += 1

    def check_header(self, frame, payload):
        if frame.op != (op_of(frame, payload) if frame.kind in WITH_OPERATION else 0):
            self.wrong("disorder", "the frame's header names another operation than its payload", frame)
        if payload is not None and frame.kind == "BODY" and is_response(frame, payload) != is_response(frame, None):
            self.wrong("disorder", "the frame's header gives another direction than its payload", frame)
        if not frame.sealed:
            return
        if class_of(frame) != CLASS_OF.get(frame.kind, "operations") or not self.custody.is_known(frame):
            self.wrong("disorder", f"{frame.kind} is sealed under {class_of(frame)}, a key that is not for it", frame)
        if frame.epoch < self.epochs[frame.key_class]:
            self.wrong("disorder", "the epoch of a key is before one that was over", frame)
        self.epochs[frame.key_class] = max(frame.epoch, self.epochs[frame.key_class])
        if frame.kind == "GAP":
            self.wrong("disorder", "a GAP that is sealed", frame)

    def understand(self, frame, payload):
        if frame.kind == "INTENT":
            self.intent(frame, payload)
        elif frame.kind == "GAP":
            self.gap(frame, payload)
        elif frame.kind == "CLOSE":
            self.close(frame, payload)
        elif frame.kind in WITH_OPERATION:
            self.follow(frame, payload)

    def gap(self, frame, payload):
        if frame.sealed:
            return
        first, last = count(payload, "observed.first"), count(payload, "observed.last")
        if first is not None and last is not None and first <= last:
            self.wrong("declared-loss", f"records {first} to {last} of this part are lost", frame)
            self.declared.append((first, last))

    def close(self, frame, payload):
        self.closed = True
        if payload is None:
            self.ended = True
            if not self.holes and self.closing_counts not in (b"", counts_digest(self.counts)):
                self.wrong("disorder", "the log counts other records than stand before CLOSE", frame)
            return
        self.ended = member(payload, "observed.reason", str) != "interrupted"
        counts = member(payload, "observed.counts", dict)
        same = counts == dict(self.counts) and all(type(each) is int for each in counts.values())  # True == 1 in Python
        if not self.holes and not same and (counts is not None or self.ended):
            self.wrong("disorder", "CLOSE counts other records than stand before it", frame)

    def intent(self, frame, payload):
        operation = Operation(payload, frame.flags & ALLOWED != 0)
        self.report.checked["operations"] += 1
        self.report.checked["allowed"] += operation.allowed
        if op_of(frame, payload) != frame.sequence:
            self.wrong("disorder", "INTENT's op is not its own sequence", frame)
        if operation.known and operation.verdict not in ("allow", "deny", "hold"):
            self.wrong("disorder", "INTENT's verdict is none", frame)
        if operation.allowed != (frame.flags & ALLOWED != 0):
            self.wrong("disorder", "the frame's header gives another verdict than its payload", frame)
        inline = member(payload, "observed.request.body.inline", bytes)
        if inline is not None:
            self.report.checked["bodies"] += 1
            if operation.size not in (None, len(inline)) or operation.digest not in (None, sha256(inline).hex()):
                self.wrong("tampering", "the body in INTENT is not the one it states", frame)
        if operation.allowed or operation.in_records:
            self.operations[frame.sequence] = operation
        else:
            (self.denied if operation.known else self.refused).add(frame.sequence)

    def follow(self, frame, payload):
        """A record that belongs to an operation."""
        op = op_of(frame, payload)
        request = frame.kind == "BODY" and not is_response(frame, payload)
        if op in self.refused and request:
            self.refused.remove(op)
            self.operations[op] = Operation(None, False)
        operation = self.operations.get(op)
        if op in self.denied or op in self.refused or (operation and not operation.allowed and not request):
            self.wrong("disorder", f"{frame.kind} of an operation that was not allowed", frame)
        elif operation is None:
            self.suspicions.append((op, frame._replace(payload=b"", head=b"")))
        elif frame.kind == "BODY":
            self.body(frame, payload, operation, operation.bodies["request" if request else "response"])
        elif frame.kind == "SENT":
            operation.sent = True
        elif frame.kind in ("HEAD", "RESULT") and not operation.sent and not operation.holed:
            self.wrong("disorder", f"{frame.kind} of an operation that was not sent", frame)
        if operation and frame.kind in ("RESULT", "NOT_SENT", "UNKNOWN"):
            self.conclude(frame, payload, operation)
            del self.operations[op]

    def body(self, frame, payload, operation, body):
        request = body is operation.bodies["request"]
        if not request and not operation.sent and not operation.holed:
            self.wrong("disorder", "BODY of an answer to an operation that was not sent", frame)
        if payload is None:
            body.known = False
            return
        if payload["index"] != body.index and body.known and not operation.holed:
            self.wrong("disorder", "the pieces of a body are not in order", frame)
        body.add(payload["bytes"], payload["index"])
        whole = request and not operation.allowed and operation.size is not None and body.size >= operation.size
        if whole and not operation.holed:
            self.compare(frame, body, operation.size, operation.digest)

    def conclude(self, frame, payload, operation):
        self.report.checked["unknown"] += frame.kind == "UNKNOWN"
        if frame.kind != "RESULT" or payload is None or operation.tunnel or operation.holed:
            return
        result = member(payload, "observed", dict)
        cut = result.get("outcome") == "cut"
        size = None if cut else count(result, "bytes_response")
        self.compare(frame, operation.bodies["response"], size, digest(result, "sha256_response"))
        if operation.in_records and not cut:
            size = operation.size if operation.digest else count(result, "bytes_request")
            self.compare(frame, operation.bodies["request"], size, operation.digest)

    def compare(self, frame, body, size, digest):
        if body.known and (size is not None or digest is not None):
            self.report.checked["bodies"] += 1
            if not body.fits(size, digest):
                self.wrong("tampering", "the pieces of a body are not the body that is stated", frame)

    def finish(self, vouched):
        """All records are known, and that the log vouches for the first `vouched`; None: there is no log."""
        if self.ended:
            for op, operation in self.operations.items():
                if operation.allowed and not operation.holed:
                    self.report.add("records", "disorder", f"the part ended, and operation {op} has no outcome",
                                    part=self.number)
        for first, last in self.holes:
            while found := next((each for each in self.declared if each[0] <= first <= each[1]), None):
                first = found[1] + 1
            if first > last:
                continue
            unvouched = vouched is not None and first >= vouched
            self.report.add("records", "note" if unvouched else "truncation",
                            f"records {first} to {last} are not there" + (" (yet)" if unvouched else ""),
                            part=self.number, sequence=first)
            if unvouched:
                self.declared.append((first, last))
        for op, frame in self.suspicions:
            if not any(first <= op <= last for first, last in self.declared):
                self.wrong("disorder", f"{frame.kind} names operation {op}, which is over or never began", frame)
