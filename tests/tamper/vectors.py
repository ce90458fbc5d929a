"""The published test vectors: runs both programs over verifier/vectors/, or makes the vectors anew.

Usage: vectors.py                        runs them; exit code 1 if a program does not answer as expected.json says
       vectors.py --make MADE GATEWAY    MADE is what make_store wrote, GATEWAY holds recovered/ and running/: data
                                         directories of a gateway that was killed, and copied while it ran, each with
                                         `identity`, to which its keys are sealed
       vectors.py --remake MADE NAME…    only bundles and those named, beside the others
What is expected stands in the table below, written by hand.
"""

import collections
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

from stores import BLOCK, ROOT, identity_of, load

from rewrite import OTHER_SEED, Journal, entries_of, key_entry, offsets, part_of, write_log
from writer import KINDS, SEED, vkey

FOLDER = ROOT / "verifier/vectors"
PROGRAM = os.environ.get("NARROWS_VERIFY", str(ROOT / "build/release/bin/narrows-verify"))
NARROWS = os.environ.get("NARROWS_BINARY", str(ROOT / "build/narrows"))
CLEAN, AGAIN, FAULT, KILLED, RECOVERED, RUNNING = "clean", "again", "fault", "killed", "recovered", "running"
TRUST, KEPT, KEY = "--trust", "--checkpoint", "--key"

VERIFIED, CONSISTENT, WANTING, UNTOLD = ("verified", "consistent, not verified", "found wanting", "could not tell")
EXIT = {VERIFIED: 0, CONSISTENT: 0, WANTING: 1, UNTOLD: 3}

Vector = collections.namedtuple("Vector", "name about store change options verdict kind", defaults=("",))
# What a change may take from: another gateway's store, and the identity that the keys of this one are sealed to.
Around = collections.namedtuple("Around", "other identity")


def flip(name, at):
    def change(files, _):
        data = bytearray(files[name])
        data[at] ^= 0x10
        return files | {name: bytes(data)}
    return change


def delete(name):
    return lambda files, _: {path: data for path, data in files.items() if path != name}


def cut(name, at):
    return lambda files, _: files | {name: files[name][:at]}


def without_batch(name, number):
    def change(files, _):
        at, data = offsets(files[name])[0], files[name]
        return files | {name: data[:at[number]] + data[at[number + 1]:]}
    return change


def replayed_batch(name, number):
    def change(files, _):
        at, data = offsets(files[name])[0], files[name]
        return files | {name: data[:at[number + 1]] + data[at[number]:at[number + 1]] + data[at[number + 2]:]}
    return change


def spliced(name):
    return lambda files, around: files | {name: around.other[name]}


def swapped(one, two):
    return lambda files, _: files | {one: files[two], two: files[one]}


def without_keys(files, _):
    return {path: data for path, data in files.items() if not path.startswith("keys/")}


def without_part(number, log=None):
    """A session removed, all digests made good; with a `log` of that seed, out of the log too."""
    def change(files, _):
        journal = Journal(files)
        journal.drop(lambda frame: frame.part == number)
        if log is None:
            return journal.pack()
        rest = [entry for entry in entries_of(files) if part_of(entry) != number]
        return write_log(journal.pack(), [key_entry(log), *rest[1:]], log)
    return change


def replaced(old, new):
    """Words in every record exchanged for others, by someone who has the session keys: all digests and seals made good."""
    def change(files, around):
        journal = Journal(files, around.identity)
        for frame in journal.frames():
            frame.payload = frame.payload.replace(old, new)
        return journal.pack()
    return change


def denied(files, around):
    """Every INTENT denied, in its header and in its payload."""
    journal = Journal(files, around.identity)
    for frame in journal.frames():
        if frame.header[4] == 3:
            frame.payload = frame.payload.replace(b"\x67verdict\x65allow", b"\x67verdict\x64deny")
            frame.header[5] &= ~2
    return journal.pack()


def null_result(files, around):
    """The first RESULT holds CBOR's null, by someone who has the session keys."""
    journal = Journal(files, around.identity)
    next(frame for frame in journal.frames() if frame.header[4] == RESULT).payload = b"\xf6"
    return journal.pack()


