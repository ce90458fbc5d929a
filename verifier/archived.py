"""Segments that the log says a store outside holds (docs/format.md, sections 9 and 12)."""

import collections
import hashlib
import os
import re

from findings import need

NAME = re.compile(r"(control|bulk)-(\d{8,})\.nj")
Segment = collections.namedtuple("Segment", "name sha256 bytes store object parts")
Absent = collections.namedtuple("Absent", "stretches records")


class Archived:
    """The SEGMENT entries of the log, beside the segments that are there and those in a copy of the archive.

    What the journal and the copy both lack explains holes, as many as the entries say and no more.
    """

    def __init__(self, store, report, folder=None):
        self.store, self.report, self.folder = store, report, folder
        self.segments = {}  # (lane, number) → Segment
        self.absent = {}  # part → Absent
        self.seen, self.lost = collections.Counter(), collections.Counter()

    def take(self, entry):
        name = NAME.fullmatch(entry["name"])
        need(name and len(entry["sha256"]) == 32 and entry["bytes"] >= 0, "SEGMENT is not as the format says")
        parts = {}
        for each in entry["parts"]:
            need(isinstance(each, list) and len(each) == 5 and all(type(n) is int and n >= 0 for n in each)
                 and each[1] <= each[2], "SEGMENT is not as the format says")
            parts[each[0]] = tuple(each[1:])
        segment = Segment(entry["name"], entry["sha256"], entry["bytes"], entry["store"], entry["object"], parts)
        known = self.segments.setdefault((name[1], int(name[2])), segment)
        same = known[:3] == segment[:3] and all(known.parts.get(part, each) == each for part, each in parts.items())
        need(same, f"it says something else of {segment.name} than an earlier entry")
        known.parts.update(parts)

    def wrong(self, kind, what, file="journal"):
        self.report.add("chains", kind, what, file)

    def check(self, readable):
        """Before the journal is read; afterwards the store shows what the archive has."""
        names = self.store.names("journal")
        away = []
        for lane in ("control", "bulk"):
            found = [re.fullmatch(rf"{lane}-(\d{{8,}})\.nj(\.quarantine)?", name) for name in names]
            here = {int(each[1]) for each in found if each and not each[2]}
            aside = {int(each[1]) for each in found if each and each[2]}
            lowest = min(here, default=1)
            for (of, number), segment in sorted(self.segments.items()):
                if of == lane and number in here:
                    self.compare(segment, lambda at, size, name="journal/" + segment.name:
                                 self.store.read(name, at, size), "journal/" + segment.name)
                elif of == lane and self.folder:
                    self.look_there(segment)
                elif of == lane and number < lowest:
                    away.append(segment)
            told = {number for of, number in self.segments if of == lane and 0 < number < lowest}
            if readable and len(told | {each for each in aside if each < lowest}) != lowest - 1:
                first = next(number for number in range(1, lowest) if number not in told)
                file = f"{lane}-{first:08}.nj"
                self.wrong("truncation", f"{file} is not there, and the log does not say that it was archived",
                           "journal/" + file)
        self.explain(away)

    def compare(self, segment, read, file):
        digest, at = hashlib.sha256(), 0
        while at < segment.bytes:
            piece = read(at, min(1 << 20, segment.bytes - at))
            if not piece:
                break
            digest.update(piece)
            at += len(piece)
        if at != segment.bytes or digest.digest() != segment.sha256:
            self.wrong("tampering", f"{file} does not have the {segment.bytes} bytes and the SHA-256 that the log "
                       "states", file)

    def look_there(self, segment):
        names = segment.object.split("/")
        if not all(names) or "." in names or ".." in names:
            self.wrong("disorder", f"{segment.name} is archived under a key that no gateway uses", "log/tile/entries")
            return
        path = os.path.join(self.folder, *names)
        try:
            with open(path, "rb") as file:
                self.compare(segment, lambda at, size: os.pread(file.fileno(), size, at), "archive/" + segment.object)
        except FileNotFoundError:
            self.wrong("truncation", f"the archive has no object {segment.object}, which holds {segment.name}",
                       "archive/" + segment.object)
        else:
            self.store.moved["journal/" + segment.name] = path

    def explain(self, away):
        for segment in away:
            for part, (first, last, records, lost) in segment.parts.items():
                stretches, before = self.absent.get(part, Absent([], 0))
                self.absent[part] = Absent(stretches + [(first, last)], before + records + lost)
        if away:
            self.wrong("note", f"{len(away)} segments were archived to {away[-1].store}, and were not looked at")

    def begin(self, part):
        """Nothing is held against a part for records that may stand in absent segments."""
        part.declared.extend(self.absent.get(part.number, Absent([], 0)).stretches)

    def count(self, frame, vouched):
        self.seen[frame.part] += frame.sequence < (vouched or 0)

    def lacks(self, number, vouched, gaps):
        """How many more records of a part are missing than absent segments and GAP records explain."""
        return (vouched or 0) - self.seen[number] - self.absent[number].records - gaps

    def finish(self, part, vouched):
        if part.number not in self.absent:
            return
        excused = set(self.absent[part.number].stretches)
        gaps = sum(last - first + 1 for first, last in part.declared
                   if (first, last) not in excused and last < (vouched or 0))
        if self.lacks(part.number, vouched, gaps) > 0:
            self.report.add("records", "truncation", "the part lacks more records than the archived segments hold",
                            "journal", 0, part.number)

    def holds(self, number, vouched):
        """Whether all of a part may stand in absent segments."""
        return number in self.absent and (vouched or 0) <= self.absent[number].records
