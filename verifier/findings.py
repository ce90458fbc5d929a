"""What a check reads from, and what it finds: kinds, places, the verdict."""

import collections
import hashlib
import os

WANTING = ("tampering", "truncation", "disorder")
FOUND_MAX = 1000
MEANS = {
    "tampering": "Bytes or hashes do not fit each other: something was changed, removed or put in.",
    "truncation": "Something that was on record is not there any more, and nothing declares its loss.",
    "disorder": "Records stand where the format does not let them stand; no gateway writes that.",
    "declared-loss": "Something was lost, and the gateway itself put that on record.",
    "missing-key": "No key was given that could tell.",
    "unreadable": "It could not be read here and now.",
    "note": "Worth knowing, nothing wrong.",
}
Finding = collections.namedtuple("Finding", "kind what file offset part sequence")


class Malformed(Exception):
    """Bytes that are not what the format says they are; the words say why."""


class Unsupported(Exception):
    """A later format than this verifier knows."""


def need(condition, why):
    if not condition:
        raise Malformed(why)


def sha256(*pieces):
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


class Report:
    """Findings in the order of the checks: the log, the chains, then the records and what the log says of them."""

    def __init__(self, progress=None):
        self.stages = {stage: [] for stage in ("log", "chains", "records")}
        self.kinds = collections.Counter()
        self.checked = collections.Counter()
        self.origin, self.log_size = "", 0
        self.keys_seen, self.signers, self.trusted = [], [], False
        self.sealed = {opened: collections.defaultdict(set) for opened in (True, False)}  # class → parts
        self.progress = progress

    def add(self, stage, kind, what, file="", offset=0, part=None, sequence=None):
        self.kinds[kind] += 1
        if len(self.stages[stage]) < FOUND_MAX or self.kinds[kind] == 1:
            self.stages[stage].append(Finding(kind, what, file, offset, part, sequence))

    def findings(self):
        return [each for stage in self.stages.values() for each in stage]

    def first(self):
        """The first defect: what is wanting goes before what is merely worth knowing."""
        found = self.findings()
        return next((each for each in found if each.kind in WANTING), found[0] if found else None)

    def verdict(self):
        if any(self.kinds[kind] for kind in WANTING):
            return "found wanting"
        if self.kinds["unreadable"] or (self.kinds["missing-key"] and not self.signers):
            return "could not tell"
        return "verified" if self.trusted else "consistent, not verified"

    def tick(self):
        self.checked["records"] += 1
        if self.progress and self.checked["records"] % 10000 == 0:
            self.progress(self.checked["records"])


class Folder:
    """The data directory as the checks see it; all they ever do with it."""

    def __init__(self, path):
        self.path, self.opened = path, {}
        self.moved = {}  # name → where the file is to be read instead

    def names(self, folder):
        moved = [os.path.basename(name) for name in self.moved if os.path.dirname(name) == folder]
        try:
            return sorted({*os.listdir(os.path.join(self.path, folder)), *moved})
        except (FileNotFoundError, NotADirectoryError):
            return sorted(moved)

    def place(self, name):
        return self.moved.get(name) or os.path.join(self.path, name)

    def size(self, name):
        return os.path.getsize(self.place(name))

    def read(self, name, offset, length):
        return os.pread(self.descriptor(name), length, offset)

    def descriptor(self, name):
        if name not in self.opened:
            if len(self.opened) == 4:
                os.close(self.opened.pop(next(iter(self.opened))))
            self.opened[name] = os.open(self.place(name), os.O_RDONLY)
        return self.opened[name]
