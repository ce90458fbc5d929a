"""The attacker's pen: takes a store apart and writes it anew, every checksum and digest made good (docs/format.md)."""

import base64
import contextlib
import re

from coding import cbor, crc32c
from evidence_log import Tree, tile_name
from findings import Malformed
from sealed import AESGCM, age_open, committed, parse_identities, unseal
from writer import BLOCK, CLASSES, SEED, context, encode, epoch_keys, nonce_of, sha, signed_note, vkey

HEADER = 144
# SEED, 00 01 02 … 1f, is the key of the stores that make_store.cc writes.
OTHER_SEED = bytes(range(32, 64))


def offsets(data):
    """The offsets of a segment's batches and the end of the last."""
    at, found = BLOCK, []
    while data[at:at + 4] == b"NJB1":
        found.append(at)
        at += -(-int.from_bytes(data[at + 36:at + 40], "little") // BLOCK) * BLOCK
    return found, at


class Segment:
    def __init__(self, name, data, keys=None):
        self.name, self.header = name, bytearray(data[:BLOCK])
        ends = offsets(data)
        self.batches = [Batch(data[at:], keys) for at in ends[0]]
        self.rest = data[ends[1]:]

    @property
    def lane(self):
        return self.name.split("/")[1].split("-")[0]

    @property
    def origin(self):
        return bytes(self.header[138:138 + int.from_bytes(self.header[136:138], "little")])


class Batch:
    def __init__(self, data, keys=None):
        length = int.from_bytes(data[36:40], "little")
        self.header, self.frames, at = bytearray(data[:136]), [], 136
        while at < length:
            size = int.from_bytes(data[at:at + 4], "little")
            self.frames.append(Frame(data[at:at + size], keys))
            at += size

    def pack(self, number, prev_chain, origin):
        frames = b"".join(frame.bytes() for frame in self.frames)
        head = self.header
        head[24:32] = number.to_bytes(8, "little")
        head[32:36] = len(self.frames).to_bytes(4, "little")
        head[36:40] = (136 + len(frames)).to_bytes(4, "little")
        head[64:96] = prev_chain
        head[96:100] = crc32c(frames).to_bytes(4, "little")
        head[100:132] = sha(bytes(head[:100]), *(frame.leaf(origin) for frame in self.frames))
        head[132:136] = crc32c(bytes(head[:132])).to_bytes(4, "little")
        data = bytes(head) + frames
        return data + bytes(-len(data) % BLOCK)


class Frame:
    """One record. `keys` are the journal's session keys: where they hold the record's own, `payload` is what was sealed,
    and bytes() seals it anew; else it is what stands there."""

    def __init__(self, data, keys=None):
        self.header, self.payload, self.keys = bytearray(data[:HEADER]), data[HEADER:], keys or {}
        if self.epoch_keys():
            self.payload = unseal(self.epoch_keys()[0], self.sequence, self.bound(), self.payload)

    part = property(lambda self: int.from_bytes(self.header[8:16], "little"))
    sequence = property(lambda self: int.from_bytes(self.header[16:24], "little"))

    def number(self, part, sequence):
        self.header[8:24] = part.to_bytes(8, "little") + sequence.to_bytes(8, "little")

    def epoch_keys(self):
        where = self.part, self.header[6]
        if not self.header[5] & 1 or where not in self.keys:
            return None
        return epoch_keys(self.keys[where], CLASSES[where[1]], int.from_bytes(self.header[40:44], "little"))

    def bound(self):
        return context(self.keys["origin"]) + bytes(self.header[4:112])

    def stored(self):
        keys = self.epoch_keys()
        if not keys:
            return self.payload
        with contextlib.suppress(Malformed):  # what is no CBOR is committed to as it was
            self.header[80:112] = committed(keys[1], self.sequence, self.payload)[1]
        return AESGCM(keys[0]).encrypt(nonce_of(self.sequence), self.payload, self.bound())

    def bytes(self):
        payload = self.stored()
        self.header[:4] = (HEADER + len(payload)).to_bytes(4, "little")
        self.header[112:144] = sha(payload)
        return bytes(self.header) + payload

    def leaf(self, origin):
        self.bytes()
        return sha(b"\0", context(origin), bytes(self.header[4:]))


def session_keys(files, identity):
    """What the envelopes in keys/ hold that this identity opens: the origin, and by part and class the keys."""
    keys = {}
    for name, data in files.items():
        content = age_open(data, tuple(parse_identities(identity))) if name.startswith("keys/") else None
        if content:
            _, origin, part, of, secret = content.decode().splitlines()
            keys |= {"origin": origin.encode(), (int(part), CLASSES.index(of)): bytes.fromhex(secret)}
    return keys


class Journal:
    """A journal taken apart; with an identity, by someone who can open and seal its records."""

    def __init__(self, files, identity=None):
        keys = session_keys(files, identity) if identity else None
        self.others = {name: data for name, data in files.items() if not re.fullmatch(r"journal/\w+-\d+\.nj", name)}
        self.segments = [Segment(name, files[name], keys) for name in sorted(files) if name not in self.others]

    def frames(self):
        return [frame for segment in self.segments for batch in segment.batches for frame in batch.frames]

    def drop(self, unwanted):
        for segment in self.segments:
            for batch in segment.batches:
                batch.frames = [frame for frame in batch.frames if not unwanted(frame)]
            segment.batches = [batch for batch in segment.batches if batch.frames]

    def relink(self):
        """Every prev_leaf anew, in order of sequence."""
        origin, last = self.segments[0].origin, {}
        for frame in sorted(self.frames(), key=lambda frame: (frame.part, frame.sequence)):
            if frame.part:
                frame.header[48:80] = last.get((frame.part, frame.sequence - 1), bytes(32))
                last[frame.part, frame.sequence] = frame.leaf(origin)

    def pack(self, relink=True):
        if relink:
            self.relink()
        files, lane, chain, count = dict(self.others), None, bytes(32), 0
        for segment in self.segments:
            if segment.lane != lane:
                lane, chain, count = segment.lane, bytes(32), 0
            segment.header[64:72] = count.to_bytes(8, "little")
            segment.header[72:104] = chain
            segment.header[4092:] = crc32c(bytes(segment.header[:4092])).to_bytes(4, "little")
            data, chain = bytes(segment.header), sha(bytes(segment.header))
            for count, batch in enumerate(segment.batches):
                data += batch.pack(count, chain, segment.origin)
                chain = bytes(batch.header[100:132])
            count = len(segment.batches)
            files[segment.name] = data + segment.rest
        return files


# ---- The log ----------------------------------------------------------------------------------------------------------

def entries_of(files):
    """The log's entries, out of the widest bundles."""
    entries = []
    for index in range(1000):
        name = tile_name("entries", index)
        partial = [each for each in files if each.startswith(name + ".p/")]
        if name not in files and not partial:
            return entries
        data = files[name] if name in files else files[max(partial, key=lambda each: int(each.rsplit("/")[-1]))]
        while data:
            length = int.from_bytes(data[:2], "big")
            entries.append(data[2:2 + length])
            data = data[2 + length:]
    return entries


def write_log(files, entries, seed=SEED, name="narrows/gw-1"):
    """The store with a log of these entries, signed anew; at most 256."""
    kept = {path: data for path, data in files.items() if not path.startswith("log/")}
    leaves = [sha(b"\0", entry) for entry in entries]
    kept[f"log/tile/0/000.p/{len(entries)}"] = b"".join(leaves)
    kept[f"log/tile/entries/000.p/{len(entries)}"] = b"".join(
        len(entry).to_bytes(2, "big") + entry for entry in entries)
    kept["log/checkpoint"] = checkpoint(len(entries), Tree(leaves).root(), seed, name)
    return kept


def checkpoint(size, root, seed, name):
    return signed_note(f"{name}\n{size}\n{base64.b64encode(root).decode()}\n", name, seed)


def key_entry(seed, name="narrows/gw-1"):
    return encode({"time": 1, "type": "KEY", "vkey": vkey(name, seed)})


def part_of(entry):
    value = cbor(entry)
    return value.get("part")
