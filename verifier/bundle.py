"""Evidence bundles, and proofs of single records (docs/format.md, sections 13 and 14)."""

import base64
import collections
import json
import os
import tarfile

from archived import Archived
from coding import cbor, member
from custody import CLASSES, Custody, envelope_name
from evidence_log import NOTE_MAX, Log, Tree, parse_note, unbase64
from findings import Folder, Malformed, Report, need, sha256
from journal import CONTINUES, HEADER, PAYLOAD_MAX, ZERO, parse_frame
from records import Part
from sealed import CAN_OPEN

MANIFEST = "manifest.json"
RECORD_MAX, EXCERPT_MAX, PROOF_MAX, FILE_MAX = 16 << 20, 64 << 20, 128, 4 << 20
PROOF_LINE = b"c2sp.org/tlog-proof@v1"
KEYS = ("original", "to", "open", "none")


class Archive:
    """A bundle in a tar file; what Folder has for one in a folder."""

    def __init__(self, path):
        self.file, self.members = open(path, "rb"), {}
        with tarfile.open(fileobj=self.file, mode="r:") as archive:
            found = [each for each in archive if each.isreg()]
        root = next((each.name[:-len(MANIFEST)] for each in found
                     if each.name == MANIFEST or each.name.endswith("/" + MANIFEST)), None)
        if root is not None:
            self.members = {each.name[len(root):]: each for each in found if each.name.startswith(root)}

    def member(self, name):
        if name not in self.members:
            raise FileNotFoundError(name)
        return self.members[name]

    def size(self, name):
        return self.member(name).size

    def read(self, name, offset, length):
        found = self.member(name)
        return os.pread(self.file.fileno(), max(0, min(length, found.size - offset)), found.offset_data + offset)


def find_bundle(path):
    """What holds the bundle at `path`; None if there is none."""
    if os.path.isdir(path):
        return Folder(path) if os.path.exists(os.path.join(path, MANIFEST)) else None
    try:
        archive = Archive(path)
    except tarfile.TarError:
        return None
    return archive if MANIFEST in archive.members else None


def find_proof(path):
    """The bytes of a tlog-proof; None if the file is none."""
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        data = file.read(FILE_MAX + 1)
    return data if data.startswith(PROOF_LINE + b"\n") and len(data) <= FILE_MAX else None


# ---- RFC 9162, sections 2.1.3.2 and 2.1.4.2 ---------------------------------------------------------------------------

def root_by(leaf, index, size, proof):
    """The root that an inclusion proof gives; None if it has not the length it must have."""
    if index >= size:
        return None
    at, last, root = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = sha256(b"\1", each, root)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            root = sha256(b"\1", root, each)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def begins_with(old, old_root, size, root, proof):
    if old in (0, size):
        return not proof and (old == 0 and old_root == sha256() or old == size and old_root == root)
    if old > size or not proof:
        return False
    path = list(proof) if old & old - 1 else [old_root, *proof]
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = sha256(b"\1", each, first), sha256(b"\1", each, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = sha256(b"\1", second, each)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


# ---- what stands in the files -----------------------------------------------------------------------------------------

def is_count(value):
    return type(value) is int and value >= 0


def unique(pairs):
    need(len({name for name, _ in pairs}) == len(pairs), "a member of the manifest stands twice")
    return dict(pairs)


def parse_manifest(data):
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Malformed("the manifest is no JSON") from None
    need(isinstance(value, dict) and value.get("format") == "narrows-bundle-v1", "the manifest is of no known format")
    parts = value.get("parts")
    need(isinstance(parts, list) and parts and all(type(each) is int and each > 0 for each in parts)
         and parts == sorted(set(parts)) and value.get("keys") in KEYS
         and all(isinstance(value.get(name), str) and value[name] for name in ("origin", "session")),
         "the manifest is not as the format says")
    return value


def is_hashes(value):
    return isinstance(value, list) and len(value) <= PROOF_MAX and all(isinstance(each, bytes) and len(each) == 32
                                                                       for each in value)


def parse_excerpt(data):
    value = cbor(data)
    entries = member(value, "entries", list)
    need(entries is not None and is_hashes(value.get("consistency")), "the excerpt of the log is not as the format says")
    before = -1
    for each in entries:
        need(isinstance(each, list) and len(each) == 3 and is_count(each[0]) and each[0] > before
             and isinstance(each[1], bytes) and is_hashes(each[2]), "an entry of the excerpt is not as the format says")
        before = each[0]
    return entries, value["consistency"]


def is_field(value):
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], bytes)):
        return False
    if isinstance(value[1], bytes):
        return len(value[0]) == 16
    return len(value[0]) == 32 and is_path(value[1])


