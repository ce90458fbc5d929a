"""Random changes to small stores, told to both verifiers: their verdict must be one, and of changed bytes the kind of the
first defect too. (Of changed records several things are wrong at once, and either may come first.)

Usage: differential.py DIR SECONDS CHANGES [SEED]    DIR is what make_store wrote; ends with whichever is reached first
"""

import collections
import copy
import pathlib
import random
import sys
import time

from stores import BLOCK, Cpp, identity_of, load, python

from coding import cbor
from findings import Malformed
from rewrite import Frame, Journal, encode, entries_of, write_log
from writer import KINDS

WORDS = ["allow", "deny", "hold", "ended", "interrupted", "answered", "cut", "records", "request", "response", "net", ""]
NUMBERS = [0, 1, 2, 3, 5, 23, 24, 255, 256, 65536, 1 << 32, (1 << 63) - 1, -1]


def bytes_changed(files, dice, _):
    """Bytes of one file changed, copied, moved or cut, as a bad disk or a clumsy hand does it."""
    name = dice.choice(list(files))
    data = bytearray(files[name])
    for _ in range(dice.randint(1, 3)):
        at, size = dice.randrange(len(data) + 1), dice.choice([1, 2, 4, 32, BLOCK])
        action = dice.randrange(6)
        if action == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif action == 1:
            data[at:at + size] = bytes(min(size, len(data) - at))
        elif action == 2:
            data[at:at + size] = dice.randbytes(min(size, len(data) - at))
        elif action == 3:
            del data[at:at + size]
        elif action == 4:
            data[at:at] = data[at - size:at]
        else:
            block, other = (dice.randrange(len(data) // BLOCK + 1) * BLOCK for _ in range(2))
            data[block:block + BLOCK] = data[other:other + BLOCK]
    return files | {name: bytes(data)}


def value_changed(value, dice):
    """A decoded payload with one of its values changed, removed or doubled."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        name = dice.choice(list(value))
        if dice.random() < 0.1:
            return {key: each for key, each in value.items() if key != name}
        if dice.random() < 0.05:
            return value | {dice.choice(["op", "part", "x", "stated"]): value[name]}
        return value | {name: value_changed(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.8:
        at = dice.randrange(len(value))
        return [*value[:at], value_changed(value[at], dice), *value[at + 1:]]
    if isinstance(value, int) and not isinstance(value, bool) and dice.random() < 0.5:
        return min(max(value + dice.choice([-1, 1]), -1), (1 << 63) - 1)
    return dice.choice([dice.choice(WORDS), dice.choice(NUMBERS), b"hello", None, True, [], {}, 1.5])


def records_changed(files, dice, identity):
    """Records changed, exchanged, removed or added, all digests (and seals, with an identity) made good: the order of
    things is what is left to see."""
    journal = Journal(files, identity)
    for _ in range(dice.randint(1, 2)):
        batch = dice.choice([batch for segment in journal.segments for batch in segment.batches if batch.frames])
        at = dice.randrange(len(batch.frames))
        frame, other = batch.frames[at], dice.choice(journal.frames())
        action = dice.randrange(10)
        if action < 4:
            try:
                frame.payload = encode(value_changed(cbor(frame.payload), dice))
            except Malformed:
                frame.payload = b""
        elif action == 4:
            frame.payload, other.payload = other.payload, frame.payload
            for what in (slice(4, 7), slice(32, 44)):  # kind, flags, class; op, epoch
                frame.header[what], other.header[what] = other.header[what], frame.header[what]
        elif action == 5:
            frame.header[4] = dice.randint(0, len(KINDS) + 1)
            frame.header[5] &= dice.choice([1, 15])
        elif action == 6:
            frame.number(dice.choice([frame.part, other.part, 9]), dice.choice([frame.sequence + 1, other.sequence, 0]))
        elif action == 7:
            batch.frames.insert(at, Frame(other.bytes(), other.keys))
        elif action == 8:
            header_changed(frame.header, dice)
        else:
            frame.payload = bytes(byte ^ (dice.random() < 0.01) for byte in frame.payload)
        if action == 7 or dice.random() < 0.3:
            renumber(journal)
        if dice.random() < 0.1 and len(batch.frames) > 1:
            del batch.frames[at]
    return journal.pack(relink=dice.random() < 0.95)


def header_changed(header, dice):
    at, value = dice.choice([(5, 1), (5, 2), (5, 8), (6, 1), (6, 2), (32, 1), (32, 255), (40, 1), (80, 1)])
    header[at] ^= value


def renumber(journal):
    """Every part's records dense again, in the order in which they stand."""
    order = collections.defaultdict(list)
    for frame in journal.frames():
        order[frame.part].append(frame)
    for part, frames in order.items():
        for sequence, frame in enumerate(sorted(frames, key=lambda frame: frame.sequence)):
            if part:
                frame.number(part, sequence)


def run(folder, seconds, most, seed):
    dice, trust = random.Random(seed), (folder / "clean/trust").read_text()
    stores = []
    for name in ("clean", "fault", "killed"):
        files = load(folder / name)
        identity = identity_of(folder / name)
        # Without a word of the log about the parts, what is wrong with the records is found by the records.
        silent = write_log(files, entries_of(files)[:1])
        stores += [(each, Cpp(each, trust, (), key), identity, key) for each in (files, silent)
                   for key in ([None, identity] if identity else [None])]
    until, counts, wrong = time.monotonic() + seconds, collections.Counter(), []
    while time.monotonic() < until and counts.total() < most and len(wrong) < 20:
        files, cpp, identity, key = dice.choice(stores)
        change = dice.choice([bytes_changed, records_changed, records_changed])
        changed = change(copy.copy(files), dice, dice.choice([None, identity]))
        ours, theirs = python(changed, trust, (), key), cpp.verify(changed)
        counts[f"{ours.verdict}, {ours.kind}" if ours.kind else ours.verdict] += 1
        if ours.verdict != theirs.verdict or (change is bytes_changed and ours.kind != theirs.kind):
            wrong.append((changed, f"{change.__name__}: Python {ours}; C++ {theirs}"))
    for _, cpp, *_ in stores:
        cpp.close()
    return counts, wrong


def keep(files, folder):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def main():
    folder, seconds, most = pathlib.Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 20261125
    counts, wrong = run(folder, seconds, most, seed)
    print(f"{counts.total()} changes with seed {seed}: " + ", ".join(f"{n} {what}" for what, n in counts.most_common()))
    for number, (files, words) in enumerate(wrong):
        keep(files, folder / f"differs-{number}")
        print(f"{folder / f'differs-{number}'}: {words}")
    print(f"{len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
