"""The attacker's pen: takes a store apart and writes it anew, every checksum and digest made good (docs/format.md)."""

import base64
import hashlib
import os
import re
import struct
import subprocess
import tempfile

from coding import cbor, crc32c
from evidence_log import Tree, tile_name

BLOCK = 4096
# The key of the stores that make_store.cc writes: the seed is 00 01 02 … 1f.
SEED, OTHER_SEED = bytes(range(32)), bytes(range(32, 64))


def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def offsets(data):
    """The offsets of a segment's batches and the end of the last."""
    at, found = BLOCK, []
    while data[at:at + 4] == b"NJB1":
        found.append(at)
        at += -(-int.from_bytes(data[at + 36:at + 40], "little") // BLOCK) * BLOCK
    return found, at


class Segment:
    def __init__(self, name, data):
        self.name, self.header = name, bytearray(data[:BLOCK])
        ends = offsets(data)
        self.batches = [Batch(data[at:]) for at in ends[0]]
        self.rest = data[ends[1]:]

    @property
    def lane(self):
        return self.name.split("/")[1].split("-")[0]

    @property
    def origin(self):
        return bytes(self.header[138:138 + int.from_bytes(self.header[136:138], "little")])


class Batch:
    def __init__(self, data):
        length = int.from_bytes(data[36:40], "little")
        self.header, self.frames, at = bytearray(data[:136]), [], 136
        while at < length:
            size = int.from_bytes(data[at:at + 4], "little")
            self.frames.append(Frame(data[at:at + size]))
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
    def __init__(self, data):
        self.header, self.payload = bytearray(data[:96]), data[96:]

    part = property(lambda self: int.from_bytes(self.header[8:16], "little"))
    sequence = property(lambda self: int.from_bytes(self.header[16:24], "little"))

    def number(self, part, sequence):
        self.header[8:24] = part.to_bytes(8, "little") + sequence.to_bytes(8, "little")

    def bytes(self):
        self.header[:4] = (96 + len(self.payload)).to_bytes(4, "little")
        self.header[64:96] = sha(self.payload)
        return bytes(self.header) + self.payload

    def leaf(self, origin):
        self.bytes()
        return sha(b"\0narrows-rec-v1", len(origin).to_bytes(2, "little"), origin, bytes(self.header[8:24]),
                   bytes(self.header[4:6]), bytes(self.header[24:96]))


class Journal:
    """A journal taken apart."""

    def __init__(self, files):
        self.others = {name: data for name, data in files.items() if not re.fullmatch(r"journal/\w+-\d+\.nj", name)}
        self.segments = [Segment(name, files[name]) for name in sorted(files) if name not in self.others]

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
                frame.header[32:64] = last.get((frame.part, frame.sequence - 1), bytes(32))
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


def key_text(name, seed):
    public = openssl(["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], private(seed))[-32:]
    typed = b"\1" + public
    return f"{name}+{sha(name.encode(), bytes([10]), typed)[:4].hex()}+{base64.b64encode(typed).decode()}"


def private(seed):
    return bytes.fromhex("302e020100300506032b657004220420") + seed


def openssl(arguments, data):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def sign(message, seed):
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("key", "message")]
        for name, data in zip(names, (private(seed), message)):
            with open(name, "wb") as file:
                file.write(data)
        return openssl(["pkeyutl", "-sign", "-keyform", "DER", "-inkey", names[0], "-rawin", "-in", names[1]], b"")


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
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
    identity = bytes.fromhex(key_text(name, seed).split("+")[1])
    signature = base64.b64encode(identity + sign(text, seed)).decode()
    return text + f"\n\u2014 {name} {signature}\n".encode()


def key_entry(seed, name="narrows/gw-1"):
    """A KEY entry: {"time": 1, "type": "KEY", "vkey": …} in deterministic CBOR."""
    text = key_text(name, seed).encode()
    assert 24 <= len(text) < 256
    return b"\xa3\x64time\x01\x64type\x63KEY\x64vkey\x78" + bytes([len(text)]) + text


def part_of(entry):
    value = cbor(entry)
    return value.get("part")


# ---- Deterministic CBOR, the writing side ---------------------------------------------------------------------------------

def encode(value):
    if isinstance(value, bool) or value is None:
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, float):
        return next(head + struct.pack(form, value) for head, form in ((b"\xf9", ">e"), (b"\xfa", ">f"), (b"\xfb", ">d"))
                    if struct.unpack(form, struct.pack(form, value))[0] == value)
    if isinstance(value, int):
        return head_of(0, value) if value >= 0 else head_of(1, -1 - value)
    if isinstance(value, bytes):
        return head_of(2, len(value)) + value
    if isinstance(value, str):
        return head_of(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head_of(4, len(value)) + b"".join(map(encode, value))
    pairs = sorted((encode(key), encode(each)) for key, each in value.items())
    return head_of(5, len(pairs)) + b"".join(key + each for key, each in pairs)


def head_of(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    width = next(width for width in (1, 2, 4, 8) if value < 1 << 8 * width)
    return bytes([major << 5 | 23 + width.bit_length()]) + value.to_bytes(width, "big")
