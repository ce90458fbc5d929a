"""Hosts to dial, by evaluating every service's endpoint rules for every partition and region."""

import collections
import re

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError


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
    """For S3 the bucket's name, not the operation, decides whether S3 Express is meant."""
    fixed = dict(operation.get("staticContextParams") or {})
    if "{Bucket}" in operation["http"]["requestUri"]:
        fixed.pop("UseS3ExpressControlEndpoint", None)
    return fixed


class Resolver:
    """One service's hosts. Operations may fix parameters of the rules; each different outcome is
    a variant, and variant 0 is that of most operations."""

    def __init__(self, service, partitions):
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
        """(variant, partition, region or "", host, signing region or "")."""
        return [(n,) + row for n, rows in enumerate(self.variants) for row in rows]

    def variant(self, operation):
        return self.variant_of[static_parameters(operation)]

    def _rows(self, fixed):
        rows = []
        for partition in self.partitions:
            rows.extend(self._partition_rows(partition, fixed))
        return rows

    def _partition_rows(self, partition, fixed):
        found = {}
        for region in sorted(partition["regions"]):
            answer = self._resolve(region, fixed)
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

    def _resolve(self, region, fixed):
        parameters = {"Region": region, "UseFIPS": False, "UseDualStack": False}
        parameters["UseGlobalEndpoint"] = False
        parameters.update({name: entry["value"] for name, entry in fixed.items()})
        parameters = {key: value for key, value in parameters.items() if key in self.known}
        try:
            endpoint = self.provider.resolve_endpoint(**parameters)
        except EndpointProviderError:
            return None
        host = endpoint.url.split("://", 1)[1].split("/", 1)[0]
        schemes = endpoint.properties.get("authSchemes") or [{}]
        return host, schemes[0].get("signingRegion") or region


def template_of(region, answer):
    host, signing_region = answer
    label = r"(?<![a-z0-9-])%s(?![a-z0-9-])" % re.escape(region)
    return re.sub(label, "{region}", host), "" if signing_region == region else signing_region