def close_names_an_operation(files, _):
    journal = Journal(files)
    next(frame for frame in journal.frames() if frame.header[4] == CLOSE).header[32] = 1
    return journal.pack()


def silent(change):
    """The same with a log that says nothing of parts, so that the records themselves have to show it."""
    return lambda files, around: write_log(change(files, around), entries_of(files)[:1])


def older_checkpoint(files, kept):
    return files | {"log/checkpoint": kept}


BODIES = "keys/00000002.bodies.age"
RESULT, CLOSE = KINDS["RESULT"], KINDS["CLOSE"]
C1, B1 = "journal/control-00000001.nj", "journal/bulk-00000001.nj"
TABLE = [
    Vector("clean", "two starts of a gateway, a session in each", CLEAN, None, [TRUST, KEPT, KEY], VERIFIED),
    Vector("clean-no-key", "the same, and no key that opens the records", CLEAN, None, [TRUST, KEPT], VERIFIED),
    Vector("clean-no-trust", "the same, and no trust file", CLEAN, None, [], CONSISTENT),
    Vector("clean-long-log", "a log of more than one tile", "long", None, [TRUST, KEPT], VERIFIED),
    Vector("clean-after-fault", "a sync failed: records stand twice", FAULT, None, [TRUST, KEY], VERIFIED),
    Vector("clean-killed", "the journal's process was killed", KILLED, None, [TRUST, KEY], VERIFIED),
    Vector("clean-recovered", "a gateway was killed under load and started again", RECOVERED, None, [TRUST, KEY],
           VERIFIED),
    Vector("clean-running", "a copy of a gateway at work: the lanes end at different moments", RUNNING, None,
           [TRUST, KEY], VERIFIED),
    Vector("byte-in-record", "one bit of a record", CLEAN, flip(C1, BLOCK + 300), [TRUST], WANTING, "tampering"),
    Vector("byte-in-body", "one bit of a body", CLEAN, flip(B1, 3 * BLOCK + 260), [TRUST], WANTING, "tampering"),
    Vector("byte-in-padding", "one bit between two batches", CLEAN, flip(C1, 2 * BLOCK - 1), [TRUST], WANTING, "tampering"),
    Vector("byte-in-header", "one bit of a segment header", CLEAN, flip(C1, 60), [TRUST], WANTING, "tampering"),
    Vector("byte-in-tile", "one bit of a tile", CLEAN, flip("log/tile/0/000.p/8", 40), [TRUST], WANTING, "tampering"),
    Vector("byte-in-entry", "one bit of a log entry", CLEAN, flip("log/tile/entries/000.p/8", 400), [TRUST], WANTING,
           "tampering"),
    Vector("byte-in-checkpoint", "one bit of the signed root", CLEAN, flip("log/checkpoint", 20), [TRUST], WANTING,
           "tampering"),
    Vector("batch-deleted", "a batch removed", CLEAN, without_batch(C1, 1), [TRUST], WANTING, "tampering"),
    Vector("batch-replayed", "an older batch in the place of a newer", CLEAN, replayed_batch(B1, 1), [TRUST], WANTING,
           "tampering"),
    Vector("segment-spliced", "a segment of another gateway of the same name", CLEAN, spliced(B1), [TRUST], WANTING,
           "tampering"),
    Vector("tail-cut", "the last batch of the last segment cut off", CLEAN, cut("journal/control-00000002.nj", 3 * BLOCK),
           [TRUST], WANTING, "truncation"),
    Vector("segment-deleted", "the last segment of the bulk lane removed", CLEAN, delete("journal/bulk-00000002.nj"),
           [TRUST], WANTING, "truncation"),
    Vector("session-deleted", "the last session removed, all digests of the journal made good", CLEAN, without_part(3),
           [TRUST], WANTING, "truncation"),
    Vector("record-rewritten", "another key was read, all digests of the journal made good", CLEAN,
           replaced(b"reports-ro", b"reports-rw"), [TRUST], WANTING, "tampering"),
    Vector("body-rewritten", "another body, all digests of the journal made good, and a log that is silent", CLEAN,
           silent(replaced(b"world", b"wor1d")), [TRUST, KEY], WANTING, "tampering"),
    Vector("body-rewritten-no-key", "the same, and no key: headers do not show it, and the log was silenced", CLEAN,
           silent(replaced(b"world", b"wor1d")), [TRUST], VERIFIED),
    Vector("denied-yet-sent", "an operation that was denied and sent", CLEAN, silent(denied), [TRUST, KEY], WANTING,
           "disorder"),
    Vector("denied-yet-sent-no-key", "the same, and no key: headers show it", CLEAN, silent(denied), [TRUST], WANTING,
           "disorder"),
    Vector("header-against-payload", "a header that says allow where its payload says deny", CLEAN,
           silent(replaced(b"\x67verdict\x65allow", b"\x67verdict\x64deny")), [TRUST, KEY], WANTING, "disorder"),
    Vector("payload-null", "a record that opens to null, and a log that is silent", CLEAN, silent(null_result), [TRUST, KEY],
           WANTING, "disorder"),
    Vector("header-names-operation", "a CLOSE whose header names an operation, no key, and a log that is silent", CLEAN,
           silent(close_names_an_operation), [TRUST], WANTING, "disorder"),
    Vector("key-byte-unlogged", "one bit of a key's file of a part that no log knows", CLEAN, silent(flip(BODIES, 300)),
           [TRUST, KEY], WANTING, "tampering"),
    Vector("key-missing", "the key of a session's bodies is not there", CLEAN, delete(BODIES), [TRUST, KEY], VERIFIED,
           "missing-key"),
    Vector("keys-missing", "keys/ is not there", CLEAN, without_keys, [TRUST], VERIFIED, "missing-key"),
    Vector("key-byte", "one bit of a key's file", CLEAN, flip(BODIES, 100), [TRUST], WANTING, "tampering"),
    Vector("key-cut", "a key's file cut short", CLEAN, cut(BODIES, 100), [TRUST], WANTING, "tampering"),
    Vector("key-of-another-part", "the keys of two sessions exchanged", CLEAN, swapped(BODIES, "keys/00000003.bodies.age"),
           [TRUST, KEY], WANTING, "tampering"),
    Vector("key-of-another-class", "two keys of a session exchanged", CLEAN,
           swapped(BODIES, "keys/00000002.operations.age"), [TRUST, KEY], WANTING, "tampering"),
    Vector("rewritten-same-key", "journal and log written anew without a session, by who holds the key", CLEAN,
           without_part(3, bytes(range(32))), [TRUST], VERIFIED),
    Vector("rewritten-same-key-kept", "the same, and a checkpoint was kept", CLEAN, without_part(3, bytes(range(32))),
           [TRUST, KEPT], WANTING, "truncation"),
    Vector("rewritten-other-key", "journal and log written anew and signed with another key", CLEAN,
           without_part(3, OTHER_SEED), [TRUST], UNTOLD, "missing-key"),
    Vector("rewritten-other-key-kept", "the same, no trust file, and a checkpoint was kept", CLEAN,
           without_part(3, OTHER_SEED), [KEPT], WANTING, "truncation"),
    Vector("rolled-back", "journal and log as they were earlier, and a later checkpoint was kept", CLEAN, "back",
           [TRUST, KEPT], WANTING, "truncation"),
    Vector("no-log", "the log was removed", CLEAN, "no log", [TRUST], UNTOLD, "unreadable"),
    Vector("no-log-kept", "the same, and a checkpoint was kept", CLEAN, "no log", [TRUST, KEPT], WANTING, "truncation"),
]


