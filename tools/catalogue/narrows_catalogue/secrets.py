"""Values that are never written (docs/secrets.md)."""

import collections

from . import tables


class Secrets:
    def __init__(self, directory):
        self.inputs = collections.defaultdict(list)
        self.outputs = collections.defaultdict(list)
        columns = ["service", "operation", "side", "path"]
        for row in tables.read(directory / "secrets.tsv", columns):
            side = self.inputs if row["side"] == "in" else self.outputs
            side[row["service"], row["operation"]].append(row["path"])

    def of_operation(self, service, name):
        key = (service.name, name)
        return sorted(self.inputs[key]), sorted(self.outputs[key])
