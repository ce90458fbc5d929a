"""The binary: a string pool and tables of little-endian u32 columns (format in docs/catalogue.md).

The reader is src/protocols/aws/catalogue/tables.cc; the two change together, with FORMAT.
"""

import hashlib
import struct

MAGIC = b"NRWSCAT1"
FORMAT = 1
NONE = 0xFFFFFFFF

# Table names in file order, with the number of u32 columns of a row.
TABLES = [
    ("string_offsets", 1),
    ("info", 1),
    ("text", 1),
    ("service", 16),
    ("operation", 16),
    ("shape", 7),
    ("member", 5),
    ("literal", 3),
    ("access", 7),
    ("resource", 5),
    ("hole", 4),
    ("condition", 5),
    ("action", 2),
    ("partition", 5),
    ("endpoint", 5),
]


class Writer:
    """Collects rows; equal runs of rows are stored once."""

    def __init__(self):
        self.strings = {"": 0}
        self.tables = {name: [] for name, _ in TABLES}
        self.columns = dict(TABLES)
        self.runs = {}

    def text(self, value):
        return self.strings.setdefault(value or "", len(self.strings))

    def append(self, table, row):
        """Adds one row, returns its number."""
        assert len(row) == self.columns[table], (table, row)
        self.tables[table].append(tuple(row))
        return len(self.tables[table]) - 1

    def run(self, table, rows):
        """Adds rows that stand together, returns (first, count); an equal run is reused."""
        rows = tuple(tuple(row) for row in rows)
        if not rows:
            return 0, 0
        key = (table, rows)
        if key not in self.runs:
            self.runs[key] = len(self.tables[table])
            for row in rows:
                self.append(table, row)
        return self.runs[key], len(rows)

    def texts(self, values):
        return self.run("text", [(self.text(value),) for value in values])

    def binary(self):
        pool = b""
        offsets = []
        chunks = []
        size = 0
        for value in self.strings:
            encoded = value.encode("utf-8")
            offsets.append((size,))
            chunks.append(encoded)
            size += len(encoded)
        offsets.append((size,))
        pool = b"".join(chunks)
        self.tables["string_offsets"] = offsets
        directory, body = self._layout()
        rest = struct.pack("<II", len(body), len(pool)) + directory + body + pool
        head = MAGIC + struct.pack("<II", FORMAT, len(TABLES))
        return head + hashlib.sha256(rest).digest() + rest

    def _layout(self):
        directory = b""
        body = []
        offset = 0
        for name, columns in TABLES:
            rows = self.tables[name]
            directory += struct.pack("<III", offset, len(rows), columns)
            flat = [cell for row in rows for cell in row]
            body.append(struct.pack("<%dI" % len(flat), *flat))
            offset += 4 * len(flat)
        return directory, b"".join(body)
