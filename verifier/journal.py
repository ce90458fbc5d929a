"""Segments, batches and frames, their chains, and both lanes merged (docs/format.md, sections 1 to 6)."""

import collections
import re
import struct

from coding import crc32c
from findings import Malformed, Unsupported, need, sha256

BLOCK = 4096
BATCH_MAX = 1 << 20
HELD_MAX = 64 << 20
HEADER = 144
PAYLOAD_MAX = 262160
EPOCH_MAX = 1 << 24
ZERO = bytes(32)
LANES = ("control", "bulk")
KINDS = (None, "OPEN", "STATED", "INTENT", "SENT", "HEAD", "BODY", "RESULT", "NOT_SENT", "UNKNOWN", "GAP",
         "APPROVAL", "REVIEWED", "CLOSE", "RECOVERY", "CONFIG", "CREDENTIAL", "NOTICE", "SECRETS")
SEALED, ALLOWED, CONTINUES, RESPONSE = 1, 2, 4, 8
FLAGS = {"INTENT": SEALED | ALLOWED, "CLOSE": SEALED | CONTINUES, "BODY": SEALED | RESPONSE}

Segment = collections.namedtuple("Segment", "file nonce boot prev_batches prev_chain origin chain")
Batch = collections.namedtuple("Batch", "number length mono durable prev_chain chain header frames wrong")
Frame = collections.namedtuple("Frame", "file offset part sequence kind sealed key_class flags op epoch prev_leaf digest "
                               "head payload leaf origin")


def parse_segment(data, file, lane, number):
    need(len(data) == BLOCK, "the file is shorter than a segment header")
    need(data[:8] == b"NARROWSJ", "the file does not begin like a segment")
    need(crc32c(data[:4092]) == int.from_bytes(data[4092:], "little"), "the segment header's checksum is wrong")
    version, lane_here, number_here = struct.unpack_from("<IIQ", data, 8)
    if version != 2:
        raise Unsupported(f"{file} has version {version}; this verifier knows 2")
    length = int.from_bytes(data[136:138], "little")
    need(1 <= length <= 255 and not any(data[138 + length:4092]) and not any(data[104:136]),
         "the segment header is not as the format says")
    need(LANES.index(lane) == lane_here and number_here == number, "this is another segment than its name says")
    return Segment(file, data[24:40], data[40:56], int.from_bytes(data[64:72], "little"), data[72:104],
                   data[138:138 + length], sha256(data))


def batch_length(header, nonce):
    """The length of the batch, if these 136 bytes begin one of this segment; else None."""
    if len(header) < 136 or header[:8] != b"NJB1\0\0\0\0" or header[8:24] != nonce:
        return None
    if crc32c(header[:132]) != int.from_bytes(header[132:136], "little"):
        return None
    count, length = struct.unpack_from("<II", header, 32)
    return length if count and 136 < length <= BATCH_MAX else None


def parse_batch(data, origin):
    """A batch, padding included, whose header was looked at; None if it is not whole."""
    number, count, length, _, mono, durable = struct.unpack_from("<QIIqqQ", data, 24)
    if crc32c(data[136:length]) != int.from_bytes(data[96:100], "little") or any(data[length:]):
        return None
    frames, at, wrong = [], 136, None
    try:
        while at < length:
            frames.append(parse_frame(data, at, length, origin))
            at += HEADER + len(frames[-1].payload)
        need(len(frames) == count, "the batch has another number of frames than it says")
    except Malformed as why:
        wrong = str(why)
    return Batch(number, length, mono, durable, data[64:96], data[100:132], data[:100], tuple(frames), wrong)


def context(origin):
    """What leaves and seals begin with."""
    return b"narrows-rec-v2" + len(origin).to_bytes(2, "little") + origin


def parse_frame(data, at, end, origin):
    need(at + HEADER <= end, "a frame ends early")
    size, kind, flags, key_class, zero, part, sequence, _, op, epoch, zeros = struct.unpack_from("<IBBBBQQQQII", data, at)
    need(HEADER <= size <= HEADER + PAYLOAD_MAX and at + size <= end, "a frame's length is not right")
    need(1 <= kind < len(KINDS) and not flags & ~FLAGS.get(KINDS[kind], SEALED) and not zero and not zeros,
         "a frame is not as the format says")
    head, payload = data[at:at + HEADER], data[at + HEADER:at + size]
    sealed = flags & SEALED != 0
    need(key_class < 3 and epoch <= EPOCH_MAX and (sealed or (key_class == epoch == 0 and head[80:112] == ZERO)),
         "a frame's key is not as the format says")
    leaf = sha256(b"\0", context(origin), head[4:])
    return Frame(None, at, part, sequence, KINDS[kind], sealed, key_class, flags, op, epoch, head[48:80], head[112:],
                 head, payload, leaf, origin)


