"""Values that are never written (docs/secrets.md)."""

import collections
import re

from . import bindings, tables

# A text of such a name (lower case, letters and digits alone) is a secret wherever a model has it.
NAMES = re.compile(
    r".*(password|passwords|passphrase|privatekey)"
    r"|.*(client|app|apikey|wallet|webhook|shared|cdnidentifier)secret(value)?"
    r"|secret|.*secret(access)?key|secret(code|token|string|binary)|secrettoauthenticate(initiator|target)"
    r"|(authorization)?apikey(value)?|apitoken"
    r"|.*(access|refresh|id|jwt|oauth|bearer|auth|security|participant|join|connection)token"
    r"|presharedkey|streamkey|base32stringseed|(basicauth|mac)credentials|(auth|authorization|activation)code"
)
SIGNED_URL = re.compile(r".*(pre)?signed(s3|log)?url|.*(upload|download)urls?|embedurl")
PLACE = re.compile(r".*(url|uri|link|location)s?")
SAYS_SIGNED = re.compile(r"pre-?signed", re.IGNORECASE)
DEPTH = 7


class Secrets:
    def __init__(self, directory):
        self.inputs = collections.defaultdict(list)
        self.outputs = collections.defaultdict(list)
        columns = ["service", "operation", "side", "path"]
        for row in tables.read(directory / "secrets.tsv", columns):
            side = self.inputs if row["side"] == "in" else self.outputs
            side[row["service"], row["operation"]].append(row["path"])
        columns = ["service", "side", "path", "why"]
        rows = tables.read(directory / "not_secrets.tsv", columns)
        self.not_secrets = [tuple(re.compile(row[column]) for column in columns[:3]) for row in rows]

    def of_operation(self, service, name):
        """(input paths, output paths); one that leads nowhere in the model ends the run."""
        operation = service.operations[name]
        inputs = self._paths(service, service.input_shape(operation), "in", self.inputs.get((service.name, name), ()))
        outputs = self._paths(service, service.output_shape(operation), "out", self.outputs.get((service.name, name), ()))
        for path in inputs:
            check(service, name, service.input_shape(operation), path, False)
        for path in outputs:
            check(service, name, service.output_shape(operation), path, True)
        return inputs, outputs

    def _paths(self, service, shape, side, listed):
        """The table's paths, and those that the names tell: not what stands within one of the table's."""
        found = set(listed)
        for path, member, _ in texts(service.shapes, shape, side == "out") if shape else ():
            known = any(path == one or path.startswith((one + ".", one + "[", one + "{")) for one in listed)
            if NAMES.fullmatch(bindings.words(member)) and not known and not self._is_none(service, side, path):
                found.add(path)
        return sorted(found)

    def _is_none(self, service, side, path):
        asked = (service.name, side, path)
        return any(all(map(re.Pattern.fullmatch, row, asked)) for row in self.not_secrets)


def returns_signed_url(shapes, shape):
    """Whether a member's name or the model's own words say that it is one."""
    return any(
        SIGNED_URL.fullmatch(bindings.words(member)) or PLACE.fullmatch(bindings.words(member)) and SAYS_SIGNED.search(said)
        for _, member, said in texts(shapes, shape, True)
    )


def texts(shapes, name, wire, path="", member="", said="", above=()):
    """(path, member name, what the model says of it) of every text and blob within a shape; of lists and maps of texts too."""
    shape = shapes[name]
    if shape["type"] in ("string", "blob"):
        yield path, member, said + shape.get("documentation", "")
    if name in above or len(above) > DEPTH or path.endswith(("[]", "{}")) and shape["type"] in ("list", "map"):
        return
    above = above + (name,)
    for key, reference in shape.get("members", {}).items():
        if "location" not in reference:
            step = reference.get("locationName", key) if wire else key
            there = path + "." + step if path else step
            yield from texts(shapes, reference["shape"], wire, there, key, reference.get("documentation", ""), above)
    for kind, side, mark in (("list", "member", "[]"), ("map", "value", "{}")):
        if shape["type"] == kind:
            yield from texts(shapes, shape[side]["shape"], wire, path + mark, member, said, above)


def check(service, name, shape, path, wire):
    if path.startswith("@"):
        return
    for step in re.findall(r"[^.\[\]{}@]+|\[\]|\{@?\}", path):
        shape = step_into(service.shapes, shape, step, wire)
        if shape is None:
            raise SystemExit("secrets.tsv: %s:%s has no %s" % (service.name, name, path))


def step_into(shapes, name, step, wire):
    if not wire or step[0] in "[{":
        return bindings.step_into(shapes, name, step)
    for member, reference in shapes[name].get("members", {}).items():
        if step == reference.get("locationName", member):
            return reference["shape"]
    return None