# ---- Bundles: the last session of the clean store, as `recording export --evidence` writes it -------------------------

PART = "parts/00000003"
HEAD, PROOF = "log/checkpoint", "log/excerpt"
Bundle = collections.namedtuple("Bundle", "name about how change options verdict kind", defaults=("",))


def records_changed(change):
    """The part's records, CBOR each behind its length, as `change` wants them."""
    def apply(files, _):
        at, data, found = 0, files[PART], []
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at:at + 4], "little")
            found.append(data[at:end])
            at = end
        return files | {PART: b"".join(change(found))}
    return apply


def word_replaced(old, new):
    return lambda files, _: files | {PART: files[PART].replace(old, new)}


def excerpt_of(store):
    return lambda files, around: files | {PROOF: around[store][PROOF], HEAD: around[store][HEAD]}


BUNDLES = [
    Bundle("bundle", "a session as evidence, sealed", [], None, [TRUST], VERIFIED),
    Bundle("bundle-key", "the same, opened with the reviewer's key", [], None, [TRUST, KEY], VERIFIED),
    Bundle("bundle-no-trust", "the same, and no trust file", [], None, [], CONSISTENT),
    Bundle("bundle-open", "the keys in plain", ["--open"], None, [TRUST], VERIFIED),
    Bundle("bundle-redacted", "a field and all bodies withheld", ["--redact", "observed/connection", "--redact", "bodies"], None,
           [TRUST], VERIFIED),
    Bundle("bundle-redacted-changed", "a field that is shown, changed", ["--redact", "bodies"], word_replaced(b"reports-ro", b"reports-rw"),
           [TRUST], WANTING, "tampering"),
    Bundle("bundle-byte", "one bit of a record", [], flip(PART, 400), [TRUST], WANTING, "tampering"),
    Bundle("bundle-record-removed", "the third record is not there", [],
           records_changed(lambda records: records[:2] + records[3:]), [TRUST], WANTING, "truncation"),
    Bundle("bundle-tail-cut", "the last two records are not there", [], records_changed(lambda records: records[:-2]), [TRUST],
           WANTING, "truncation"),
    Bundle("bundle-records-exchanged", "two records exchanged", [],
           records_changed(lambda records: [*records[:2], records[3], records[2], *records[4:]]), [TRUST], WANTING, "tampering"),
    Bundle("bundle-key-byte", "one bit of a key's file", [], flip("keys/00000003.bodies.age", 100), [TRUST], WANTING, "tampering"),
    Bundle("bundle-head-byte", "one bit of the signed root", [], flip(HEAD, 20), [TRUST], WANTING, "tampering"),
    Bundle("bundle-proof-byte", "one bit of the log's excerpt", [], flip(PROOF, 60), [TRUST], WANTING, "tampering"),
    Bundle("bundle-no-head", "no checkpoint, in what calls itself whole", [], delete(HEAD), [TRUST], WANTING, "tampering"),
    Bundle("bundle-of-another", "the log of another gateway of the same name", [], excerpt_of(AGAIN), [TRUST], WANTING, "tampering"),
]


