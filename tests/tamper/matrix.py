"""The tamper matrix: everything that can be done to a small store is done, and told to both verifiers.

Usage: matrix.py [--full] DIR    DIR is what make_store wrote
"""

import argparse
import collections
import functools
import itertools
import multiprocessing
import pathlib
import re
import sys

from stores import BLOCK, Cpp, identity_of, load, python

import rewrite
from coding import cbor
from rewrite import OTHER_SEED, Journal, entries_of, key_entry, offsets, part_of, sha, write_log
from writer import KINDS, SEED

WORKERS = 2
# What a change must lead to. FOUND: found wanting. TOLD: that, or could not tell: nobody is left in the belief that the
# recording holds. UNSEEN: nothing, because nothing on record changed; each such case says why.
# MISSED: no defect, and they say that a key is missing. MAY: whatever they say, they must agree; each such case
# says why, too.
FOUND, TOLD, UNSEEN, MISSED, MAY = "found", "told", "unseen", "missed", "may"
Case = collections.namedtuple("Case", "name files expect why", defaults=("",))

BEHIND = "zeros behind the last batch hold nothing; what stands there instead is reported as a note (an unfinished batch)"
ABANDONED = "records that a failed sync made the writer write twice: the other copy is on record"
SUPERSEDED = "a partial tile of an older checkpoint: the log's own copy, superseded, and not read"
UNVOUCHED = "records behind the log's newest statement about their part, with every digest made good"
OWNER = "entries behind the newest checkpoint that was kept, signed by who holds the log's key"
SHREDDED = "the file of a key that was shredded: a copy from before, of which nothing is asked"
EMPTY = "a segment at the end of its lane that holds nothing that does not stand elsewhere too"
# Where both find the defect and name it differently.
DIFFERENCES = (
    (lambda case, ours, cpp: not case.name.startswith("flip") and ours.kind == cpp.kind,
     "the change makes several places wrong; the lanes are merged in another order, so another place comes first"),
)


def with_file(files, name, data):
    changed = dict(files)
    if data is None:
        changed.pop(name, None)
    else:
        changed[name] = data
    return changed


def segments(files):
    return [name for name in files if name.endswith(".nj")]


def is_superseded(files, name):
    """Whether a partial tile or bundle is not the one that the checkpoint needs."""
    found = re.fullmatch(r"log/tile/(\w+)/(\d+)\.p/(\d+)", name)
    level = 0 if found and found[1] == "entries" else int(found[1]) if found else 0
    size = int(files["log/checkpoint"].split(b"\n")[1]) >> 8 * level
    return found is not None and (int(found[2]), int(found[3])) != divmod(size, 256)


@functools.lru_cache(100)
def twice_from(files, name):
    """Where the batches at the end of a segment begin all of whose records stand in another segment too."""
    files = dict(files)
    stand = collections.Counter()
    for segment in Journal(files).segments:
        stand.update({(frame.part, frame.sequence) for batch in segment.batches for frame in batch.frames})
    found, at = offsets(files[name])
    for begin, batch in reversed(list(zip(found, rewrite.Segment(name, files[name]).batches))):
        if any(frame.part and stand[frame.part, frame.sequence] < 2 for frame in batch.frames):
            break
        at = begin
    return at


def abandoned_from(files, name):
    return twice_from(tuple(item for item in files.items() if item[0].endswith(".nj")), name)


def is_shredded(files, name):
    found = re.fullmatch(r"keys/(\d+)\.(\w+)\.age", name)
    return found is not None and any(entry["type"] == "SHRED" and (entry["part"], entry["class"]) == (int(found[1]), found[2])
                                     for entry in map(cbor, entries_of(files)))


def unseen_flip(files, name, offset):
    if name.endswith(".nj") and offset >= offsets(files[name])[1]:
        return BEHIND
    if is_shredded(files, name):
        return SHREDDED
    return SUPERSEDED if is_superseded(files, name) else ""


def flips(files, every):
    for name, data in files.items():
        twice = abandoned_from(files, name) if name.endswith(".nj") else 0
        for offset in range(0, len(data), every):
            changed = bytearray(data)
            changed[offset] ^= 1 << offset % 8
            why = unseen_flip(files, name, offset)
            expect = UNSEEN if why else TOLD if name == "log/checkpoint" else FOUND
            if name.endswith(".nj") and not why and offset >= twice:
                expect, why = MAY, ABANDONED
            yield Case(f"flip {name} {offset}", with_file(files, name, bytes(changed)), expect, why)


