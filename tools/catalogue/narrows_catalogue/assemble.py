"""Puts models, endpoints and IAM rules together into the binary's tables."""

from . import endpoints, models
from .binary import NONE

EFFECTS = ["read", "write", "delegate", "grant", "credential", "by-reference"]
# Flag bits of an operation; bits 0-1 are its auth, 2-4 its effect, 24-31 its endpoint variant.
STREAMING_INPUT, STREAMING_OUTPUT, EVENT_INPUT, EVENT_OUTPUT = 1 << 5, 1 << 6, 1 << 7, 1 << 8
UNSIGNED_PAYLOAD, RETURNS_CREDENTIALS, COMPRESSION, CHECKSUM = 1 << 9, 1 << 10, 1 << 11, 1 << 12
DEPRECATED, NO_ACTION, S3_EXPRESS_ONLY = 1 << 13, 1 << 14, 1 << 15
QUERY_COMPATIBLE, IS_S3 = 1 << 8, 1 << 9
HAS_RESOURCE_TYPES = 1 << 8
LITERAL_ANY, LITERAL_HEADER = 1, 2
S3_EXPRESS_OPERATIONS = ("ListDirectoryBuckets",)


class Assembler:
    def __init__(self, writer, data, rules):
        self.writer = writer
        self.data = data
        self.rules = rules

    def all(self, services, partitions, versions):
        coverage = []
        for service in services:
            coverage.extend(self._service(service, partitions))
        self._partitions(partitions["partitions"])
        self._actions()
        without = sum(1 for row in coverage if not row.access)
        info = [versions[0], self.data.version, str(without), *versions[1:]]
        self.writer.tables["info"] = [(self.writer.text(value),) for value in info]
        return coverage

    def _service(self, service, partitions):
        text = self.writer.text
        resolver = endpoints.Resolver(service, partitions, self.rules.hosts[service.name])
        shapes = models.ShapeWriter(self.writer, service)
        row = self.writer.append("service", [0] * 16)
        analysed = [self.rules.analyse(service, name) for name in sorted(service.operations)]
        operations = [self._operation(service, row, shapes, resolver, one) for one in analysed]
        first = len(self.writer.tables["operation"])
        for operation in operations:
            self.writer.append("operation", operation)
        metadata = service.metadata
        flags = sum(1 << models.PROTOCOL_BITS[name] for name in service.protocols)
        flags |= QUERY_COMPATIBLE if "awsQueryCompatible" in metadata else 0
        flags |= IS_S3 if service.name == "s3" else 0
        hosts = [(r[0],) + tuple(map(text, r[1:])) for r in resolver.rows()]
        self.writer.tables["service"][row] = (
            text(service.name),
            text(metadata.get("serviceFullName")),
            text(service.signing_name),
            text(self.rules.prefix_of(service)),
            text(metadata["endpointPrefix"]),
            text(metadata.get("targetPrefix")),
            text(metadata["apiVersion"]),
            text(metadata.get("jsonVersion")),
            text(models.uri_of(metadata.get("xmlNamespace") or {})),
            first,
            len(operations),
            *self.writer.texts(endpoints.signing_names(service)),
            *self.writer.run("endpoint", hosts),
            flags,
        )
        return analysed

    def _operation(self, service, row, shapes, resolver, one):
        text = self.writer.text
        operation = one.model
        path, literals = models.split_uri(operation["http"]["requestUri"])
        rows = [(text(n), text(v), LITERAL_ANY if v is None else 0) for n, v in literals]
        for name, is_header in models.required_markers(service, operation):
            rows.append((text(name), 0, LITERAL_ANY | (LITERAL_HEADER if is_header else 0)))
        shape = service.input_shape(operation)
        checksum = operation.get("httpChecksum") or {}
        return (
            text(one.name),
            row,
            text(operation["http"]["method"]),
            text(path),
            text((operation.get("endpoint") or {}).get("hostPrefix")),
            text(checksum.get("requestAlgorithmMember")),
            NONE if shape is None else shapes.write(shape),
            *self.writer.run("literal", rows),
            *self.writer.run("access", [self._access(rule) for rule in one.access]),
            *self.writer.texts(one.secret_inputs),
            *self.writer.texts(one.secret_outputs),
            self._flags(service, one) | resolver.variant(operation) << 24,
        )

    def _flags(self, service, one):
        operation = one.model
        streaming_in, events_in = models.stream_flags(service, service.input_shape(operation))
        streaming_out, events_out = models.stream_flags(service, service.output_shape(operation))
        required = (operation.get("httpChecksum") or {}).get("requestChecksumRequired")
        bits = {
            STREAMING_INPUT: streaming_in,
            STREAMING_OUTPUT: streaming_out,
            EVENT_INPUT: events_in,
            EVENT_OUTPUT: events_out,
            UNSIGNED_PAYLOAD: models.unsigned_payload(operation),
            RETURNS_CREDENTIALS: one.returns_credentials,
            COMPRESSION: "requestcompression" in operation,
            CHECKSUM: required or operation.get("httpChecksumRequired"),
            DEPRECATED: operation.get("deprecated"),
            NO_ACTION: not one.access,
            S3_EXPRESS_ONLY: service.name == "s3" and one.name in S3_EXPRESS_OPERATIONS,
        }
        flags = sum(bit for bit, on in bits.items() if on)
        return flags | models.auth_of(service, operation) | EFFECTS.index(one.effect) << 2

    def _access(self, rule):
        text = self.writer.text
        resources = []
        for resource in rule.resources:
            holes = [(text(h.name), text(h.path), h.fill, text(h.otherwise)) for h in resource.holes]
            run = self.writer.run("hole", holes)
            resources.append((text(resource.type), text(resource.arn), int(resource.optional), *run))
        conditions = [
            (text(c.key), c.source, text(c.path), text(c.key_name), text(c.value_name))
            for c in rule.conditions
        ]
        return (
            text(rule.action),
            rule.when,
            text(rule.when_path),
            *self.writer.run("resource", resources),
            *self.writer.run("condition", conditions),
        )

    def _partitions(self, partitions):
        text = self.writer.text
        for partition in partitions:
            prefixes = self.writer.texts(endpoints.region_prefixes(partition))
            outputs = partition["outputs"]
            suffixes = (text(outputs["dnsSuffix"]), text(outputs["dualStackDnsSuffix"]))
            self.writer.append("partition", (text(partition["id"]), *suffixes, *prefixes))

    def _actions(self):
        for key in sorted(self.data.actions):
            action = self.data.actions[key]
            flags = EFFECTS.index(self.rules.effect_of_action(action))
            flags |= HAS_RESOURCE_TYPES if action["resourceTypes"] else 0
            self.writer.append("action", (self.writer.text(self.data.full_name(action)), flags))
