"""Hosts to dial, by evaluating every service's endpoint rules for every partition and region."""

import collections
import re

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError


# Kinds of hosts beside a variant's usual one, bits above the variant's number (kHostKinds in endpoints.cc).
USUAL, FIPS, DUALSTACK, GLOBAL, ACCOUNT, OTHER = 0, 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
ANY_ACCOUNT = "111122223333"


def signing_names(service):
    """The service's own signing name first, then every other that its endpoint rules name."""
    names = [service.signing_name]
    pending = [service.rules]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            name = node.get("signingName")
            if isinstance(name, str) and name not in names and "{" not in name:
                names.append(name)
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return names[:1] + sorted(names[1:])


def region_prefixes(partition):
    """The literal starts of a partition's region pattern: ^(us|eu)\\-\\w+\\-\\d+$ gives us-, eu-."""
    pattern = partition["regionRegex"]
    match = re.fullmatch(r"\^([a-z\\-]*)(?:\(([a-z|]+)\))?([a-z\\-]*)\\-\\w\+\\-\\d\+\$", pattern)
    if not match:
        raise ValueError("partition %s: cannot read region pattern %s" % (partition["id"], pattern))
    before, group, after = match.groups()
    starts = [before + piece + after + "-" for piece in (group or "").split("|")]
    return sorted(start.replace("\\", "") for start in starts)


def static_parameters(operation):
    """Endpoint parameters that an operation fixes: (("ServiceType", "ACM"),)."""
    return tuple(sorted((name, repr(entry["value"])) for name, entry in fixed_by(operation).items()))


def fixed_by(operation):
    """For S3 the bucket's name, not the operation, decides whether S3 Express is meant. The account stands before S3
    Control's hosts by the operation's host prefix."""
    fixed = dict(operation.get("staticContextParams") or {})
    fixed.pop("RequiresAccountId", None)
    if "{Bucket}" in operation["http"]["requestUri"]:
        fixed.pop("UseS3ExpressControlEndpoint", None)
    return fixed


def kinds_of(known):
    """(kind, parameters of the rules) of all hosts that a service may be asked at."""
    kinds = [(USUAL, {}), (FIPS, {"UseFIPS": True}), (DUALSTACK, {"UseDualStack": True})]
    kinds.append((FIPS | DUALSTACK, {"UseFIPS": True, "UseDualStack": True}))
    if "UseGlobalEndpoint" in known:
        kinds.append((GLOBAL, {"UseGlobalEndpoint": True}))
    if "AccountIdEndpointMode" in known:
        by_account = {"AccountId": ANY_ACCOUNT, "AccountIdEndpointMode": "preferred"}
        kinds += [(kind | ACCOUNT, more | by_account) for kind, more in kinds[:4]]
    return [(kind, more) for kind, more in kinds if set(more) <= set(known)]


class Resolver:
    """One service's hosts. Operations may fix parameters of the rules; each different outcome is
    a variant, and variant 0 is that of most operations. `others` are (template, region) of hosts that
    the rules do not have (hosts.tsv)."""

    def __init__(self, service, partitions, others):
        self.others = others
        self.partitions = partitions["partitions"]
        self.known = service.rules["parameters"]
        self.provider = EndpointProvider(service.rules, partitions)
        self.variants = []
        self.variant_of = {}
        fixed = {static_parameters(o): o for o in service.operations.values()}
        often = collections.Counter(map(static_parameters, service.operations.values()))
        for key, _ in often.most_common():
            rows = self._rows(fixed_by(fixed[key]))
            if rows not in self.variants:
                self.variants.append(rows)
            self.variant_of[key] = self.variants.index(rows)

    def rows(self):
        """(variant and kind, partition, region or "", host, signing region or "")."""
        rows = [(n | row[0],) + row[1:] for n, rows in enumerate(self.variants) for row in rows]
        for template, region in self.others:
            for partition in self.partitions:
                host = template.replace("{suffix}", partition["outputs"]["dnsSuffix"])
                if not region or region in partition["regions"]:
                    rows.append((OTHER, partition["id"], region, host, ""))
        return rows

    def variant(self, operation):
        return self.variant_of[static_parameters(operation)]

    def _rows(self, fixed):
        rows = []
        for kind, more in kinds_of(self.known):
            for partition in self.partitions:
                rows += [(kind,) + row for row in self._partition_rows(partition, fixed, more)]
        seen = {row[1:] for row in rows if row[0] == USUAL}
        return [row for row in rows if row[0] == USUAL or row[1:] not in seen]

    def _partition_rows(self, partition, fixed, more):
        found = {}
        for region in sorted(partition["regions"]):
            answer = self._resolve(partition, region, fixed, more)
            if answer and "global" not in region:
                found[region] = answer
        templates = collections.Counter(template_of(*item) for item in found.items())
        if not templates:
            return []
        common = templates.most_common(1)[0][0]
        rows = [(partition["id"], "") + common]
        for region, answer in sorted(found.items()):
            if answer != (common[0].replace("{region}", region), common[1] or region):
                rows.append((partition["id"], region) + answer)
        return rows

    def _resolve(self, partition, region, fixed, more):
        parameters = {"Region": region, "UseFIPS": False, "UseDualStack": False}
        parameters["UseGlobalEndpoint"] = False
        parameters.update({name: entry["value"] for name, entry in fixed.items()})
        parameters.update(more)
        if "AccountId" in more:  # Kinesis goes by the ARN of the stream instead
            parameters["StreamARN"] = "arn:%s:kinesis:%s:%s:stream/s" % (partition["id"], region, ANY_ACCOUNT)
        parameters = {key: value for key, value in parameters.items() if key in self.known}
        try:
            endpoint = self.provider.resolve_endpoint(**parameters)
        except EndpointProviderError:
            return None
        host = endpoint.url.split("://", 1)[1].split("/", 1)[0].replace(ANY_ACCOUNT, "{account}")
        schemes = endpoint.properties.get("authSchemes") or [{}]
        return host, schemes[0].get("signingRegion") or region


def template_of(region, answer):
    host, signing_region = answer
    label = r"(?<![a-z0-9-])%s(?![a-z0-9-])" % re.escape(region)
    return re.sub(label, "{region}", host), "" if signing_region == region else signing_region