def whole_files(files, other):
    """Every segment, tile, bundle and checkpoint: deleted, exchanged for another one, spliced from another gateway."""
    for name in files:
        last = name.endswith(".nj") and abandoned_from(files, name) == BLOCK
        why = EMPTY if last else SUPERSEDED if is_superseded(files, name) else SHREDDED if is_shredded(files, name) else ""
        expect = (UNSEEN if why else TOLD if name == "log/checkpoint" else MISSED if name.startswith("keys/") else FOUND)
        yield Case(f"delete {name}", with_file(files, name, None), expect, why)
        if name in other and other[name] != files[name] and not why:
            yield Case(f"splice {name}", with_file(files, name, other[name]), TOLD)
    read = [name for name in files if not is_superseded(files, name) and not is_shredded(files, name)]
    for one, two in itertools.combinations(read, 2):
        if files[one] != files[two]:
            yield Case(f"swap {one} and {two}", {**files, one: files[two], two: files[one]}, TOLD)
    for name in segments(files):
        lane, number = re.fullmatch(r"journal/(\w+)-(\d+)\.nj", name).groups()
        yield Case(f"duplicate {name}", with_file(files, f"journal/{lane}-{int(number) + 2:08}.nj", files[name]), FOUND)


def batches(files, other):
    """Every batch: deleted, zeroed, duplicated, swapped with the next, replayed over the next, spliced."""
    for name in segments(files):
        data, (found, end) = files[name], offsets(files[name])
        ends = [*found[1:], end]
        pieces = [data[a:b] for a, b in zip(found, ends)]

        def put(what, new):
            gone = found[int(what.split(" ")[-1])] >= abandoned_from(files, name)
            return Case(f"{what} of {name}", with_file(files, name, data[:BLOCK] + b"".join(new) + data[end:]),
                        MAY if gone else FOUND, ABANDONED if gone else "")

        for i, piece in enumerate(pieces):
            yield put(f"delete batch {i}", pieces[:i] + pieces[i + 1:])
            yield put(f"zero batch {i}", [*pieces[:i], bytes(len(piece)), *pieces[i + 1:]])
            yield put(f"duplicate batch {i}", pieces[:i + 1] + pieces[i:])
            if i + 1 < len(pieces):
                yield put(f"swap batch {i}", [*pieces[:i], pieces[i + 1], piece, *pieces[i + 2:]])
                yield put(f"replay batch {i}", [*pieces[:i + 1], piece, *pieces[i + 2:]])
            theirs = offsets(other.get(name, b""))[0]
            if i < len(theirs):
                end_of = ([*theirs[1:], offsets(other[name])[1]])[i]
                yield put(f"splice batch {i}", [*pieces[:i], other[name][theirs[i]:end_of], *pieces[i + 1:]])


def tails(files):
    """Every segment cut at every block, within blocks, and zeroed from there on."""
    for name in segments(files):
        data, (_, end) = files[name], offsets(files[name])
        for at in sorted({*range(0, end, BLOCK), *range(BLOCK + 100, end, BLOCK)}):
            gone = at >= abandoned_from(files, name)
            expect = (MAY, ABANDONED) if gone else (FOUND, "")
            yield Case(f"cut {name} at {at}", with_file(files, name, data[:at]), *expect)
            if at:
                yield Case(f"zero {name} from {at}", with_file(files, name, data[:at] + bytes(len(data) - at)), *expect)


