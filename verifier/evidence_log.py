"""The tiled log, its checkpoint, and whom to trust (docs/format.md, sections 9 to 11)."""

import array
import base64
import bisect
import binascii
import collections
import functools
import os
import re
import subprocess
import tempfile

from coding import cbor, member
from findings import Malformed, need, sha256

NOTE_MAX = 1 << 20
Key = collections.namedtuple("Key", "name id public type text")
Note = collections.namedtuple("Note", "origin size root body signatures")


def unbase64(text):
    """Base64 in its one canonical form."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Malformed("not base64") from None
    need(base64.b64encode(data).decode() == text, "base64 that is not in its one form")
    return data


def parse_key(text):
    name, _, rest = text.partition("+")
    identity, _, encoded = rest.partition("+")
    data = unbase64(encoded)
    need(name and len(data) == 33 and data[0] in (1, 4), f"{text!r} is not a key")
    need(sha256(name.encode(), b"\n", data)[:4].hex() == identity.lower(), f"{text!r}: the key's id is not its own")
    return Key(name, bytes.fromhex(identity), data[1:], data[0], text)


@functools.lru_cache(64)
def parse_note(data):
    """A checkpoint in a signed note."""
    need(len(data) <= NOTE_MAX, "the note is larger than 1 MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    body, found, rest = text.rpartition("\n\n")
    need(found and rest.endswith("\n") and not any(ord(each) < 32 and each != "\n" for each in text),
         "it is no signed note")
    signatures = []
    for line in rest[:-1].split("\n"):
        words = line.split(" ")
        need(len(words) == 3 and words[0] == "\u2014" and words[1], "a signature line that is none")
        signature = unbase64(words[2])
        need(len(signature) > 4, "a signature that is too short")
        signatures.append((words[1], signature[:4], signature[4:]))
    lines = body.split("\n")
    need(len(lines) >= 3 and all(lines) and re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]), "it is no checkpoint")
    root = unbase64(lines[2])
    need(len(root) == 32, "it is no checkpoint: its root is not of 32 bytes")
    return Note(lines[0], int(lines[1]), root, (body + "\n").encode(), tuple(signatures))


@functools.cache
def openssl_verifies(public, message, signature):
    if len(signature) != 64:
        return False
    parts = {"key": bytes.fromhex("302a300506032b6570032100") + public, "message": message, "signature": signature}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in parts}
        for name, data in parts.items():
            with open(paths[name], "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths["key"], "-rawin",
                   "-in", paths["message"], "-sigfile", paths["signature"]]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def signed_by(note, key):
    """True: this key has signed; False: a signature bears its name and id, and does not hold; None: none does."""
    result = None
    for name, identity, signature in note.signatures:
        if (name, identity) == (key.name, key.id):
            message = note.body
            if key.type == 4:
                time = int.from_bytes(signature[:8], "big")
                message, signature = f"cosignature/v1\ntime {time}\n".encode() + note.body, signature[8:]
            result = result is not False and openssl_verifies(key.public, message, signature)
    return result


def cosigned_by(body, signatures, key):
    """Whether one of the signature lines is this witness's, and right over a checkpoint's text."""
    return any(openssl_verifies(key.public, f"cosignature/v1\ntime {int.from_bytes(each[:8], 'big')}\n".encode() + body,
                                each[8:])
               for name, identity, each in signatures if (name, identity) == (key.name, key.id))


class Cosignatures:
    """What trusted witnesses are said to have signed, by the size of the tree: the newest 1,024, and the newest
    older one that enough of them are."""

    def __init__(self, trust):
        self.trust, self.claims = trust, {}
        self.enough = max(1, trust.quorum) if trust else 1

    def add(self, size, signatures):
        known = {(key.name, key.id) for key in (self.trust.witnesses if self.trust else ())}
        claimed = [each for each in signatures if each[:2] in known]
        if not claimed:
            return
        self.claims.setdefault(size, []).extend(claimed)
        if len(self.claims) > 1024:
            oldest, following = sorted(self.claims)[:2]
            keep = self.signers(oldest) >= self.enough > self.signers(following)
            del self.claims[following if keep else oldest]

    def signers(self, size):
        return len({each[:2] for each in self.claims[size]})

    def settle(self, body_of):
        """The largest size that enough witnesses have signed, else the one that most did; and who."""
        best = (0, [])
        for size in sorted(self.claims, reverse=True):
            if best[1] and self.signers(size) < self.enough:
                continue
            body = body_of(size)
            keys = [key for key in self.trust.witnesses if body and cosigned_by(body, self.claims[size], key)]
            if len(keys) >= self.enough:
                return size, keys
            best = max(best, (size, keys), key=lambda each: len(each[1]))
        return best


class Trust:
    """A trust file: keys that may sign the log, officers, witnesses, and how many of these must have signed."""

    def __init__(self, text):
        self.logs, self.officers, self.witnesses, self.quorum = [], [], [], 0
        named = {"log": (self.logs, 1), "officer": (self.officers, 1), "witness": (self.witnesses, 4)}
        for line in text.split("\n"):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            need(len(words) == 2, f"{line!r} is no statement")
            if words[0] == "quorum":
                need(re.fullmatch(r"[0-9]{1,4}", words[1]), f"{line!r} is no quorum")
                self.quorum = int(words[1])
                continue
            need(words[0] in named, f"{line!r} is no statement")
            keys, kind = named[words[0]]
            keys.append(parse_key(words[1]))
            need(keys[-1].type == kind, f"{line!r}: the key is of another type")
        need(self.logs, "it names no key that may sign the log")


class Tree:
    """RFC 6962: the root after every leaf, in memory that grows with the logarithm."""

    def __init__(self, leaves=()):
        self.size, self.stack = 0, []
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf):
        count = self.size
        while count & 1:
            leaf = sha256(b"\1", self.stack.pop(), leaf)
            count >>= 1
        self.stack.append(leaf)
        self.size += 1

    def root(self):
        if not self.stack:
            return sha256()
        return functools.reduce(lambda right, left: sha256(b"\1", left, right), reversed(self.stack))


def tile_name(level, index):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"log/tile/{level}/" + "/".join(groups)


ENTRIES = {"KEY": {"vkey": str}, "CONFIG": {"digest": str, "boot": str}, "RECOVERY": {"found": dict}, "HEARTBEAT": {},
           "OPEN": {"part": int, "session": str, "kind": str, "leaf": bytes, "keys": dict},
           "SHRED": {"part": int, "session": str, "class": str, "envelope": bytes, "by": str, "why": str},
           "HOLD": {"session": str, "reason": str, "key": str, "at": int, "signature": bytes},
           "RELEASE": {"session": str, "reason": str, "key": str, "at": int, "signature": bytes},
           "INTERVAL": {"heads": list},
           "CLOSE": {"part": int, "size": int, "last": bytes, "counts": dict},
           "COSIGN": {"anchor": str, "key": str, "size": int, "at": int, "signature": bytes},
           "ANCHOR": {"anchor": str, "kind": str, "size": int}, "ALARM": {"what": str, "why": str, "over": bool},
           "RECONCILED": {"trail": str, "from": int, "to": int, "by": str, "verdict": str, "counts": dict, "report": bytes},
           "SEGMENT": {"name": str, "sha256": bytes, "bytes": int, "store": str, "object": str, "version": str,
                       "parts": list}}
CLOCK = {"source": str, "synchronised": bool, "offset": int, "error": int, "error_max": int, "mono": int, "boot": str}


NO_ROOT = sha256(b"null")


class Heads:
    """What the log says of one part, by size, and how far the records have come."""

    def __init__(self):
        self.sizes, self.leaves, self.roots, self.at = array.array("Q"), bytearray(), bytearray(), 0
        self.tree = Tree()  # None: a record is missing, and what stands behind has no root any more

    def add(self, size, leaf, root):
        at = bisect.bisect_right(self.sizes, size)
        self.sizes.insert(at, size)
        self.leaves[32 * at:32 * at] = leaf
        self.roots[32 * at:32 * at] = NO_ROOT if root is None else root

    def take(self, frame):
        """Yields for each head that ends with this record whether leaf and root are its own."""
        if self.at == len(self.sizes):
            return
        if self.tree and self.tree.size == frame.sequence:
            self.tree.add(frame.leaf)
        else:
            self.tree = None
        while self.at < len(self.sizes) and self.sizes[self.at] <= frame.sequence + 1:
            if self.sizes[self.at] == frame.sequence + 1:
                root = bytes(self.roots[32 * self.at:32 * self.at + 32])
                yield (self.leaves[32 * self.at:32 * self.at + 32] == frame.leaf,
                       root == NO_ROOT or self.tree is None or root == self.tree.root())
            self.at += 1


def counts_digest(counts):
    """Of records by kind; nothing if none are counted."""
    return sha256(repr(sorted(counts.items())).encode()) if counts else b""


class Statements:
    """What the log says of parts, to be compared with the records as they come: 72 bytes a head."""

    def __init__(self, report, archived):
        self.report, self.archived = report, archived
        self.heads = {}  # by part
        self.opens, self.closes = {}, {}  # the leaf of OPEN, the digest of what CLOSE counts
        self.readable = False

    def take(self, data):
        entry = cbor(data)
        kind = entry.get("type") if isinstance(entry, dict) else None
        need(isinstance(kind, str) and kind in ENTRIES and member(entry, "time", int) is not None, "it is of no type")
        need(all(member(entry, name, each) is not None for name, each in ENTRIES[kind].items()),
             f"{kind} is not as the format says")
        if "clock" in entry and kind == "HEARTBEAT":
            need(isinstance(entry["clock"], dict) and
                 all(member(entry["clock"], name, each) is not None for name, each in CLOCK.items()),
                 "a clock is not as the format says")
        if kind == "OPEN":
            need(len(entry["leaf"]) == 32, "OPEN is not as the format says")
            self.opens[entry["part"]] = entry["leaf"]
        elif kind == "CLOSE":
            need("root" in entry, "CLOSE is not as the format says")
            self.head([entry["part"], entry["size"], entry["last"], entry["root"]])
            self.closes[entry["part"]] = counts_digest(entry["counts"])
        elif kind == "INTERVAL":
            for head in entry["heads"]:
                need(isinstance(head, list), "a head is not as the format says")
                self.head(head)
        elif kind == "SEGMENT":
            self.archived.take(entry)
        return entry

    def head(self, head):
        need(len(head) == 4 and all(type(each) is int and each >= 0 for each in head[:2])
             and all(isinstance(each, bytes) and len(each) == 32 for each in head[2:3 if head[3] is None else 4]),
             "a head is not as the format says")
        part, size, last, root = head
        self.heads.setdefault(part, Heads()).add(size, last, root)

    def parts(self):
        return self.heads.keys() | self.opens.keys()

    def vouched(self, part):
        """How many records of a part the log vouches for; None if there is no log."""
        if not self.readable:
            return None
        return self.heads[part].sizes[-1] if part in self.heads else 0

    def wrong(self, kind, what, part, place=("journal", 0, None)):
        file, offset, sequence = place
        self.report.add("records", kind, what, file, offset, part, sequence)

    def compare(self, frame):
        place = frame.file, frame.offset, frame.sequence
        for same_leaf, same_root in self.heads[frame.part].take(frame) if frame.part in self.heads else ():
            self.report.checked["log_heads"] += 1
            if not same_leaf:
                self.wrong("tampering", "the record is not the one the log vouches for", frame.part, place)
            elif not same_root:
                self.wrong("tampering", "the part's records do not give the root that the log states", frame.part, place)

    def finish_part(self, part):
        number, heads = part.number, self.heads.get(part.number)
        if number not in self.parts():
            if self.readable:
                self.wrong("note", "the part is not in the log (yet)", number, part.place)
            return
        away = not part.open_leaf and number in self.archived.absent
        if not away and self.opens.get(number, part.open_leaf) != part.open_leaf:
            self.wrong("tampering", "the part does not begin with the OPEN that the log vouches for", number,
                       part.place)
        if heads and heads.at < len(heads.sizes) and not any(first < heads.sizes[-1] <= last + 1
                                                             for first, last in part.declared):
            self.wrong("truncation", f"the part has {part.next} records where the log vouches for {heads.sizes[-1]}",
                       number, part.place)
        elif number in self.closes and not part.closed:
            self.wrong("truncation", "the log knows the part's CLOSE, the journal does not", number, part.place)

    def finish(self, parts):
        """`parts` are all that have a record."""
        newest = max(self.parts(), default=0)
        for before, number in zip(sorted(parts), sorted(parts)[1:]):
            if number > before + 1 and not all(each in self.archived.absent for each in range(before + 1, number)):
                gone = self.readable and before + 1 > newest
                self.wrong("note" if gone else "truncation", f"no record of parts {before + 1} to {number - 1} is there",
                           before + 1)
        for number in sorted(self.parts() - parts.keys()):
            if self.archived.holds(number, self.vouched(number)):
                continue
            self.wrong("truncation", "the part is in the log and not in the journal", number)


class Log:
    """The log against its checkpoint, the kept ones and the trust file."""

    def __init__(self, store, report, trust, kept, custody, archived):
        self.store, self.report, self.trust, self.kept, self.custody = store, report, trust, kept, custody
        self.statements = Statements(report, archived)
        self.tree, self.levels, self.roots, self.keys = Tree(), [], {}, []
        self.cosignatures = Cosignatures(trust)

    def wrong(self, kind, what, file="log/checkpoint"):
        self.report.add("log", kind, what, file)

    def check(self):
        kept = []
        for name, data in self.kept:
            try:
                kept.append((name, parse_note(data)))
            except Malformed as why:
                self.wrong("unreadable", f"{name}, given as a checkpoint, cannot be read: {why}")
        cosigned = self.cosigned()
        note = self.checkpoint(kept)
        if note is None:
            return
        if cosigned and cosigned.origin == note.origin and cosigned.size > note.size:
            note, cosigned = cosigned, note
        beside = [("log/cosigned", cosigned)] if cosigned else []
        self.report.origin, self.report.log_size = note.origin, note.size
        self.statements.readable = True
        signed = self.check_signatures(note) if self.trust else False
        self.read_entries(note, {each.size for _, each in kept + beside})
        if self.tree.size == note.size and self.tree.root() != note.root:
            self.wrong("tampering", "the log's entries do not give the root that was signed")
        self.custody.check_files()
        if not self.trust:  # the only key to ask is the one that the entries state
            signed = self.check_signatures(note)
        self.report.keys_seen = [key.text for key in self.keys]
        for name, each in beside:
            self.check_kept(name, each, note, name)
        for name, each in kept:
            self.check_kept(name, each, note)
        self.count_witnesses(note, signed)

    def cosigned(self):
        try:
            return parse_note(self.store.read("log/cosigned", 0, NOTE_MAX + 1))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Malformed as why:
            self.wrong("tampering", f"log/cosigned is no signed note: {why}", "log/cosigned")
        return None

    def checkpoint(self, kept):
        try:
            return parse_note(self.store.read("log/checkpoint", 0, NOTE_MAX + 1))
        except (FileNotFoundError, NotADirectoryError):
            self.wrong("truncation" if kept else "unreadable", "there is no signed checkpoint of the gateway's log")
        except Malformed as why:
            self.wrong("tampering", f"the checkpoint is no signed note: {why}")
        return None

    def read_entries(self, note, sizes):
        for first in range(0, note.size, 256):
            count = min(256, note.size - first)
            name = tile_name("entries", first // 256) + (f".p/{count}" if count < 256 else "")
            try:
                entries, tile = self.bundle(first // 256, count), self.tile(0, first // 256, count)
                need(len(tile) % 32 == 0 and 32 * count <= len(tile) <= 8192, "a tile does not hold the hashes it must")
            except FileNotFoundError:
                return self.wrong("truncation", "entries of the log, or their hashes, are missing", name)
            except Malformed as why:
                return self.wrong("tampering", str(why), name)
            for at, data in enumerate(entries):
                self.take_entry(data, tile[32 * at:32 * at + 32], name)
                if self.tree.size in sizes:
                    self.roots[self.tree.size] = self.tree.root()
        for level, hashes in enumerate(self.levels):
            if level and hashes:
                self.compare_tile(level, hashes)

    def tile(self, level, index, count):
        """A tile or bundle that has at least `count` of 256; more when the gateway has written on meanwhile."""
        name = tile_name(level, index)
        widths = [int(each) for each in self.store.names(name + ".p") if re.fullmatch("[1-9][0-9]{0,2}", each)]
        width = min((each for each in widths if count <= each < 256), default=None)
        return self.store.read(name if width is None else f"{name}.p/{width}", 0, 1 << 25)

    def bundle(self, index, count):
        data = self.tile("entries", index, count)
        entries, at = [], 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            need(at + 2 + length <= len(data), "a bundle of entries ends early")
            entries.append(data[at + 2:at + 2 + length])
            at += 2 + length
        need(count <= len(entries) <= 256, "a bundle has another number of entries than it must")
        return entries[:count]

    def take_entry(self, data, stated, file):
        number = self.tree.size
        leaf = sha256(b"\0", data)
        if leaf != stated:
            self.wrong("tampering", f"entry {number} of the log is not the one its tile was made of", file)
        self.tree.add(leaf)
        self.add_hash(0, leaf)
        self.report.checked["log_entries"] += 1
        self.understand(number, data, file)

    def understand(self, number, data, file):
        try:
            entry = self.statements.take(data)
            self.custody.take(entry, lambda kind, what: self.wrong(kind, f"entry {number} of the log: {what}", file))
            if entry["type"] == "KEY":
                self.keys.append(parse_key(entry["vkey"]))
            if entry["type"] == "RECONCILED":
                self.reconciled(entry)
            if entry["type"] in ("COSIGN", "ANCHOR"):
                need(0 <= entry["size"] <= number, "it tells of an anchor what cannot be")
            if entry["type"] == "COSIGN":
                key = parse_key(entry["key"])
                self.cosignatures.add(entry["size"], [(key.name, key.id, entry["signature"])])
        except Malformed as why:
            self.wrong("disorder", f"entry {number} of the log is not as it must be: {why}", file)

    def reconciled(self, entry):
        need(entry["verdict"] in ("agreed", "wanting", "unknown") and entry["from"] <= entry["to"]
             and len(entry["report"]) == 32
             and all(type(count) is int and count >= 0 for count in entry["counts"].values()),
             "a RECONCILED is not as the format says")
        self.report.checked["reconciliations"] += 1

    def add_hash(self, level, value):
        if level == len(self.levels):
            self.levels.append([])
        hashes = self.levels[level]
        hashes.append(value)
        if len(hashes) == 256:
            if level:
                self.compare_tile(level, hashes)
            self.add_hash(level + 1, Tree(hashes).root())
            hashes.clear()

    def compare_tile(self, level, hashes):
        try:
            data = self.tile(level, (self.tree.size - 1) // 256 ** (level + 1), len(hashes))
        except FileNotFoundError:
            data = b""
        if len(data) % 32 or len(data) > 8192 or data[:32 * len(hashes)] != b"".join(hashes):
            self.wrong("tampering", "the log's tiles do not give the root that was signed", "log/tile")

    def check_signatures(self, note):
        logs = self.trust.logs if self.trust else self.keys
        results = {key: signed_by(note, key) for key in logs}
        if False in results.values():
            self.wrong("tampering", "the checkpoint's signature does not verify")
            return False
        if True not in results.values():
            self.wrong("missing-key", "the checkpoint is not signed by any key of the trust file" if self.trust
                       else "the log does not state the key that its checkpoint is signed with")
            return False
        self.report.checked["checkpoints"] += 1
        self.report.signers = [key.text for key, result in results.items() if result]
        self.cosignatures.add(note.size, note.signatures)
        return True

    def body(self, note, size):
        """The text of the checkpoint of the first `size` entries; None if there is none."""
        if size > note.size:
            return None
        tree = Tree()
        while tree.size < size:
            count = min(256, size - tree.size)
            try:
                tile = self.tile(0, tree.size // 256, count)
            except (FileNotFoundError, Malformed):
                return None
            for at in range(count):
                tree.add(tile[32 * at:32 * at + 32])
        return f"{note.origin}\n{size}\n{base64.b64encode(tree.root()).decode()}\n".encode()

    def count_witnesses(self, note, signed):
        _, keys = self.cosignatures.settle(lambda size: self.body(note, size))
        quorum = self.trust.quorum if self.trust else 0
        self.report.signers += [key.text for key in keys]
        self.report.trusted = self.trust is not None and signed and len(keys) >= quorum
        if len(keys) < quorum:
            self.wrong("missing-key", f"{len(keys)} witnesses have signed, {quorum} must have", "log/cosigned")

    def check_kept(self, name, kept, note, file="log/checkpoint"):
        logs = self.trust.logs if self.trust else self.keys
        signed = any(signed_by(kept, key) for key in logs)
        if kept.origin != note.origin or not signed:
            self.wrong("unreadable", f"{name}, given as a checkpoint, is not one of this log, signed by its key", file)
        if kept.origin != note.origin:
            return
        self.report.checked["checkpoints"] += 1
        root = Tree().root() if kept.size == 0 else self.roots.get(kept.size)
        if kept.size > note.size or (root is not None and root != kept.root):
            self.wrong("truncation", f"the log does not begin with the checkpoint of size {kept.size} that was given "
                       f"({name}): it was rolled back or written anew", file)
        elif signed:
            self.cosignatures.add(kept.size, kept.signatures)