def is_path(value):
    return isinstance(value, list) and len(value) <= 5 and all(type(each) in (str, int) for each in value)


def parse_record(data, origin):
    """A Frame whose payload is what the record has of it: bytes, a list of fields, or None."""
    value = cbor(data)
    need(isinstance(value, list) and len(value) == 2 and isinstance(value[0], bytes) and len(value[0]) == HEADER,
         "a record is not as the format says")
    content = value[1]
    need(content is None or isinstance(content, bytes) or (isinstance(content, list) and content and
                                                           all(is_field(each) for each in content)),
         "the content of a record is not as the format says")
    frame = parse_frame(value[0] + bytes(PAYLOAD_MAX), 0, HEADER + PAYLOAD_MAX, origin)
    return frame._replace(payload=content)


def is_payload_of(frame):
    """Whether it is there as it is stored, with the size and the digest that the header has."""
    size = int.from_bytes(frame.head[:4], "little")
    return isinstance(frame.payload, bytes) and HEADER + len(frame.payload) == size and sha256(frame.payload) == frame.digest


def commitment_of(fields):
    return Tree(sha256(b"\0", first, second) if isinstance(second, bytes) else first for first, second in fields).root()


def put_together(fields):
    """The value that these fields, [path, value] in CBOR, are those of."""
    top = [None]
    for data in fields:
        pair = cbor(data)
        need(isinstance(pair, list) and len(pair) == 2 and is_path(pair[0]), "a field is not one")
        path, value = pair
        block = path and type(path[-1]) is int and path[-1] < 0
        holder, key = top, 0
        for element in path[:-1] if block else path:
            holder, key = enter(holder, key, element)
        if block:
            need(isinstance(value, bytes) and isinstance(holder[key], (bytes, type(None))), "a block is not one")
            holder[key] = (holder[key] or b"") + value
        else:
            need(holder[key] is None, "a field stands twice")
            holder[key] = value
    return top[0]


def enter(holder, key, element):
    if holder[key] is None:
        holder[key] = {} if isinstance(element, str) else []
    inside = holder[key]
    if isinstance(element, str):
        need(isinstance(inside, dict), "a field's path does not fit the others")
        inside.setdefault(element, None)
    else:
        need(isinstance(inside, list) and 0 <= element <= len(inside), "a field's path does not fit the others")
        if element == len(inside):
            inside.append(None)
    return inside, element


def path_text(path):
    return "/".join(str(each).replace("~", "~0").replace("/", "~1") for each in path)


def withheld(content):
    """What a record leaves out, each once, blocks as what they are blocks of."""
    if not isinstance(content, list):
        return ["all of it"] if content is None else []
    paths = (path for _, path in content if not isinstance(path, bytes))
    texts = [path_text(path[:-1] if path and type(path[-1]) is int and path[-1] < 0 else path) for path in paths]
    return [text for at, text in enumerate(texts) if at == 0 or texts[at - 1] != text]


# ---- the checks -------------------------------------------------------------------------------------------------------