def keys(files):
    """Every key's file cut short; deleted, flipped, swapped and spliced they are above. And all of them deleted."""
    names = [name for name in files if name.startswith("keys/") and not is_shredded(files, name)]
    for name in names:
        for at in (0, len(files[name]) // 2, len(files[name]) - 1):
            yield Case(f"cut {name} at {at}", with_file(files, name, files[name][:at]), FOUND)
    if names:
        yield Case("delete keys", {name: data for name, data in files.items() if not name.startswith("keys/")}, MISSED)


def each_frame(files):
    """(what, journal, frames of the batch, index) for every frame, each in a journal of its own."""
    shape = Journal(files)
    for s, segment in enumerate(shape.segments):
        for b, batch in enumerate(segment.batches):
            for f in range(len(batch.frames)):
                def fresh(s=s, b=b, f=f):
                    copy = Journal(files)
                    return copy, copy.segments[s].batches[b].frames, f
                yield f"frame {f} of batch {b} of {segment.name}", fresh


def vouched_of(files):
    """How many records of each part the log vouches for."""
    found = {}
    for entry in map(cbor, entries_of(files)):
        heads = entry.get("heads", []) + ([[entry["part"], entry["size"]]] if entry["type"] == "CLOSE" else [])
        for part, size, *_ in heads:
            found[part] = max(size, found.get(part, 0))
    return found


def if_vouched(vouched):
    return (FOUND, "") if vouched else (MAY, UNVOUCHED)


def frames(files, other):
    """Every frame, with all checksums and digests of the journal made good: only the log can tell some of these."""
    vouched = vouched_of(files)
    for what, fresh in each_frame(files):
        copy, list_of, i = fresh()
        expect = if_vouched(not list_of[i].part or list_of[i].sequence < vouched.get(list_of[i].part, 0))
        lone = len(list_of) == 1
        if not lone:
            del list_of[i]
            yield Case(f"delete {what}", copy.pack(relink=False), FOUND)
        copy, list_of, i = fresh()
        list_of.insert(i, rewrite.Frame(list_of[i].bytes()))
        yield Case(f"duplicate {what}", copy.pack(relink=False), FOUND)
        copy, list_of, i = fresh()
        list_of[i].payload += b"\0"
        yield Case(f"lengthen {what}", copy.pack(), *expect)
        copy, list_of, i = fresh()
        list_of[i].header[24] ^= 1
        yield Case(f"another time for {what}", copy.pack(), *expect)
        copy, list_of, i = fresh()
        list_of[i].header[4] = list_of[i].header[4] % len(KINDS) + 1
        yield Case(f"another kind for {what}", copy.pack(), *expect)
        copy, list_of, i = fresh()
        theirs = next(frame.payload for frame in reversed(Journal(other).frames()) if frame.payload != list_of[i].payload)
        list_of[i].payload = theirs
        yield Case(f"splice a payload into {what}", copy.pack(), *expect)
    yield from swapped_frames(files)


def swapped_frames(files):
    count = len(Journal(files).frames())
    for i in range(count - 1):
        copy = Journal(files)
        all_of = copy.frames()
        one, two = all_of[i], all_of[i + 1]
        if one.payload != two.payload:
            one.payload, two.payload = two.payload, one.payload
            yield Case(f"swap the payloads of frames {i} and {i + 1}", copy.pack(), FOUND)


def parts(files):
    """Every session (part): removed, with the parts behind it renumbered or not, or cut short, digests made good."""
    numbers = sorted({frame.part for frame in Journal(files).frames()} - {0})
    for number in numbers:
        copy = Journal(files)
        copy.drop(lambda frame, number=number: frame.part == number)
        yield Case(f"delete part {number}", copy.pack(), FOUND)
        for frame in copy.frames():
            if frame.part > number:
                frame.number(frame.part - 1, frame.sequence)
        if number != numbers[-1]:
            yield Case(f"delete part {number} and renumber", copy.pack(), FOUND)
        length = sum(frame.part == number for frame in Journal(files).frames())
        vouched = vouched_of(files).get(number, 0)
        for keep in range(1, length):
            copy = Journal(files)
            copy.drop(lambda frame, number=number, keep=keep: frame.part == number and frame.sequence >= keep)
            yield Case(f"cut part {number} after {keep} records", copy.pack(), *if_vouched(keep < vouched))


def cut_and_continued(files):
    """The last batches of a lane cut off, and the lane continued with other records."""
    for index in range(len(Journal(files).segments)):
        for keep in range(len(Journal(files).segments[index].batches)):
            copy = Journal(files)
            segment = copy.segments[index]
            gone = segment.batches[keep:]
            segment.batches = segment.batches[:keep] + gone[:1]
            gone[0].frames = gone[0].frames[:1]
            gone[0].frames[0].payload = b"\xa1\x68observed\xa0"
            yield Case(f"cut {segment.name} after {keep} batches and continue", copy.pack(), FOUND)


def log_entries(files, kept):
    """Every log entry removed, duplicated, swapped: with the gateway's key signed anew, which only a kept checkpoint shows."""
    entries, kept = entries_of(files), int(kept[-1].split(b"\n")[1])
    for i in range(1, len(entries)):
        for what, new in (("removed", entries[:i] + entries[i + 1:]), ("twice", entries[:i + 1] + entries[i:]),
                          ("swapped", [*entries[:i], *entries[i + 1:i + 2], entries[i], *entries[i + 2:]])):
            if new == entries:
                continue
            expect = (FOUND, "") if i < kept - (what == "twice") else (MAY, OWNER)
            yield Case(f"entry {i} {what}, signed anew", write_log(files, new), *expect)


def rewrites(files, kept):
    """Journal and log rewritten whole, without one session; and rolled back to an older state."""
    entries = entries_of(files)
    session = max(frame.part for frame in Journal(files).frames())
    copy = Journal(files)
    copy.drop(lambda frame: frame.part == session)
    rest = [entry for entry in entries if part_of(entry) != session]
    yield Case("whole rewrite with the gateway's key", write_log(copy.pack(), rest, SEED), FOUND)
    yield Case("whole rewrite with another key", write_log(copy.pack(), [key_entry(OTHER_SEED), *rest[1:]], OTHER_SEED),
               TOLD)
    yield Case("whole rewrite under another name", write_log(copy.pack(), [
        key_entry(OTHER_SEED, "narrows/gw-2"), *rest[1:]], OTHER_SEED, "narrows/gw-2"), TOLD)
    for number, note in enumerate(kept[:-1]):
        size = int(note.split(b"\n")[1])
        known = {part_of(entry) for entry in entries[:size]}
        back = Journal(files)
        back.drop(lambda frame, known=known: frame.part not in known)
        rolled = {name: data for name, data in write_log(back.pack(), entries[:size]).items()}
        rolled["log/checkpoint"] = note
        yield Case(f"rolled back to checkpoint {number + 1}", rolled, FOUND)
        yield Case(f"checkpoint {number + 1} replayed", with_file(files, "log/checkpoint", note), FOUND)
    yield Case("no log", {name: data for name, data in files.items() if not name.startswith("log/")}, FOUND)


def cases_of(files, other, kept, every):
    yield Case("as it was", files, UNSEEN, "nothing was changed")
    yield from flips(files, every)
    yield from whole_files(files, other)
    yield from batches(files, other)
    yield from tails(files)
    yield from keys(files)
    yield from parts(files)
    yield from cut_and_continued(files)
    yield from frames(files, other)
    if len(kept) > 1:
        yield from log_entries(files, kept)
        yield from rewrites(files, kept)


def judge(case, clean, ours, cpp):
    """What is wrong with the answers; nothing if all is as it must be."""
    for name, answer in (("Python", ours), ("C++", cpp)):
        right = {MAY: True, FOUND: answer.verdict == "found wanting", UNSEEN: answer.verdict == clean,
                 MISSED: answer.verdict == clean and answer.kind in ("missing-key", "note"),  # a note of what was shredded
                 TOLD: answer.verdict in ("found wanting", "could not tell")}[case.expect]
        if not right:
            return f"{name} must answer '{case.expect}': {answer}"
    if ours.verdict != cpp.verdict or (case.expect != UNSEEN and (ours.kind, ours.file) != (cpp.kind, cpp.file)):
        if not any(fits(case, ours, cpp) for fits, _ in DIFFERENCES) or ours.verdict != cpp.verdict:
            return f"they differ: Python {ours}; C++ {cpp}"
    return ""


def run(task):
    store, folder, others, trust, every, worker = task
    files, other = load(folder), load(others)
    kept = [path.read_bytes() for path in sorted(pathlib.Path(folder, "kept").glob("*"))]
    keys_given = [None, identity_of(folder)]  # every other case is told with the key
    filters = [Cpp(files, trust, kept, key) for key in keys_given]
    clean = python(files, trust, kept).verdict
    counts, problems, reasons = collections.Counter(), [], collections.Counter()
    for number, case in enumerate(cases_of(files, other, kept, every)):
        if number % WORKERS != worker or (number and case.files == files):
            continue
        turn = number // WORKERS % 2
        wrong = judge(case, clean, python(case.files, trust, kept, keys_given[turn]), filters[turn].verify(case.files))
        counts[case.name.split(" ")[0]] += 1
        reasons[case.why] += bool(case.why)
        if wrong:
            problems.append(f"{store}: {case.name}: {wrong}")
    for each in filters:
        each.close()
    return store, counts, reasons, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--full", action="store_true", help="every byte of every store, not of the first alone")
    options = parser.parse_args()
    trust = (options.folder / "clean/trust").read_text()
    # (store, from where to splice, every N-th byte is flipped)
    some = 1 if options.full else 7
    stores = [("clean", "again", 1), ("fault", "clean", some), ("killed", "clean", some), ("long", "clean", some)]
    tasks = [(name, options.folder / name, options.folder / other, trust, every, worker)
             for name, other, every in stores for worker in range(WORKERS)]
    problems, counts, reasons = [], collections.Counter(), collections.Counter()
    with multiprocessing.Pool(WORKERS) as pool:
        for store, found, unseen, wrong in pool.imap_unordered(run, tasks, chunksize=1):
            counts.update(found)
            reasons.update(unseen)
            problems += wrong
    print(f"{counts.total()} changes: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
    for why, count in reasons.items():
        print(f"not to be seen, {count} times: {why}")
    print(f"{len(problems)} problems")
    print("\n".join(problems[:60]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
