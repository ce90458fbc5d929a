"""Values that are never written (docs/secrets.md)."""

import collections
import re

from . import bindings, tables


class Secrets:
    def __init__(self, directory):
        self.inputs = collections.defaultdict(list)
        self.outputs = collections.defaultdict(list)
        columns = ["service", "operation", "side", "path"]
        for row in tables.read(directory / "secrets.tsv", columns):
            side = self.inputs if row["side"] == "in" else self.outputs
            side[row["service"], row["operation"]].append(row["path"])

    def of_operation(self, service, name):
        """(input paths, output paths); one that leads nowhere in the model ends the run."""
        inputs = sorted(self.inputs.get((service.name, name), ()))
        outputs = sorted(self.outputs.get((service.name, name), ()))
        operation = service.operations[name]
        for path in inputs:
            check(service, name, service.input_shape(operation), path, False)
        for path in outputs:
            check(service, name, service.output_shape(operation), path, True)
        return inputs, outputs


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