class GivenLog(Log):
    """Single entries of a log, with proofs to its checkpoint."""

    def check_given(self, checkpoint, entries, cosigned=None, consistency=()):
        try:
            note = parse_note(checkpoint)
        except Malformed as why:
            self.wrong("tampering", f"the checkpoint is no signed note: {why}")
            return
        self.report.origin, self.report.log_size, self.statements.readable = note.origin, note.size, True
        for index, data, proof in entries:
            if root_by(sha256(b"\0", data), index, note.size, proof) == note.root:
                self.report.checked["log_entries"] += 1
                self.understand(index, data, "log/excerpt")
            else:
                self.wrong("tampering", f"entry {index} is not proven to be in the log that was signed", "log/excerpt")
        signed = self.check_signatures(note)
        self.report.keys_seen = [key.text for key in self.keys]
        self.roots = {note.size: note.root}
        if cosigned is not None:
            self.take_cosigned(cosigned, note, consistency)
        self.check_all_kept(note)
        self.count_witnesses(note, signed)

    def take_cosigned(self, data, note, consistency):
        try:
            cosigned = parse_note(data)
        except Malformed as why:
            self.wrong("tampering", f"log/cosigned is no signed note: {why}", "log/cosigned")
            return
        if cosigned.origin != note.origin or not begins_with(cosigned.size, cosigned.root, note.size, note.root,
                                                             consistency):
            self.wrong("tampering", "the log does not begin with the tree that witnesses signed", "log/cosigned")
            return
        self.roots[cosigned.size] = cosigned.root
        self.cosignatures.add(cosigned.size, cosigned.signatures)

    def check_all_kept(self, note):
        for name, data in self.kept:
            try:
                kept = parse_note(data)
            except Malformed:
                kept = None
            if kept is None or kept.origin != note.origin or kept.size not in self.roots:
                self.wrong("unreadable", f"there is no proof here about the tree of {name}, given as a checkpoint")
            elif kept.root != self.roots[kept.size]:
                self.wrong("truncation", f"the log does not begin with the checkpoint of size {kept.size} that was given "
                           f"({name}): it was rolled back or written anew")

    def body(self, note, size):
        root = self.roots.get(size)
        return root and f"{note.origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


class GivenCustody(Custody):
    """The keys that a bundle brings, and payloads that are shown field by field."""

    def __init__(self, store, report, trust, identities, keys):
        super().__init__(store, report, trust, identities)
        self.keys, self.value = keys, None

    def check_files(self):
        for part, name in sorted(self.envelopes):
            file = envelope_name(part, name)
            file = file.removesuffix("age") + "key" if self.keys == "open" else file
            data, gone = None if self.keys == "none" else self.read(file), (part, name) in self.shredded
            if gone:
                self.wrong("note", f"the key of the part's {name} was shredded", file, part)
            elif data is None and self.keys != "none":
                self.wrong("missing-key", f"the key of the part's {name} is not in the bundle", file, part)
            elif data is not None and self.keys == "original" and sha256(data) != self.envelopes[part, name]:
                self.wrong("tampering", "the key is not the one the log vouches for", file, part)
                data = None
            self.ratchets[part, name] = self.ratchet(data, part, name, self.report.origin.encode()) if data else None

    def contents(self, data):
        """Of a key's file; None: no identity opens it."""
        if self.keys == "open":
            return data if CAN_OPEN else None
        return super().contents(data)

    def open(self, frame):
        self.value = self.open_content(frame)
        return self.value

    def open_content(self, frame):
        if isinstance(frame.payload, bytes):
            if not is_payload_of(frame):
                self.tampered(frame, "the payload does not have the size and digest of its record")
                return None
            return super().open(frame)
        fields, value = frame.payload or [], None
        if fields and commitment_of(fields) != frame.head[80:112]:
            self.tampered(frame, "the fields are not those that the record's commitment is to")
        elif fields and all(isinstance(second, bytes) for _, second in fields):
            value = put_together([second for _, second in fields])
        self.report.sealed[value is not None][CLASSES[frame.key_class]].add(frame.part)
        return value


