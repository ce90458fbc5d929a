#!/usr/bin/env python3
"""Verifies the journal and the evidence log of a Narrows gateway, or an evidence bundle, and only reads.

Written from docs/format.md alone. Python 3.11 with nothing but its standard library, and the `openssl` program; the
package `cryptography` too, if --key is given.

Usage: narrows_verify.py DATA_DIR_OR_BUNDLE_OR_PROOF [--trust FILE] [--checkpoint NOTE]… [--archive DIR] [--key FILE]…
       [--json]
Exit code: 0 held, 1 found wanting, 2 wrong usage, 3 could not tell.
"""

import argparse
import json
import sys

from archived import Archived
from bundle import find_bundle, find_proof, verify_bundle, verify_proof
from custody import CLASSES, Custody
from evidence_log import NOTE_MAX, Log, Trust
from findings import MEANS, Folder, Malformed, Report, Unsupported, need
from journal import Journal
from records import Part
from sealed import CAN_OPEN, parse_identities


def verify(store, trust=None, kept=(), progress=None, identities=(), archive=None):
    """`store` is a Folder or what has its three functions; `kept` are pairs of a name and a note's bytes; `identities`
    are age keys of 32 bytes; `archive` is the gateway's folder in an archive, or a copy of it."""
    report = Report(progress)
    custody = Custody(store, report, trust, tuple(identities))
    archived = Archived(store, report, archive)
    log = Log(store, report, trust, kept, custody, archived)
    parts = {}
    try:
        log.check()
        archived.check(log.statements.readable)
        for frame in Journal(store, report).frames():
            if frame.part not in parts:
                counts = log.statements.closes.get(frame.part, b"")
                parts[frame.part] = Part(frame.part, report, custody, counts)
                archived.begin(parts[frame.part])
            archived.count(frame, log.statements.vouched(frame.part))
            parts[frame.part].take(frame)
            log.statements.compare(frame)
            report.tick()
    except (OSError, Unsupported) as why:
        report.add("chains", "unreadable", str(why))
    for number in sorted(parts):
        parts[number].finish(log.statements.vouched(number))
        log.statements.finish_part(parts[number])
        archived.finish(parts[number], log.statements.vouched(number))
    log.statements.finish(parts)
    report.checked["parts"] = len(parts)
    report.checked["parts_open"] = sum(not part.closed for part in parts.values())
    return report


def verify_any(path, trust, kept, progress, identities, archive):
    bundle, proof = find_bundle(path), find_proof(path)
    if bundle is not None:
        return verify_bundle(bundle, trust, kept, progress, identities)
    if proof is not None:
        return verify_proof(proof, trust, kept)
    return verify(Folder(path), trust, kept, progress, identities, archive)


def spans(report, opened):
    """The parts whose sealed payloads could be opened, or could not, by class: [first, last] of each run of numbers."""
    result = {}
    for name in CLASSES:
        for part in sorted(report.sealed[opened][name]):
            found = result.setdefault(name, [])
            if found and found[-1][1] == part - 1:
                found[-1][1] = part
            else:
                found.append([part, part])
    return result


def show_json(report, out):
    for each in report.findings():
        out.write(json.dumps({"type": "finding", **each._asdict(), "means": MEANS[each.kind]}) + "\n")
    out.write(json.dumps({"type": "report", "verdict": report.verdict(), "checked": report.checked,
                          "findings": report.kinds.total(), "origin": report.origin, "log_size": report.log_size,
                          "opened": spans(report, True), "unopened": spans(report, False),
                          "signers": report.signers, "keys_seen": report.keys_seen}) + "\n")


def printable(text):
    return "".join(each if each.isprintable() else "?" for each in text)


def place_of(finding):
    words = [finding.file + (f" at offset {finding.offset}" if finding.offset else "")] if finding.file else []
    if finding.part is not None:
        words.append(f"part {finding.part}" + (f" record {finding.sequence}" if finding.sequence is not None else ""))
    return printable(", ".join(words))


