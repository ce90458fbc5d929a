"""A recording as the oracle of tests sees it: what `narrows recording export --format jsonl` prints."""

import collections
import dataclasses
import json


@dataclasses.dataclass(frozen=True)
class Record:
    part: int
    sequence: int
    kind: str
    time: object
    body: dict

    def get(self, *path, default=None):
        """A field by path, looked for in every provenance group: get("decision", "verdict")."""
        groups = [self.body] + [value for value in self.body.values() if isinstance(value, dict)]
        for group in groups:
            found = group
            for step in path:
                found = found.get(step) if isinstance(found, dict) else None
            if found is not None:
                return found
        return default


class Operation:
    """An INTENT with everything that followed it."""

    def __init__(self, intent):
        self.intent = intent
        self.followers = []

    def of_kind(self, kind):
        return [record for record in self.followers if record.kind == kind]

    @property
    def verdict(self):
        return self.intent.get("decision", "verdict")

    @property
    def reason(self):
        return self.intent.get("decision", "reason")

    @property
    def target(self):
        return self.intent.get("request", "target", default="")

    @property
    def name(self):
        return f"{self.intent.get('service')}:{self.intent.get('operation')}"

    @property
    def outcome(self):
        """The word for what became of it: denied, answered, cut, not_sent, unknown or None (open)."""
        if self.verdict != "allow":
            return "denied"
        for record in self.followers:
            if record.kind == "result":
                return record.get("outcome")
            if record.kind in ("not_sent", "unknown"):
                return record.kind
        return None

    def request_ids(self):
        return {record.get("aws_request_id") for record in self.followers if record.kind in ("head", "result")} - {None, ""}


class Recording:
    def __init__(self, records, gaps=()):
        self.records, self.gaps = records, list(gaps)

    @classmethod
    def from_jsonl(cls, text):
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        return cls([read(line) for line in lines if "gap" not in line], [line for line in lines if "gap" in line])

    def of_kind(self, kind):
        return [record for record in self.records if record.kind == kind]

    def kinds(self):
        return collections.Counter(record.kind for record in self.records)

    def operations(self):
        found = {}
        for record in self.records:
            if record.kind == "intent":
                found[record.part, record.get("op", default=record.sequence)] = Operation(record)
            elif record.get("op") is not None and (record.part, record.get("op")) in found:
                found[record.part, record.get("op")].followers.append(record)
        return list(found.values())

    def undeclared_holes(self):
        """Sequence numbers per part that no record has and no GAP of that part declares: must be none."""
        parts, declared = collections.defaultdict(set), collections.defaultdict(set)
        for record in self.records:
            parts[record.part].add(record.sequence)
            if record.kind == "gap":
                declared[record.part] |= set(range(record.get("first"), record.get("last") + 1))
        holes = {part: set(range(max(numbers))) - numbers - declared[part] for part, numbers in parts.items()}
        return {part: sorted(numbers) for part, numbers in holes.items() if numbers}


def read(line):
    known = {"part", "sequence", "kind", "time"}
    body = line["payload"] if isinstance(line.get("payload"), dict) else {k: v for k, v in line.items() if k not in known}
    return Record(line["part"], line["sequence"], str(line["kind"]).lower(), line.get("time"), body)