class Lane:
    """The frames of one lane in the order of the files, every batch checked on the way."""

    def __init__(self, store, lane, report):
        self.store, self.lane, self.report = store, lane, report
        self.segments = self.open_segments()

    def wrong(self, kind, what, file, offset=0):
        self.report.add("chains", kind, what, file, offset)

    def open_segments(self):
        """Every segment from the lowest number to the highest; None for one that cannot be read."""
        present, lost = {}, set()
        for name in self.store.names("journal"):
            found = re.fullmatch(rf"{self.lane}-(\d{{8,}})\.nj(\.quarantine)?", name)
            if found and found[2]:
                lost.add(int(found[1]))
            elif found:
                present[int(found[1])] = "journal/" + name
        self.report.checked["segments"] += len(present)
        segments, before = [], None
        for number in sorted(present):
            segment = self.open_segment(present[number], number)
            if before is not None and number > before + 1:
                segments.append(None)
                if segment:
                    self.wrong(*(("declared-loss", "segments were accepted as lost") if number - 1 in lost else
                                 ("truncation", "segments are missing between others")),
                               f"journal/{self.lane}-{number - 1:08}.nj")
            segments.append(segment)
            before = number
        return segments

    def open_segment(self, file, number):
        try:
            segment = parse_segment(self.store.read(file, 0, BLOCK), file, self.lane, number)
        except Malformed as why:
            self.wrong("tampering", str(why), file)
            return None
        if number == 1 and (segment.prev_batches or segment.prev_chain != ZERO):
            self.wrong("tampering", "the first segment of a lane claims one before it", file)
        return segment

    def frames(self):
        """Yields (order, again, frame): when it was written, and whether section 5 lets it stand again later."""
        for segment, after in zip(self.segments, [*self.segments[1:], None]):
            if segment is None:
                continue
            chain, count = segment.chain, 0
            agreed = after is None or (after.prev_batches == 0 and chain == after.prev_chain)
            for offset, batch in self.batches(segment):
                self.check_batch(segment, offset, batch, count, chain)
                chain, count = batch.chain, batch.number + 1
                if after and count == after.prev_batches:
                    agreed = chain == after.prev_chain
                for frame in batch.frames:
                    frame = frame._replace(file=segment.file, offset=offset + frame.offset)
                    yield ((segment.boot, batch.mono), after is not None and batch.number >= after.prev_batches,
                           frame)
            if not agreed:
                self.wrong("tampering", f"the segment has {count} batches; its successor says that it continues "
                           f"after {after.prev_batches}, and another chain", segment.file)

    def check_batch(self, segment, offset, batch, number, chain):
        if batch.number != number or batch.prev_chain != chain:
            self.wrong("tampering", f"batch {batch.number} does not continue what is before it (batch {number} was "
                       "due)", segment.file, offset)
        if batch.wrong:
            self.wrong("tampering", batch.wrong, segment.file, offset)
        if sha256(batch.header, *(frame.leaf for frame in batch.frames)) != batch.chain:
            self.wrong("tampering", f"batch {batch.number} does not have the records of its chain value",
                       segment.file, offset)

    def batches(self, segment):
        size, offset = self.store.size(segment.file), BLOCK
        self.report.checked["bytes"] += size
        while offset < size:
            batch = self.batch_at(segment, offset)
            if batch is None:
                offset = self.after_bad(segment, offset, size)
                continue
            self.report.checked["batches"] += 1
            yield offset, batch
            offset += -(-batch.length // BLOCK) * BLOCK

    def batch_at(self, segment, offset):
        head = self.store.read(segment.file, offset, BLOCK)
        length = batch_length(head[:136], segment.nonce)
        if length is None:
            return None
        whole = -(-length // BLOCK) * BLOCK
        data = head if whole == BLOCK else self.store.read(segment.file, offset, whole)
        return parse_batch(data, segment.origin) if len(data) == whole else None

    def after_bad(self, segment, bad, size):
        """Where to read on. What stands behind a bad place says what it is: the end, a torn tail, or corruption."""
        dirty = False
        for start in range(bad, size, BATCH_MAX):
            stretch = self.store.read(segment.file, start, BATCH_MAX)
            if not stretch.strip(b"\0"):
                continue
            dirty = True
            for offset in range(start, start + len(stretch), BLOCK):
                begins = stretch[offset - start:offset - start + 4] == b"NJB1"
                batch = self.batch_at(segment, offset) if begins else None
                if batch and batch.durable > bad:
                    self.wrong("tampering", "there is no whole batch where there was one", segment.file, bad)
                    return offset
        if dirty:
            self.wrong("note", "bytes that are no whole batch follow the last one: the writer was interrupted, or is "
                       "writing now", segment.file, bad)
        return size


class Chain:
    """Where a part's chain of leaves has come to, and the records that wait for an earlier one."""

    def __init__(self):
        self.next, self.last_leaf, self.held = 0, ZERO, {}


class Journal:
    """Both lanes merged, so that every part's records come in order of sequence.

    A record that comes before an earlier one of its part is held until that has come, HELD_MAX bytes in all; what has not
    come by then, or not at all, is a hole.
    """

    def __init__(self, store, report):
        self.report = report
        self.lanes = [Lane(store, lane, report) for lane in LANES]
        self.chains = {}
        self.again = {}
        origins = {segment.origin for lane in self.lanes for segment in lane.segments if segment}
        if len(origins) > 1:
            report.add("chains", "tampering", "the segments are of more than one gateway", "journal")
        if not report.checked["segments"]:
            report.add("chains", "unreadable", "the journal has no segment", "journal")

    def boots(self):
        """The rank of each opening of the journal: both lanes have them in the same order."""
        order = []
        for lane in self.lanes:
            at = -1
            for segment in filter(None, lane.segments):
                if segment.boot not in order:
                    order.insert(at + 1, segment.boot)
                at = order.index(segment.boot)
        return {boot: rank for rank, boot in enumerate(order)}

    def frames(self):
        """Yields every frame once, but those of part 0."""
        ranks, held = self.boots(), 0
        streams = [lane.frames() for lane in self.lanes]
        heads = [next(stream, None) for stream in streams]
        while any(heads):
            lane = min((lane for lane in (0, 1) if heads[lane]),
                       key=lambda lane: (ranks[heads[lane][0][0]], heads[lane][0][1]))
            _, again, frame = heads[lane]
            heads[lane] = next(streams[lane], None)
            chain = self.take(again, frame)
            if chain:
                held += len(frame.payload)
                while chain.next in chain.held:
                    held -= len(chain.held[chain.next].payload)
                    yield self.follow(chain, chain.held.pop(chain.next))
                if held > HELD_MAX:
                    yield from self.release(2)
                    held = sum(len(each.payload) for chain in self.chains.values() for each in chain.held.values())
        yield from self.release(1)

    def release(self, share):
        """Of what is held the first, whatever is missing before it; all of it, or the half that waits longest."""
        for number in sorted(self.chains):
            chain = self.chains[number]
            waiting = sorted(chain.held)
            for sequence in waiting[:-(-len(waiting) // share)]:
                yield self.follow(chain, chain.held.pop(sequence))
            while chain.next in chain.held:
                yield self.follow(chain, chain.held.pop(chain.next))

    def follow(self, chain, frame):
        if frame.sequence == chain.next and frame.prev_leaf != chain.last_leaf:
            self.wrong("the record does not continue the one before it", frame)
        chain.next, chain.last_leaf = frame.sequence + 1, frame.leaf
        return frame

    def wrong(self, what, frame):
        self.report.add("chains", "tampering", what, frame.file, frame.offset, frame.part, frame.sequence)

    def take(self, again, frame):
        """The frame's chain, with the frame held; None if it is to be passed over."""
        if sha256(frame.payload) != frame.digest:
            self.wrong("the payload does not have the digest of its record", frame)
        if frame.part == 0:
            if frame.kind != "NOTICE" or frame.prev_leaf != ZERO:
                self.wrong("part 0 holds NOTICE, without a chain, and nothing else", frame)
            return None
        chain = self.chains.setdefault(frame.part, Chain())
        if frame.sequence < chain.next or frame.sequence in chain.held:
            if self.again.get((frame.part, frame.sequence)) != frame.leaf:
                self.wrong("the record stands here a second time, or comes too late", frame)
            return None
        if again:
            self.again[frame.part, frame.sequence] = frame.leaf
        chain.held[frame.sequence] = frame
        return chain
