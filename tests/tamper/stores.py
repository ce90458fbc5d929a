"""Stores in memory, and both verifiers on them."""

import functools
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "verifier"), str(pathlib.Path(__file__).resolve().parent)]

import custody  # noqa: E402
import evidence_log  # noqa: E402
import journal  # noqa: E402
import narrows_verify  # noqa: E402
import records  # noqa: E402
import sealed  # noqa: E402

BLOCK = 4096
FILTER = os.environ.get("NARROWS_VERIFY_LINES", str(ROOT / "build/release/bin/tamper_verify_lines"))

# Pure functions of bytes: a change of one batch leaves all others as they were.
for module, name in ((journal, "parse_batch"), (journal, "parse_segment"), (journal, "batch_length"),
                     (records, "cbor"), (evidence_log, "cbor"), (sealed, "hkdf"), (custody, "unseal"),
                     (custody, "committed"), (custody, "age_open"), (custody, "parse_key")):
    setattr(module, name, functools.lru_cache(20000)(getattr(module, name)))


def load(folder):
    """The files of a data directory that verifiers read. Of the zeros behind the last batch two blocks are enough."""
    folder, files = pathlib.Path(folder), {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name.startswith(("journal/", "log/", "keys/")) and path.name != "lock":
            data = path.read_bytes()
            used = -(-len(data.rstrip(b"\0")) // BLOCK) * BLOCK
            files[name] = data[:used + 2 * BLOCK] if name.endswith(".nj") else data
    return files


class Memory:
    """What findings.Folder is, on a dictionary."""

    def __init__(self, files):
        self.files = files

    def names(self, folder):
        return sorted({name[len(folder) + 1:].split("/")[0] for name in self.files if name.startswith(folder + "/")})

    def size(self, name):
        return len(self.files[name])

    def read(self, name, offset, length):
        if name not in self.files:
            raise FileNotFoundError(f"{name} is not there")
        return self.files[name][offset:offset + length]


class Answer:
    """A verdict and the first defect."""

    def __init__(self, verdict, kind="", file="", offset=0, what=""):
        self.verdict, self.kind, self.file, self.offset, self.what = verdict, kind, file, offset, what

    def __str__(self):
        return f"{self.verdict} [{self.kind} {self.file}@{self.offset} {self.what}]"


def identity_of(folder):
    """The text of the age identity that a store's keys are sealed to; make_store leaves it beside them."""
    path = pathlib.Path(folder, "identity")
    return path.read_text() if path.exists() else None


def report_of(files, trust=None, kept=(), identity=None):
    parsed = evidence_log.Trust(trust) if trust else None
    identities = sealed.parse_identities(identity) if identity else ()
    return narrows_verify.verify(Memory(files), parsed, [(f"kept {n}", note) for n, note in enumerate(kept)],
                                 identities=identities)


def python(files, trust=None, kept=(), identity=None):
    report = report_of(files, trust, kept, identity)
    first = report.first()
    return Answer(report.verdict(), first.kind, first.file, first.offset, first.what) if first else Answer(
        report.verdict())


class Cpp:
    """The C++ verifier as a filter: one store, changed for one verification after another."""

    def __init__(self, files, trust=None, kept=(), identity=None):
        self.process = subprocess.Popen([FILTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.files = files
        for name, data in files.items():
            self.tell(f"put {name} {data.hex()}")
        if trust:
            self.tell(f"trust {trust.encode().hex()}")
        for note in kept:
            self.tell(f"kept {note.hex()}")
        if identity:
            self.tell(f"key {identity.encode().hex()}")

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def verify(self, changed):
        for name in self.files.keys() - changed.keys():
            self.tell(f"remove {name}")
        for name, data in changed.items():
            before = self.files.get(name)
            if before is not data and before != data:
                self.tell(self.change(name, before, data))
        self.tell("verify")
        self.process.stdin.flush()
        verdict, kind, file, offset, what = self.process.stdout.readline().decode().rstrip("\n").split("\t")
        return Answer(verdict, kind, file, int(offset), what)

    @staticmethod
    def change(name, before, data):
        if before is not None and len(before) == len(data):
            difference = int.from_bytes(before, "little") ^ int.from_bytes(data, "little")
            at = (difference.bit_length() - 1) // 8
            if difference >> 8 * at << 8 * at == difference:
                return f"flip {name} {at} {difference >> 8 * at}"
        return f"edit {name} {data.hex()}"

    def close(self):
        self.process.stdin.close()
        self.process.wait()
