"""Condition keys whose values stand in the request."""

import collections
import dataclasses
import re

from . import bindings, tables

SOURCES = {"values": 0, "constant": 1, "tag_list": 2, "tag_map": 3, "tag_query": 4, "if_present": 5, "arn": 6, "connection": 7, "absent": 8, "leading_keys": 9}
TAG_OF_REQUEST = "aws:RequestTag/"
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
        columns = ["service", "operation", "key", "path", "source", "arn"]
        for row in tables.read(directory / "conditions.tsv", columns):
            self.table[row["service"]].append(row)

    def unused(self):
        return [row for rows in self.table.values() for row in rows if "fits" not in row]

    def rules(self, service, name, action):
        keys = keys_of(action)
        found = {rule.key: rule for rule in tag_rules(service, name)}
        if not found and not mentions_tags(service.shapes, service.input_shape(service.operations[name]), set()):
            found[TAG_OF_REQUEST] = Condition(TAG_OF_REQUEST, SOURCES["absent"], "")
        for key in sorted(keys):
            rule = self._same_name(service, name, key)
            if rule:
                found[rule.key] = rule
        for row in self.table[service.name]:
            rule = self._from_row(service, name, row, keys)
            if rule:
                row["fits"] = True
                found[rule.key] = rule
        return list(found.values())

    def _from_row(self, service, name, row, keys):
        of_action = row["key"] in keys or any(key.startswith(row["key"]) for key in keys if row["key"].endswith(("/", ":")))
        if row["operation"] not in ("*", name) or not (of_action or row["operation"] == name):
            return None
        without_path = row["source"] in ("constant", "connection", "leading_keys")
        if not without_path and not bindings.has_path(service, name, row["path"]):
            return None
        names = ("Key", "Value") if row["source"] == "tag_list" else ("", row["arn"])
        return Condition(row["key"], SOURCES[row["source"]], row["path"], *names)

    def _same_name(self, service, name, key):
        """A key spelt like a member, or like its header or query key, holds that member. One that is true or false has
        a default at AWS, which the request that leaves it out does not tell."""
        prefix, _, last = key.partition(":")
        if prefix == "aws" or "/" in last or "$" in last or "<" in last:
            return None
        path = member_path(service.shapes, service.input_shape(service.operations[name]), last.split("."))
        if not path or is_arn(last) != is_arn(path.rstrip("[]").rpartition(".")[2]):
            return None
        return Condition(key, SOURCES["if_present" if self.data.key_type(key) == "Bool" else "values"], path)


def keys_of(action):
    """All condition keys that IAM's tables give an action, with those of its resources."""
    keys = set(action["conditionKeys"])
    for entry in action["resourceTypes"]:
        keys.update(entry["conditionKeys"])
    return keys


def member_path(shapes, shape, names):
    """The path that a key's dotted name spells from a structure on ("source.auth.type"), or None."""
    for member, reference in shapes.get(shape, {}).get("members", {}).items():
        wire = reference.get("locationName", member)
        if names[0].lower() not in (member.lower(), wire.lower()):
            continue
        if len(names) == 1:
            return value_path(shapes, member, reference["shape"])
        below = shapes[reference["shape"]]
        step, inner = (member + "[].", below["member"]["shape"]) if below["type"] == "list" else (member + ".", reference["shape"])
        rest = member_path(shapes, inner, names[1:])
        return rest and step + rest
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


def mentions_tags(shapes, name, seen):
    """Whether anything in an input may be a tag, as far as names say."""
    if name not in shapes or name in seen:
        return False
    seen.add(name)
    shape = shapes[name]
    below = dict(shape.get("members", {}), **{part: shape[part] for part in ("member", "key", "value") if part in shape})
    return any("tag" in (member + one.get("locationName", "")).lower() or mentions_tags(shapes, one["shape"], seen)
               for member, one in below.items())


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
        return [Condition(TAG_OF_REQUEST, SOURCES["tag_map"], path)]
    if shape["type"] != "list":
        return []
    element = shapes[shape["member"]["shape"]]
    if element["type"] == "string":
        return []
    spelt = {re.sub("^tag", "", member.lower()): member for member in element.get("members", {})}
    if "key" not in spelt or "value" not in spelt:
        return []
    return [Condition(TAG_OF_REQUEST, SOURCES["tag_list"], path + "[]", spelt["key"], spelt["value"])]


def tags_at_specifications(shapes, name):
    if shapes[name]["type"] != "list":
        return []
    element = shapes[shapes[name]["member"]["shape"]]
    tags = element.get("members", {}).get("Tags")
    return tags_at(shapes, "TagSpecifications[].Tags", tags["shape"]) if tags else []
