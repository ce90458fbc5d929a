"""Which IAM actions, resources and condition keys an operation asks for."""

import collections
import dataclasses
import re

from . import bindings, conditions, effects, models, secrets, tables

WHEN = {"": 0, "+": 1, "-": 2}
ACTION_IN_WORDS = re.compile(r"(?<![\w:/-])([a-z][a-z0-9-]*):([A-Z]\w+)")


@dataclasses.dataclass
class Access:
    action: str
    resources: list
    conditions: list = dataclasses.field(default_factory=list)
    when: int = 0
    when_path: str = ""
    keys: frozenset = frozenset()  # condition keys that IAM's tables give the action


@dataclasses.dataclass
class Analysed:
    """All that the catalogue says of one operation beyond its wire form."""

    service: str
    name: str
    model: dict
    access: list
    effect: str
    returns_credentials: bool
    secret_inputs: list
    secret_outputs: list


class Rules:
    def __init__(self, data, directory, services):
        self.data = data
        self.binder = bindings.Binder(data, directory)
        self.conditions = conditions.Conditions(data, directory)
        self.effects = effects.Effects(directory)
        self.secrets = secrets.Secrets(directory)
        self.prefixes = {
            row["service"]: row["prefix"]
            for row in tables.read(directory / "prefixes.tsv", ["service", "prefix", "why"])
        }
        self.hosts = collections.defaultdict(list)
        for row in tables.read(directory / "hosts.tsv", ["service", "host", "region"]):
            self.hosts[row["service"]].append((row["host"], row["region"]))
        self.overrides = collections.defaultdict(list)
        columns = ["service", "operation", "action", "when", "resources"]
        for row in tables.read(directory / "actions.tsv", columns):
            self.overrides[row["service"], row["operation"]].append(row)
        self.names = {service.name: set(service.operations) for service in services}

    def prefix_of(self, service):
        """The IAM prefix of a service, or "" if IAM has none."""
        if service.name in self.prefixes:
            return self.prefixes[service.name].replace("-none-", "")
        names = (service.signing_name, service.metadata["endpointPrefix"], service.name)
        known = [name for name in names if name in self.data.resource_types]
        hits = collections.Counter()
        for name in known:
            hits[name] = sum(1 for op in service.operations if self.data.action(name + ":" + op))
        return max(known, key=lambda name: hits[name]) if known else ""

    def analyse(self, service, name):
        operation = service.operations[name]
        access = self._access(service, name)
        credentials = self.effects.returns_credentials(service, name)
        access += self._passed_roles(service, name, access)
        return Analysed(
            service.name,
            name,
            operation,
            access,
            self.effects.of_operation(service, name, self._actions(usual(access)), credentials),
            credentials,
            *self.secrets.of_operation(service, name),
        )

    def effect_of_action(self, action):
        return self.effects.of_action(action)

    def _actions(self, access):
        return [self.data.action(rule.action) for rule in access]

    def _access(self, service, name):
        rows = self.overrides.get((service.name, name), [])
        if rows:
            return [self._from_row(service, name, row) for row in rows if row["action"] != "-none-"]
        action = self.data.action("%s:%s" % (self.prefix_of(service), name))
        if action is None and self.prefix_of(service) == "apigateway":
            return [self._verb(service, name)]
        actions = [action] if action else self._documented(service, name)
        return [self._rule(service, name, action, None) for action in actions]

    def _documented(self, service, name):
        """The actions that the model's own words name for an operation that has none of its name: "to call it you
        need neptune-db:CancelQuery". Of keys and roles they tell what the service does then. Where it makes roles
        with the caller's rights, nothing is believed."""
        words = re.sub(r"<[^>]+>", "", service.operations[name].get("documentation", ""))
        named = [self.data.action("%s:%s" % found) for found in sorted(set(ACTION_IN_WORDS.findall(words)))]
        named = [action for action in named if action]
        if any(action["prefix"] == "iam" and action["name"] != "PassRole" for action in named):
            return []
        return [action for action in named if action["prefix"] not in ("iam", "kms")]

    def _verb(self, service, name):
        """API Gateway's actions are HTTP verbs and its resources are the paths they are used on."""
        http = service.operations[name]["http"]
        path = re.sub(r"^/v2/", "/", models.split_uri(http["requestUri"])[0])
        members = service.shapes.get(service.input_shape(service.operations[name]), {})
        wire = {ref.get("locationName", m): m for m, ref in members.get("members", {}).items()}
        labels = re.findall(r"\{([^}+]+)\+?\}", path)
        arn = "arn:${Partition}:apigateway:${Region}::" + re.sub(r"\{([^}+]+)\+?\}", r"${\1}", path)
        holes = [
            bindings.Hole(label, wire[label], bindings.FILLS["value"])
            for label in labels
            if "arn" not in label.lower()
        ]
        action = self.data.action("apigateway:" + http["method"])
        keys = self.conditions.rules(service, name, action)
        resource = bindings.Resource("path", arn, holes)
        return Access("apigateway:" + http["method"], [resource], keys, keys=conditions.keys_of(action))

    def _from_row(self, service, name, row):
        action = self.data.action(row["action"])
        if action is None:
            raise SystemExit("%s: IAM has no action %s" % (row["where"], row["action"]))
        rule = self._rule(service, name, action, row["resources"] or None)
        if row["when"]:
            rule.when, rule.when_path = WHEN[row["when"][0]], row["when"][1:]
        return rule

    def _rule(self, service, name, action, spec):
        resources = self.binder.resources(service, name, action, spec)
        keys = self.conditions.rules(service, name, action)
        return Access(self.data.full_name(action), resources, keys, keys=conditions.keys_of(action))

    def _passed_roles(self, service, name, access):
        """iam:PassRole for every role ARN that a changing operation hands to a service. What an event hands over nobody
        knows when the operation is decided on: then every role must be allowed."""
        if any(rule.action == "iam:PassRole" for rule in access):
            return []
        paths = self.effects.passed_roles(service, name, self._actions(access))
        action = self.data.action("iam:PassRole")
        keys = [rule for rule in self.conditions.rules(service, name, action) if rule.key.startswith("iam:")]
        named = "role(RoleNameWithPath=%s:arn_or_suffix)"
        rules = {}
        for path, in_event in paths:
            resources = self.binder.resources(service, name, action, "role" if in_event else named % path)
            when = ("", "") if in_event else ("+", path)
            rules[when] = Access("iam:PassRole", resources, keys, WHEN[when[0]], when[1], conditions.keys_of(action))
        return list(rules.values())

    def complain_of_unused(self, out):
        """Rows of the tables that name no operation: something was renamed."""
        for _, _, row in self.effects.by_name:
            if "fits" not in row:
                print("%s: it fits no operation" % row["where"], file=out)
        for row in self.conditions.unused():
            print("%s: no action has the key or no operation the path" % row["where"], file=out)
        named = {
            "actions.tsv": set(self.overrides),
            "effects.tsv": set(self.effects.table),
            "credentials.tsv": self.effects.credentials,
            "secrets.tsv": set(self.secrets.inputs) | set(self.secrets.outputs),
        }
        for table, keys in named.items():
            for service, operation in sorted(keys):
                if operation not in self.names.get(service, ()):
                    print("%s: %s has no operation %s" % (table, service, operation), file=out)


def usual(access):
    """The accesses of a request that has only what it must; a passed role always counts."""
    chosen = [rule for rule in access if rule.when != WHEN["+"] or rule.action == "iam:PassRole"]
    return chosen or access