def bundle_files(store, how):
    """Without the documents and the verifier that come along."""
    key = ["--key", str(store / "identity")]
    listed = subprocess.run([NARROWS, "recording", "list", "--data-dir", store, "--json", *key], capture_output=True, text=True,
                            check=True).stdout
    session = json.loads(listed.splitlines()[-1])["session"]
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "bundle")
        subprocess.run([NARROWS, "recording", "export", session, "--data-dir", store, "--evidence", "--output-dir", out, *key, *how],
                       capture_output=True, check=True)
        return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*"))
                if path.is_file() and path.relative_to(out).parts[0] not in ("verifier", "docs")}


def files_of(vector, folder, stores, kept):
    if vector.change == "back":
        return rolled_back(stores[vector.store], kept)
    if vector.change == "no log":
        return {name: data for name, data in stores[vector.store].items() if not name.startswith("log/")}
    around = Around(stores[AGAIN], identity_of(folder))
    return vector.change(stores[vector.store], around) if vector.change else stores[vector.store]


def remake(made, names):
    """Bundles, and those of the names, which must be of stores in `made`; the others stay as they are."""
    def stays(name):
        return not name.startswith("bundle") and name not in names
    folders = {name: pathlib.Path(made, name) for name in (CLEAN, AGAIN)}
    stores = {name: load(folder) for name, folder in folders.items()}
    around = {name: bundle_files(folder, []) for name, folder in folders.items()}
    with tarfile.open(FOLDER / "stores.tar.xz") as archive:
        kept = [(each.name, archive.extractfile(each).read()) for each in archive if stays(each.name.split("/")[0])]
    expected = [each for each in json.loads((FOLDER / "expected.json").read_text()) if stays(each["name"])]
    beside = [(name, (folders[CLEAN] / name).read_bytes()) for name in ("trust", "identity")]
    for each in TABLE:
        if each.name in names:
            files = files_of(each, folders[each.store], stores, [])
            kept += [(f"{each.name}/{name}", data) for name, data in [*sorted(files.items()), *beside]]
            expected.append(expectation(each))
    for each in BUNDLES:
        files = bundle_files(folders[CLEAN], each.how)
        files = each.change(files, around) if each.change else files
        kept += [(f"{each.name}/bundle/{name}", data) for name, data in sorted(files.items())]
        kept += [(f"{each.name}/{name}", data) for name, data in beside]
        expected.append(expectation(each))
    with tarfile.open(FOLDER / "stores.tar.xz", "w:xz", preset=9) as archive:
        for name, data in kept:
            add(archive, name, data)
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