class Bundle:
    """A bundle's parts, one after another; a record at a time."""

    def __init__(self, store, report, trust, kept, identities, manifest):
        self.store, self.report, self.manifest = store, report, manifest
        self.custody = GivenCustody(store, report, trust, identities, manifest["keys"])
        self.log = GivenLog(store, report, trust, kept, self.custody, Archived(store, report))
        self.left_out, self.continues = collections.defaultdict(list), False

    def wrong(self, kind, what, part=None, file=MANIFEST, offset=0, sequence=None):
        self.report.add("records", kind, what, file, offset, part, sequence)

    def read(self, name, length):
        try:
            data = self.store.read(name, 0, length + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        need(len(data) <= length, f"{name} is larger than it may be")
        return data

    def check(self):
        checkpoint = self.read("log/checkpoint", NOTE_MAX)
        try:
            entries, consistency = parse_excerpt(self.read("log/excerpt", EXCERPT_MAX) or b"")
        except Malformed as why:
            self.wrong("tampering", str(why), file="log/excerpt")
            entries, consistency = [], []
        if checkpoint is None:
            self.wrong("unreadable", "there is no signed checkpoint of the gateway's log", file="log/checkpoint")
        else:
            self.log.check_given(checkpoint, entries, self.read("log/cosigned", NOTE_MAX), consistency)
            if self.report.origin != self.manifest["origin"]:
                self.wrong("tampering", "the checkpoint is of another log than the manifest says")
        self.custody.check_files()
        before = None
        for number in self.manifest["parts"]:
            self.check_part(number, before)
            before = number
        if self.continues:
            self.wrong("note", "a later part may go on with the session", before)
        for number in sorted(self.log.statements.opens.keys() - set(self.manifest["parts"])):
            self.wrong("truncation", "the part is in the excerpt of the log and not in the bundle", number)

    def check_part(self, number, before):
        statements, file = self.log.statements, f"parts/{number:08}"
        part = Part(number, self.report, self.custody, statements.closes.get(number, b""))
        self.left_out.clear()
        opening, last_leaf = None, ZERO
        for frame in self.frames(number, file):
            if frame.sequence < part.next:
                self.wrong("tampering", "the record stands here a second time, or comes too late", number, file,
                           frame.offset, frame.sequence)
                continue
            if frame.sequence == part.next and frame.prev_leaf != last_leaf:
                self.wrong("tampering", "the record does not continue the one before it", number, file, frame.offset,
                           frame.sequence)
            part.take(self.checked_content(frame))
            statements.compare(frame)
            self.report.tick()
            if frame.kind == "OPEN":
                opening = self.value_of(frame)
            last_leaf = frame.leaf
            self.continues = frame.kind == "CLOSE" and frame.flags & CONTINUES != 0
            self.note_left_out(frame)
        part.finish(None)
        statements.finish_part(part)
        self.finish(part, opening, before, file)
        self.report.checked["parts"] += 1
        self.report.checked["parts_open"] += not part.closed

    def frames(self, number, file):
        """Every record that is one of this part."""
        try:
            size = self.store.size(file)
        except FileNotFoundError:
            return
        self.report.checked["bytes"] += size
        at = 0
        while at < size:
            length = int.from_bytes(self.store.read(file, at, 4), "little")
            if size - at < 4 or length > min(RECORD_MAX, size - at - 4):
                self.wrong("tampering", "bytes that are no record", number, file, at)
                return
            try:
                frame = parse_record(self.store.read(file, at + 4, length), self.report.origin.encode())
                need(frame.part == number, f"a record of part {frame.part}")
                yield frame._replace(file=file, offset=at)
            except Malformed as why:
                self.wrong("tampering", str(why), number, file, at)
            at += 4 + length

    def checked_content(self, frame):
        """What is not sealed has its payload; what is, custody looks at."""
        if frame.sealed or is_payload_of(frame):
            return frame
        self.custody.tampered(frame, "the payload does not have the digest of its record, or is not there")
        return frame._replace(payload=b"")

    def value_of(self, frame):
        try:
            return self.custody.value if frame.sealed else cbor(frame.payload or b"")
        except Malformed:
            return None

    def note_left_out(self, frame):
        for path in withheld(frame.payload) if frame.sealed else ():
            what = f"{frame.kind} {path}"
            if len(self.left_out) < 256 or what in self.left_out:
                self.left_out[what] = [*self.left_out[what][:1], frame.sequence, sum(self.left_out[what][2:], 1)]

    def finish(self, part, opening, before, file):
        statements, number = self.log.statements, part.number
        if number not in statements.opens:
            self.wrong("truncation", "nothing here proves that the part is in the log", number, file)
        elif self.custody.sessions.get(number) != self.manifest["session"]:
            self.wrong("tampering", "the part is of another session than the manifest says", number, file)
        heads = statements.heads.get(number)
        vouched = heads.sizes[-1] if heads else 1
        if number in statements.opens and part.next > vouched:
            self.wrong("disorder", f"the part has {part.next} records, and the log vouches for {vouched} here", number, file)
        if isinstance(opening, dict) and "predecessor" in (member(opening, "observed", dict) or {}):
            if opening["observed"]["predecessor"] != before:
                self.wrong("truncation", "the part goes on from one that is not before it in the bundle", number, file)
        if not part.closed:
            self.wrong("note", "the part has no end here: it may have gone on", number, file)
        for what, (*first, last, records) in self.left_out.items():
            self.wrong("note", f"withheld in {records} records, {[*first, last][0]} to {last}: {what}", number, file)


def verify_bundle(store, trust=None, kept=(), progress=None, identities=()):
    report = Report(progress)
    try:
        manifest = parse_manifest(store.read(MANIFEST, 0, NOTE_MAX + 1))
        Bundle(store, report, trust, kept, tuple(identities), manifest).check()
    except (OSError, Malformed) as why:
        report.add("chains", "unreadable", str(why), MANIFEST)
    return report


# ---- Proofs of records ------------------------------------------------------------------------------------------------

def parse_proof(data):
    """Extra, index, hashes, checkpoint."""
    head, found, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")[1:]
    except UnicodeDecodeError:
        raise Malformed("the proof is no text") from None
    extra = unbase64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else b""
    need(found and lines and lines[0].startswith("index "), "the proof has no index")
    number = lines.pop(0)[6:]
    need(number.isdigit() and str(int(number)) == number, "the index of the proof is no number")
    hashes = [unbase64(line) for line in lines]
    need(is_hashes(hashes), "the hashes of the proof are none")
    return extra, int(number), hashes, checkpoint


def verify_proof(data, trust=None, kept=()):
    report = Report()
    custody = GivenCustody(None, report, trust, (), "none")
    log = GivenLog(None, report, trust, kept, custody, Archived(None, report))
    try:
        extra, index, hashes, checkpoint = parse_proof(data)
        value = cbor(extra)
        need(member(value, "entry", bytes) is not None and member(value, "record", bytes) is not None
             and is_hashes(value.get("path")), "the extra of the proof is not as the format says")
    except Malformed as why:
        report.add("records", "unreadable", str(why))
        return report
    log.check_given(checkpoint, [(index, value["entry"], hashes)])
    try:
        frame = parse_record(value["record"], report.origin.encode())
        check_proven(frame, log.statements.heads.get(frame.part), value["path"], custody)
        report.checked["records"] += 1
        report.add("records", "note", f"a record, {frame.kind}, of operation {frame.op}, stands in the log", "", 0,
                   frame.part, frame.sequence)
    except Malformed as why:
        report.add("records", "tampering", str(why))
    return report


def check_proven(frame, heads, path, custody):
    need(heads is not None, "the entry states no root of the record's part")
    root = root_by(frame.leaf, frame.sequence, heads.sizes[-1], path)
    need(root == bytes(heads.roots[-32:]), "the record is not proven to be in the part that the log vouches for")
    if frame.sealed:
        custody.open(frame)
    else:
        need(is_payload_of(frame), "the payload does not have the digest of its record, or is not there")
