"""Who holds what key: envelopes, shredding, legal holds, and what can be opened (docs/format.md, sections 4.1 and 9)."""

from evidence_log import NOTE_MAX, openssl_verifies, parse_key
from findings import Malformed, need, sha256
from journal import context
from sealed import Ratchet, Unopened, age_open, committed, unseal

CLASSES = ("operations", "bodies", "secrets")
CLASS_OF = {"BODY": "bodies", "SECRETS": "secrets"}


def envelope_name(part, name):
    return f"keys/{part:08}.{name}.age"


def class_of(frame):
    return CLASSES[frame.key_class]


class Custody:
    """Takes the log's entries, looks into keys/, then opens frames. About 200 bytes for each envelope."""

    def __init__(self, store, report, trust, identities):
        self.store, self.report, self.identities = store, report, identities
        self.officers = trust.officers if trust else []
        self.sessions, self.envelopes, self.shredded, self.held = {}, {}, set(), set()
        self.ratchets = {}  # (part, class) → Ratchet; None: it cannot be opened

    # ---- the log's entries: a Malformed is disorder -------------------------------------------------------------------

    def take(self, entry, wrong):
        if entry["type"] == "OPEN":
            self.opened(entry)
        elif entry["type"] == "SHRED":
            self.shred(entry)
        elif entry["type"] in ("HOLD", "RELEASE"):
            self.hold(entry, wrong)

    def opened(self, entry):
        part, keys = entry["part"], entry["keys"]
        for name, key in keys.items():
            need(name in CLASSES and isinstance(key, dict), "OPEN names a key of no class")
            envelope, recipients = key.get("envelope"), key.get("recipients")
            need(isinstance(envelope, bytes) and len(envelope) == 32 and isinstance(recipients, list) and recipients
                 and all(isinstance(each, str) for each in recipients), "a key of OPEN is not as the format says")
        self.sessions[part] = entry["session"]
        self.envelopes.update(((part, name), key["envelope"]) for name, key in keys.items())

    def shred(self, entry):
        where = entry["part"], entry["class"]
        need(self.envelopes.get(where) == entry["envelope"] and self.sessions[where[0]] == entry["session"],
             "SHRED of a key that no OPEN before it names so")
        self.shredded.add(where)
        need(entry["session"] not in self.held, "SHRED of a session that is held")

    def hold(self, entry, wrong):
        key = parse_key(entry["key"])
        need(key.type == 1 and len(entry["signature"]) == 64, f"{entry['type']} is not as the format says")
        lines = (f"narrows-{entry['type'].lower()}-v1", self.report.origin, entry["session"], str(entry["at"]))
        message = "".join(line + "\n" for line in lines) + entry["reason"]
        if not openssl_verifies(key.public, message.encode(), entry["signature"]):
            wrong("tampering", f"the signature of {entry['type']} does not verify")
            return
        need(not self.officers or key.public in [each.public for each in self.officers],
             f"{entry['type']} by someone whom the trust file does not name as officer")
        (self.held.add if entry["type"] == "HOLD" else self.held.discard)(entry["session"])

    # ---- keys/ --------------------------------------------------------------------------------------------------------

    def wrong(self, kind, what, file, part=None):
        self.report.add("log", kind, what, file, part=part)

    def check_files(self):
        present, missing = bool(self.store.names("keys")), 0
        for part, name in sorted(self.envelopes):
            file, gone = envelope_name(part, name), (part, name) in self.shredded
            data = self.read(file)
            if gone:
                self.wrong("note", f"the key of the part's {name} was shredded", file, part)
            elif data is None and present:
                self.wrong("missing-key", f"the key of the part's {name} is not there, and was not shredded", file, part)
            elif data is None:
                missing += 1
            elif sha256(data) != self.envelopes[part, name]:
                self.wrong("tampering", "the key is not the one the log vouches for", file, part)
            fits = data is not None and sha256(data) == self.envelopes[part, name]
            self.ratchets[part, name] = self.ratchet(data, part, name, self.report.origin.encode()) if fits else None
        if missing:
            self.wrong("missing-key", f"keys/ holds nothing; {missing} keys that were not shredded are missing", "keys")

    def read(self, file):
        try:
            return self.store.read(file, 0, NOTE_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def ratchet(self, data, part, name, origin):
        """From an envelope, if one of the identities opens it."""
        try:
            content = self.contents(data)
            if content is None:
                return None
            head = b"".join(each + b"\n" for each in (b"narrows-key-v1", origin, b"%d" % part, name.encode()))
            secret = content[len(head):-1].decode("ascii", "replace")
            need(content.startswith(head) and content.endswith(b"\n") and len(secret) == 64
                 and not secret.strip("0123456789abcdef"), "it is of another origin, part or class, or no session key")
        except Malformed as why:
            self.wrong("tampering", f"the key is not what it must be: {why}", envelope_name(part, name), part)
            return None
        return Ratchet(bytes.fromhex(secret), name)

    def contents(self, data):
        """Of an envelope; None: no identity opens it."""
        return age_open(data, self.identities) if self.identities else None

    # ---- frames -------------------------------------------------------------------------------------------------------

    def is_known(self, frame):
        """Whether the log's OPEN of the part, if there is one, names a key of the frame's class."""
        return frame.part not in self.sessions or (frame.part, class_of(frame)) in self.envelopes

    def open(self, frame):
        """The value in a sealed payload; None: it stays unknown. What is not so as it was sealed is reported."""
        where = frame.part, class_of(frame)
        if where not in self.ratchets:  # the log does not know the part
            data = self.read(envelope_name(*where)) if where[0] not in self.sessions else None
            self.ratchets[where] = self.ratchet(data, *where, frame.origin) if data is not None else None
        ratchet = self.ratchets[where]
        self.report.sealed[ratchet is not None][where[1]].add(where[0])
        if ratchet is None or frame.epoch < ratchet.epoch:
            return None
        seal, salt = ratchet.keys(frame.epoch)
        try:
            plaintext = unseal(seal, frame.sequence, context(frame.origin) + frame.head[4:112], frame.payload)
        except Unopened:
            self.tampered(frame, "the payload does not open with the key of its part")
            return None
        value, root = committed(salt, frame.sequence, plaintext)
        if root != frame.head[80:112]:
            self.tampered(frame, "the payload's fields are not those that its commitment is to")
        need(isinstance(value, dict), "it is not a map")
        return value

    def tampered(self, frame, what):
        self.report.add("records", "tampering", what, frame.file, frame.offset, frame.part, frame.sequence)
