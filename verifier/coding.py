"""CRC-32C, which the standard library lacks, and deterministic CBOR (docs/format.md, section 7)."""

import functools
import struct

from findings import Malformed, need

def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table

CRC_TABLE = _crc_table()
CRC_PLANES = [bytes(value >> shift & 255 for value in CRC_TABLE) for shift in (0, 8, 16, 24)]
ROW = 256

def _crc_run(state, data):
    table = CRC_TABLE
    for byte in data:
        state = table[(state ^ byte) & 255] ^ state >> 8
    return state

@functools.cache
def _crc_row_tables():
    """What ROW zero bytes make of a state, as one table for each byte of the state."""
    zeros = bytes(ROW)
    bits = [_crc_run(1 << bit, zeros) for bit in range(32)]
    tables = []
    for byte in range(4):
        table = [0] * 256
        for value in range(1, 256):
            low = (value & -value).bit_length() - 1
            table[value] = table[value & value - 1] ^ bits[8 * byte + low]
        tables.append(table)
    return tables

def _crc_rows(state, data):
    """Long data as rows of ROW bytes, all rows at once: a column a step, then the rows' states one into the next."""
    rows = len(data) // ROW
    planes = [0, 0, 0, 0]
    for column in range(ROW):
        index = (planes[0] ^ int.from_bytes(data[column:rows * ROW:ROW], "little")).to_bytes(rows, "little")
        found = [int.from_bytes(index.translate(plane), "little") for plane in CRC_PLANES]
        planes = [found[0] ^ planes[1], found[1] ^ planes[2], found[2] ^ planes[3], found[3]]
    t0, t1, t2, t3 = _crc_row_tables()
    for b0, b1, b2, b3 in zip(*(plane.to_bytes(rows, "little") for plane in planes)):
        state = t0[state & 255] ^ t1[state >> 8 & 255] ^ t2[state >> 16 & 255] ^ t3[state >> 24]
        state ^= b0 | b1 << 8 | b2 << 16 | b3 << 24
    return state, rows * ROW

def crc32c(data):
    state, done = 0xFFFFFFFF, 0
    if len(data) >= 64 * ROW:
        state, done = _crc_rows(state, data)
    return _crc_run(state, data[done:]) ^ 0xFFFFFFFF

DEPTH_MAX = 64

def cbor(data):
    value, end = _cbor_item(data, 0, 0)
    need(end == len(data), "bytes follow the CBOR item")
    return value

def _cbor_argument(data, at):
    need(at < len(data), "CBOR ends early")
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info < 24:
        return major, info, info, at
    need(info < 28, "CBOR of indefinite length, or reserved")
    width = 1 << info - 24
    need(at + width <= len(data), "CBOR ends early")
    value = int.from_bytes(data[at:at + width], "big")
    least = (24, 1 << 8, 1 << 16, 1 << 32)[info - 24]
    need(major == 7 or value >= least, "a CBOR number that is longer than it has to be")
    return major, info, value, at + width

def _cbor_item(data, at, depth):
    need(depth < DEPTH_MAX, "CBOR that is nested too deep")
    major, info, value, at = _cbor_argument(data, at)
    if major == 0:
        return value, at
    if major == 1:
        return -1 - value, at
    if major in (2, 3):
        need(at + value <= len(data), "CBOR ends early")
        piece = data[at:at + value]
        try:
            return (piece if major == 2 else piece.decode("utf-8")), at + value
        except UnicodeDecodeError:
            raise Malformed("a CBOR text that is not UTF-8") from None
    if major == 4:
        items = []
        for _ in range(value):
            item, at = _cbor_item(data, at, depth + 1)
            items.append(item)
        return items, at
    if major == 5:
        return _cbor_map(data, at, value, depth)
    need(major == 7, "a CBOR tag")
    return _cbor_simple(data, at, info, value)

def _cbor_map(data, at, count, depth, item=None):
    result, last = {}, b""
    for _ in range(count):
        start = at
        need(at < len(data) and data[at] >> 5 == 3, "a CBOR key that is not text")
        key, at = _cbor_item(data, at, depth + 1)
        need(data[start:at] > last, "CBOR keys that are not in order")
        last = data[start:at]
        result[key], at = item(at, last) if item else _cbor_item(data, at, depth + 1)
    return result, at

def _cbor_simple(data, at, info, value):
    if info in (20, 21, 22):
        return (False, True, None)[info - 20], at
    need(info in (25, 26, 27), "a CBOR value that is not allowed")
    width = 1 << info - 24
    number = struct.unpack({2: ">e", 4: ">f", 8: ">d"}[width], data[at - width:at])[0]
    for shorter in (">e", ">f")[:info - 25]:
        try:
            same = struct.unpack(shorter, struct.pack(shorter, number))[0]
        except OverflowError:
            continue
        need(same != number and number == number, "a CBOR number that is longer than it has to be")
    return number, at

FIELDS_MAX, PATH_MAX, PIECE = 64, 4, 4096


def cbor_fields(data):
    """The value, and the fields of which a commitment to it is made, in order (section 4.2)."""
    fields = []
    value, end = _cbor_walk(data, 0, b"", 0, fields)
    need(end == len(data), "bytes follow the CBOR item")
    return value, fields


def _cbor_head(major, value):
    if value < 24:
        return bytes((major << 5 | value,))
    width = 1 if value < 1 << 8 else 2
    return bytes((major << 5 | 23 + width,)) + value.to_bytes(width, "big")


def _cbor_walk(data, at, path, depth, fields):
    major, _, count, inside = _cbor_argument(data, at)
    if depth < PATH_MAX and 1 <= count <= FIELDS_MAX:
        if major == 4:
            return _cbor_walk_list(data, inside, count, path, depth, fields)
        if major == 5:
            return _cbor_map(data, inside, count, depth, lambda after, key: _cbor_walk(data, after, path + key, depth + 1,
                                                                                       fields))
    value, end = _cbor_item(data, at, depth)
    if major == 2 and count > PIECE:
        head = b"\x82" + _cbor_head(4, depth + 1) + path
        for number, begin in enumerate(range(0, count, PIECE)):
            piece = value[begin:begin + PIECE]
            fields.append(head + _cbor_head(1, number) + _cbor_head(2, len(piece)) + piece)
    else:
        fields.append(b"\x82" + _cbor_head(4, depth) + path + data[at:end])
    return value, end


def _cbor_walk_list(data, at, count, path, depth, fields):
    items = []
    for index in range(count):
        item, at = _cbor_walk(data, at, path + _cbor_head(0, index), depth + 1, fields)
        items.append(item)
    return items, at


def member(value, path, *types):
    """The member at `path`, or None where it is absent or of another type: a reader takes that as unknown."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, types) and not (isinstance(value, bool) and bool not in types) else None

