"""What an operation does to the world: read, write, delegate, grant, credential, by-reference."""

import re

from . import models, secrets, tables

ORDER = ["read", "write", "by-reference", "delegate", "grant", "credential"]
BY_LEVEL = {"List": "read", "Read": "read", "Write": "write", "Tagging": "write", "Permissions management": "grant"}
ROLE_MEMBER = re.compile(r"(role|rolearn|rolearns|iamrole|iamrolearn|executionrole|servicerole)$", re.I)
SECRET_KEY_MEMBER = re.compile(r"^(aws)?secret(access)?key$", re.I)
SESSION_MEMBER = re.compile(r"^(session|security)token$", re.I)
DEPTH = 6


class Effects:
    def __init__(self, directory):
        columns = ["service", "operation", "effect", "why"]
        rows = list(tables.read(directory / "effects.tsv", columns))
        self.table = {(row["service"], row["operation"]): row["effect"] for row in rows}
        rows = tables.read(directory / "grants.tsv", columns)
        self.by_name = [(re.compile(row["service"]), re.compile(row["operation"]), row) for row in rows]
        self.not_roles = {
            (row["service"], row["operation"])
            for row in tables.read(directory / "not_passed_roles.tsv", ["service", "operation", "why"])
        }
        rows = tables.read(directory / "credentials.tsv", ["service", "operation", "returns"])
        self.credentials = {(row["service"], row["operation"]): row["returns"] != "delivered" for row in rows}

    def of_action(self, action):
        if (action["prefix"], action["name"]) == ("iam", "PassRole"):
            return "delegate"
        levels = [level.strip() for level in action["accessLevel"].split(",")]
        return max((BY_LEVEL[level] for level in levels), key=ORDER.index)

    def of_operation(self, service, name, actions, credentials):
        if credentials:
            return "credential"
        if (service.name, name) in self.table:
            return self.table[service.name, name]
        found = [self.of_action(action) for action in actions] or ["write"]
        effect = max(found, key=ORDER.index)
        return effect if effect == "read" else max(effect, self.of_name(service.name, name), key=ORDER.index)

    def of_name(self, service, operation):
        """What grants.tsv says of an operation that changes something."""
        for services, operations, row in self.by_name:
            if services.fullmatch(service) and operations.fullmatch(operation):
                row["fits"] = True
                return row["effect"]
        return "write"

    def returns_credentials(self, service, name):
        if (service.name, name) in self.credentials:
            return self.credentials[service.name, name]
        shape = service.output_shape(service.operations[name])
        if shape and secrets.returns_signed_url(service.shapes, shape):
            return True
        names = set(member_names(service.shapes, shape)) if shape else set()
        return any(map(SECRET_KEY_MEMBER.match, names)) and (
            any(map(SESSION_MEMBER.match, names)) or name == "CreateAccessKey"
        )

    def passed_roles(self, service, name, actions):
        """(path, whether it stands in an event) of role ARNs in the input of an operation that changes something."""
        if all(self.of_action(action) == "read" for action in actions):
            return []
        if {(service.name, name), (service.name, "*")} & self.not_roles:
            return []
        shape = service.input_shape(service.operations[name])
        paths = sorted(role_paths(service.shapes, shape, "", ())) if shape else []
        events = models.events_member(service.shapes, shape) if paths else None
        return [(path, path.split(".")[0] == events) for path in paths]


def member_names(shapes, name, seen=None):
    """All member names within a shape."""
    seen = set() if seen is None else seen
    if name in seen:
        return
    seen.add(name)
    shape = shapes[name]
    for member, reference in shape.get("members", {}).items():
        yield member
        yield from member_names(shapes, reference["shape"], seen)
    for side in ("member", "value"):
        if side in shape:
            yield from member_names(shapes, shape[side]["shape"], seen)


def role_paths(shapes, name, path, above):
    shape = shapes[name]
    if name in above or len(above) > DEPTH:
        return
    above = above + (name,)
    for member, reference in shape.get("members", {}).items():
        here = path + "." + member if path else member
        target = shapes[reference["shape"]]
        if target["type"] == "string" and is_role(shapes, member, reference["shape"]):
            yield here
        elif target["type"] == "list" and is_role(shapes, member.rstrip("s"), target["member"]["shape"]):
            if shapes[target["member"]["shape"]]["type"] == "string":
                yield here + "[]"
        yield from role_paths(shapes, reference["shape"], here, above)
    if shape["type"] == "list":
        yield from role_paths(shapes, shape["member"]["shape"], path + "[]", above)
    if shape["type"] == "map":
        yield from role_paths(shapes, shape["value"]["shape"], path + "{}", above)


def is_role(shapes, member, shape):
    if re.search(r"role_?arn$", member, re.I):
        return True
    is_arn = re.search("arn", shape, re.I) or "role/" in shapes[shape].get("pattern", "")
    return bool(ROLE_MEMBER.search(member) and is_arn)