# ---- Making -----------------------------------------------------------------------------------------------------------

def rolled_back(files, kept):
    journal = Journal(files)
    size = int(kept[0].split(b"\n")[1])
    known = {part_of(entry) for entry in entries_of(files)[:size]}
    journal.drop(lambda frame: frame.part not in known or frame.sequence > 0)
    return write_log(journal.pack(), entries_of(files)[:size])


def make(made, gateway):
    folders = {name: pathlib.Path(made, name) for name in (CLEAN, AGAIN, FAULT, KILLED, "long")}
    folders |= {name: pathlib.Path(gateway, name) for name in (RECOVERED, RUNNING)}
    stores = {name: load(folder) for name, folder in folders.items()}
    own_trust = f"log {vkey('narrows/gw-1', SEED)}\n".encode()
    expected = []
    with tarfile.open(FOLDER / "stores.tar.xz", "w:xz", preset=9) as archive:
        for each in TABLE:
            kept = [path.read_bytes() for path in sorted(folders[each.store].glob("kept/*"))]
            files = files_of(each, folders[each.store], stores, kept)
            by_gateway = each.store in (RECOVERED, RUNNING)
            extra = {"trust": (folders[each.store] / "trust").read_bytes() if by_gateway else own_trust,
                     "kept": kept[-1] if kept else b""}
            if KEY in each.options:
                extra["identity"] = identity_of(folders[each.store]).encode()
            for name, data in sorted((files | extra).items()):
                add(archive, f"{each.name}/{name}", data)
            expected.append(expectation(each))
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def expectation(vector):
    return {"name": vector.name, "about": vector.about, "options": vector.options, "verdict": vector.verdict,
            "exit_code": EXIT[vector.verdict], "first_defect": vector.kind}


def add(archive, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


# ---- Running ----------------------------------------------------------------------------------------------------------

def answer(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    verdict = next((line["verdict"] for line in lines if line["type"] == "report"), done.stderr)
    kinds = [line["kind"] for line in lines if line["type"] == "finding" and line["kind"] not in ("note", "declared-loss")]
    first = [kind for kind in kinds if kind in ("tampering", "truncation", "disorder")] or kinds or [""]
    return {"verdict": verdict, "exit_code": done.returncode, "first_defect": first[0]}


def run():
    problems, expected = 0, json.loads((FOLDER / "expected.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(FOLDER / "stores.tar.xz") as archive:
            archive.extractall(folder)
        for each in expected:
            store = pathlib.Path(folder, each["name"])
            values = {TRUST: store / "trust", KEPT: store / "kept", KEY: store / "identity"}
            options = [str(word) for option in each["options"] for word in (option, values[option])] + ["--json"]
            bundle = store / "bundle"
            store = bundle if bundle.exists() else store
            for command in ([PROGRAM, str(store)] if store is bundle else [PROGRAM, "--data-dir", str(store)],
                            [sys.executable, str(ROOT / "verifier/narrows_verify.py"), str(store)]):
                found = answer(command + options)
                if any(found[key] != each[key] for key in found):
                    problems += 1
                    print(f"{each['name']}: {pathlib.Path(command[-2]).name} … {command[0]}: {found}, expected {each}")
    print(f"{len(expected)} vectors, two verifiers, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(*sys.argv[2:4])
        remake(sys.argv[2], ())
    elif sys.argv[1:2] == ["--remake"]:
        remake(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(run())
