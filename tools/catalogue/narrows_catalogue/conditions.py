"""Condition keys whose values stand in the request."""

import collections
import dataclasses
import re

from . import bindings, tables

SOURCES = {"values": 0, "constant": 1, "tag_list": 2, "tag_map": 3, "tag_query": 4}
TAG_MEMBERS = ("tags", "tag", "tagset", "taglist", "resourcetags", "instancetags")


@dataclasses.dataclass
class Condition:
    key: str
    source: int
    path: str
    key_name: str = ""
    value_name: str = ""


class Conditions:
    def __init__(self, data, directory):
        self.data = data
        self.table = collections.defaultdict(list)
        columns = ["service", "operation", "key", "path", "source"]
        for row in tables.read(directory / "conditions.tsv", columns):
            self.table[row["service"]].append(row)

    def rules(self, service, name, action):
        keys = set(action["conditionKeys"])
        for entry in action["resourceTypes"]:
            keys.update(entry["conditionKeys"])
        found = {rule.key: rule for rule in tag_rules(service, name)}
        for key in sorted(keys):
            rule = self._same_name(service, name, key)
            if rule:
                found[rule.key] = rule
        for row in self.table[service.name]:
            if row["operation"] in ("*", name) and (row["key"] in keys or row["operation"] == name):
                if row["source"] == "constant" or bindings.has_path(service, name, row["path"]):
                    names = ("Key", "Value") if row["source"] == "tag_list" else ("", "")
                    source = SOURCES[row["source"]]
                    found[row["key"]] = Condition(row["key"], source, row["path"], *names)
        return list(found.values())

    def _same_name(self, service, name, key):
        """A key spelt like a member, or like its header or query key, holds that member."""
        prefix, _, last = key.partition(":")
        if prefix == "aws" or "/" in last or "$" in last or "<" in last:
            return None
        shape = service.input_shape(service.operations[name])
        for member, reference in service.shapes.get(shape, {}).get("members", {}).items():
            wire = reference.get("locationName", member)
            if last.lower() in (member.lower(), wire.lower()):
                path = value_path(service.shapes, member, reference["shape"])
                if path and (is_arn(last) == is_arn(member)):
                    return Condition(key, SOURCES["values"], path)
        return None


def is_arn(name):
    return name.lower().endswith("arn")


def value_path(shapes, member, shape):
    """The path to a member's plain values, or None if it has structure."""
    kind = shapes[shape]["type"]
    if kind == "list":
        element = shapes[shapes[shape]["member"]["shape"]]["type"]
        return member + "[]" if element not in ("structure", "list", "map", "blob") else None
    return member if kind not in ("structure", "map", "blob", "timestamp") else None


def tag_rules(service, name):
    """aws:RequestTag/… and aws:TagKeys from the members that carry tags."""
    shape = service.input_shape(service.operations[name])
    members = service.shapes.get(shape, {}).get("members", {})
    for member, reference in members.items():
        if member.lower() in TAG_MEMBERS:
            return tags_at(service.shapes, member, reference["shape"])
        if member == "TagSpecifications":
            return tags_at_specifications(service.shapes, reference["shape"])
        if member.lower() == "tagkeys":
            return [Condition("aws:TagKeys", SOURCES["values"], member + "[]")]
    return []


def tags_at(shapes, path, name):
    shape = shapes[name]
    if shape["type"] == "map":
        return [Condition("aws:RequestTag/", SOURCES["tag_map"], path)]
    if shape["type"] != "list":
        return []
    element = shapes[shape["member"]["shape"]]
    if element["type"] == "string":
        return []
    spelt = {re.sub("^tag", "", member.lower()): member for member in element.get("members", {})}
    if "key" not in spelt or "value" not in spelt:
        return []
    return [Condition("aws:RequestTag/", SOURCES["tag_list"], path + "[]", spelt["key"], spelt["value"])]


def tags_at_specifications(shapes, name):
    if shapes[name]["type"] != "list":
        return []
    element = shapes[shapes[name]["member"]["shape"]]
    tags = element.get("members", {}).get("Tags")
    return tags_at(shapes, "TagSpecifications[].Tags", tags["shape"]) if tags else []