def show_text(report, out):
    checked = report.checked
    out.write(f"checked {checked['segments']} segments, {checked['batches']} batches, {checked['records']} records in "
              f"{checked['parts']} parts ({checked['parts_open']} without an end yet), {checked['bytes']} bytes\n"
              f"checked {checked['operations']} operations, {checked['allowed']} allowed, {checked['unknown']} of "
              f"unknown outcome; {checked['bodies']} bodies compared\n"
              f"checked the log {printable(report.origin)}: {checked['log_entries']} entries, {checked['log_heads']} "
              "statements about parts\n")
    if checked["reconciliations"]:
        out.write(f"the log tells of {checked['reconciliations']} reconciliations with CloudTrail\n")
    for opened, words in ((True, "opened {} of {}"), (False, "sealed, only headers checked: {} of {}")):
        for name, runs in spans(report, opened).items():
            numbers = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)
            out.write(words.format(name, f"part{'s' * (numbers != str(runs[0][0]))} {numbers}") + "\n")
    for key in report.signers:
        out.write(f"signed by {printable(key)}\n")
    for each in report.findings():
        out.write(f"\n{each.kind}: {printable(each.what)}\n  {MEANS[each.kind]}\n")
        if where := place_of(each):
            out.write(f"  {where}\n")
    out.write(f"\n{report.verdict()}\n")
    if report.verdict() == "consistent, not verified":
        for key in report.keys_seen:
            out.write(f"The log itself names the key {printable(key)}\n")
        out.write("Give --trust FILE with a line `log VKEY` that you got from elsewhere, to know whose recording it is.\n")


def read_bounded(path):
    with open(path, "rb") as file:
        data = file.read(NOTE_MAX + 1)
    need(len(data) <= NOTE_MAX, f"{path} is larger than 1 MiB")
    return data


def read_identities(path):
    try:
        return parse_identities(read_bounded(path).decode("utf-8"))
    except Malformed as why:
        raise Malformed(f"{path}: {why}") from None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data_dir", metavar="DATA_DIR", help="holds journal/, log/ and keys/; or an evidence bundle, a tar of one, or a proof")
    parser.add_argument("--trust", metavar="FILE", help="keys that you got from somewhere else than the data")
    parser.add_argument("--checkpoint", metavar="NOTE", action="append", default=[],
                        help="a checkpoint of the log that you kept from before")
    parser.add_argument("--key", metavar="FILE", action="append", default=[],
                        help="an age identity file: what is sealed to it is opened, and checked whole")
    parser.add_argument("--archive", metavar="DIR", help="the gateway's folder in an archive, or a copy of it")
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of text")
    options = parser.parse_args(arguments)
    is_terminal = sys.stderr.isatty()
    progress = (lambda records: print(f"\r{records} records checked", end="", file=sys.stderr)) if is_terminal else None
    try:
        trust = Trust(read_bounded(options.trust).decode("utf-8")) if options.trust else None
        kept = [(path, read_bounded(path)) for path in options.checkpoint]
        identities = [each for path in options.key for each in read_identities(path)]
    except (OSError, Malformed, UnicodeDecodeError) as why:
        print(f"narrows_verify: {why}", file=sys.stderr)
        return 2
    if identities and not CAN_OPEN:
        print("narrows_verify: the Python package cryptography is not installed: nothing is opened", file=sys.stderr)
        identities = []
    try:
        report = verify_any(options.data_dir, trust, kept, progress, identities, options.archive)
    except FileNotFoundError as why:
        print(f"narrows_verify: could not tell: {why}", file=sys.stderr)
        return 3
    if is_terminal:
        print("\r" + " " * 30 + "\r", end="", file=sys.stderr)
    (show_json if options.json else show_text)(report, sys.stdout)
    return {"found wanting": 1, "could not tell": 3}.get(report.verdict(), 0)


if __name__ == "__main__":
    sys.exit(main())
