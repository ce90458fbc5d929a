"""Resources of an action on an operation: ARN templates whose holes parameters fill.

The heuristics only bind names that say what they are; what stays unbound is unknown and counts as
every resource of its type. A wrong binding is worse than none.
"""

import collections
import dataclasses
import re

from . import tables

FILLS = {
    "value": 0,
    "arn": 1,
    "arn_or_value": 2,
    "suffix": 3,
    "queue_url": 4,
    "last_segment": 5,
    "constant": 6,
    "s3_copy_source_bucket": 7,
    "s3_copy_source_key": 8,
    "arn_or_suffix": 9,
    "secret_id": 10,
    "no_slash": 11,
    "no_slash_prefix": 12,
}
FROM_CONNECTION = ("Partition", "Region", "Account")
# Operations on any resource of a service, named by its ARN in one of these members.
ANY_ARN_MEMBERS = ("resourcearn", "resourceidentifier", "taggableresourcearn", "resource", "arn")
TAGGING = re.compile(r"^(Tag|Untag|List|Get|Describe|Add|Remove|Delete|Put)(s|Resource|Tags)")
SPEC = re.compile(r"(?P<type>[^@()\s?]+)(?P<optional>\?)?(@(?P<arn>[^()\s]+))?(\((?P<holes>[^)]*)\))?")


@dataclasses.dataclass
class Hole:
    name: str
    path: str
    fill: int
    otherwise: str = ""


@dataclasses.dataclass
class Resource:
    type: str
    arn: str
    holes: list
    optional: bool = False

    @property
    def bound(self):
        """Every hole is filled, by a parameter or the connection."""
        names = {hole.name for hole in self.holes}
        if "" in names:
            return True
        return all(hole in names or hole in FROM_CONNECTION for hole in holes_of(self.arn))


def holes_of(arn):
    return re.findall(r"\$\{([^}]+)\}", arn)


def words(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Binder:
    def __init__(self, data, directory):
        self.data = data
        self.by_hole = collections.defaultdict(list)
        columns = ["service", "hole", "member", "fill", "otherwise"]
        for row in tables.read(directory / "bindings.tsv", columns):
            self.by_hole[row["service"], row["hole"]].append(row)

    def resources(self, service, name, action, spec):
        if spec == "*":
            return [Resource("", "*", [])]
        if spec:
            return [self._from_spec(service, name, action, one) for one in SPEC.finditer(spec)]
        types = action["resourceTypes"]
        if not types:
            return [Resource("", "*", [])]
        return self._by_rule(service, name, action, types)

    def _by_rule(self, service, name, action, types):
        whole = self._any_arn(service, name)
        if whole and len(types) > 1:
            return [Resource("", "*", [Hole("", whole, FILLS["arn"])])]
        required, optional = [], []
        for entry in types:
            resource = self._resource(service, name, action, entry["name"])
            if resource is None:
                continue
            resource.optional = not entry["required"]
            (required if entry["required"] else optional).append(resource)
        optional = [r for r in optional if r.bound and r.holes] or ([] if required else optional)
        if not required and not optional:
            return [Resource("", "*", [])]
        if not required and not any(resource.holes for resource in optional):
            for resource in optional:
                resource.optional = False
        return required + optional

    def _any_arn(self, service, name):
        """The member of a tagging operation that holds the ARN of any kind of resource."""
        if not TAGGING.match(name) and "Tag" not in name:
            return None
        for member, kind in scalar_members(service, name).items():
            if kind == "string" and words(member) in ANY_ARN_MEMBERS:
                return member
        return None

    def _from_spec(self, service, name, action, match):
        type_name = match.group("type")
        resource = self._resource(service, name, action, type_name, match.group("arn"))
        if resource is None:
            raise SystemExit("%s:%s: IAM has no type %s" % (service.name, name, type_name))
        given = [hole for hole in (match.group("holes") or "").split(",") if hole]
        if given:
            resource.holes = [hole_from_spec(hole) for hole in given]
        resource.optional = bool(match.group("optional"))
        return resource

    def _resource(self, service, name, action, type_name, arn=None):
        arn = arn or self.data.arn(action["prefix"], type_name)
        if arn is None:
            return None
        if ", arn:" in arn:  # a type with several forms of ARN: any of them
            return Resource(type_name, "*", [])
        holes = []
        for hole in holes_of(arn):
            if hole not in FROM_CONNECTION:
                found = self._hole(service, name, type_name, hole)
                if found:
                    holes.append(found)
        if not holes:
            holes = self._whole(service, name, type_name)
        return Resource(type_name, arn, holes)

    def _hole(self, service, name, type_name, hole):
        members = scalar_members(service, name)
        for row in self.by_hole[service.name, hole]:
            if has_path(service, name, row["member"]):
                return Hole(hole, row["member"], FILLS[row["fill"]], row["otherwise"])
        wanted = wanted_members(name, type_name, hole)
        for member, kind in members.items():
            if kind == "string" and words(member) in wanted:
                return Hole(hole, member, FILLS["arn_or_value"])
        return None

    def _whole(self, service, name, type_name):
        """A member that is the ARN of this very type."""
        wanted = [words(type_name) + "arn"]
        if words(name).endswith(words(type_name)):
            wanted += ["arn", "resourcearn"]
        for member, kind in scalar_members(service, name).items():
            if kind == "string" and words(member) in wanted:
                return [Hole("", member, FILLS["arn"])]
        return []


def wanted_members(name, type_name, hole):
    """Spellings of a member that can only mean this hole of this type."""
    kind, spelt = words(type_name), words(hole)
    wanted = [kind + ending for ending in ("id", "name", "identifier", "")]
    if spelt.startswith(kind) or kind.startswith(re.sub("(id|name|arn)$", "", spelt)):
        wanted = [spelt] + wanted
    elif spelt not in ("id", "name", "resourceid", "resourcename", "resource"):
        return [spelt]
    if re.sub("^[A-Z][a-z0-9]+", "", name) and words(re.sub("^[A-Z][a-z0-9]+", "", name)) == kind:
        wanted += ["id", "name", "identifier"]
    return wanted


def hole_from_spec(text):
    """"BucketName=Bucket:arn_or_value|default", "=ResourceArn:arn" for the whole ARN."""
    name, _, rest = text.partition("=")
    rest, _, otherwise = rest.partition("|")
    path, _, fill = rest.partition(":")
    return Hole(name, path, FILLS[fill or "value"], otherwise)


def scalar_members(service, name):
    """Top-level input members by name, with their type."""
    shape = service.input_shape(service.operations[name])
    if not shape:
        return {}
    members = service.shapes[shape].get("members", {})
    return {key: service.shapes[ref["shape"]]["type"] for key, ref in members.items()}


def has_path(service, name, path):
    """Whether the input shape has what a path names (only member names and [], {} are walked)."""
    shape = service.input_shape(service.operations[name])
    for step in re.findall(r"[^.\[\]{}@]+|\[\]|\{@?\}", path):
        shape = shape and step_into(service.shapes, shape, step)
        if shape is None:
            return False
    return True


def step_into(shapes, name, step):
    shape = shapes[name]
    if step == "[]":
        return shape["member"]["shape"] if shape["type"] == "list" else None
    if step in ("{}", "{@}"):
        side = "value" if step == "{}" else "key"
        return shape[side]["shape"] if shape["type"] == "map" else None
    reference = shape.get("members", {}).get(step)
    return reference and reference["shape"]
