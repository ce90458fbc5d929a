"""Service models: services, operations and input shapes, as botocore ships them and as read_clients.cjs writes them."""

import json

import botocore
import botocore.loaders

from .binary import NONE

PROTOCOL_BITS = {
    "query": 0,
    "ec2": 1,
    "json": 2,
    "rest-json": 3,
    "rest-xml": 4,
    "smithy-rpc-v2-cbor": 5,
}
SHAPE_KINDS = {
    "structure": 0,
    "list": 1,
    "map": 2,
    "string": 3,
    "character": 3,
    "blob": 4,
    "boolean": 5,
    "integer": 6,
    "long": 7,
    "float": 8,
    "double": 9,
    "timestamp": 10,
    "document": 11,
}
LOCATIONS = {None: 0, "header": 1, "headers": 2, "querystring": 3, "uri": 4, "payload": 5}
TIMESTAMPS = {None: 0, "iso8601": 1, "unixTimestamp": 2, "rfc822": 3}
# Flag bits of a member, above location (bits 0-3) and timestamp format (bits 4-7).
MEMBER_FLAGS = {
    "required": 8,
    "flattened": 9,
    "xmlAttribute": 10,
    "jsonvalue": 11,
    "streaming": 12,
    "eventstream": 13,
    "eventheader": 14,
    "eventpayload": 15,
    "idempotencyToken": 16,
    "hostLabel": 17,
    "has_wire_name": 18,
}
SHAPE_UNION, SHAPE_EVENT_STREAM, SHAPE_SENSITIVE = 1 << 8, 1 << 9, 1 << 10


class Service:
    """One service's newest API version."""

    def __init__(self, name, model):
        self.name = name
        self.model = model
        self.metadata = model["metadata"]
        self.shapes = model["shapes"]
        self.operations = model["operations"]
        self.protocols = self.metadata.get("protocols") or [self.metadata["protocol"]]
        self.rules = None

    @property
    def signing_name(self):
        return self.metadata.get("signingName") or self.metadata["endpointPrefix"]

    def input_shape(self, operation):
        reference = operation.get("input")
        return reference and reference["shape"]

    def output_shape(self, operation):
        reference = operation.get("output")
        return reference and reference["shape"]


def add_query_protocol(service, rows):
    """Services that moved from query to json still take query from older clients, under the names that it had:
    rows of service, shape, member ("member", "key" or "value" of a list or map) and name."""
    rows = [row for row in rows if row["service"] == service.name]
    if not rows:
        return
    service.protocols = service.protocols + ["query"]
    for row in rows:
        shape = service.shapes.get(row["shape"], {})
        owner = shape.get("members", shape)
        if row["member"] not in owner:
            raise SystemExit("%s: no such member in the model" % row["where"])
        # A structure's member keeps its name in the other protocols.
        trait = "queryName" if "members" in shape else "locationName"
        owner[row["member"]] = owner[row["member"]] | {trait: row["name"]}


def clients_services(path):
    """(services, versions of their packages) that botocore leaves out, from what read_clients.cjs has written."""
    services, versions = [], []
    with open(path, encoding="utf-8") as file:
        for document in map(json.loads, file):
            name = document["model"]["metadata"]["serviceId"].lower().replace(" ", "-")
            service = Service(name, document["model"])
            service.rules = document["rules"]
            services.append(service)
            versions.append("%s %s" % (document["package"].removeprefix("@aws-sdk/"), document["version"]))
    return services, versions


def load_services(query_names, clients):
    loader = botocore.loaders.Loader(include_default_search_paths=False)
    loader.search_paths.append(loader.BUILTIN_DATA_PATH)
    services = []
    for name in sorted(loader.list_available_services("service-2")):
        service = Service(name, loader.load_service_model(name, "service-2"))
        service.rules = loader.load_service_model(name, "endpoint-rule-set-1")
        add_query_protocol(service, query_names)
        services.append(service)
    more, versions = clients_services(clients)
    twice = {service.name for service in services} & {service.name for service in more}
    if twice:
        raise SystemExit("botocore has %s by now: take the client out of package.json" % ", ".join(sorted(twice)))
    services = sorted(services + more, key=lambda service: service.name)
    return services, loader.load_data("partitions"), [botocore.__version__] + versions


def kind_of(shape):
    if shape.get("document"):
        return SHAPE_KINDS["document"]
    return SHAPE_KINDS[shape["type"]]


class ShapeWriter:
    """Writes the shapes reachable from inputs; equal ones, of any service, once."""

    def __init__(self, writer, service):
        self.writer = writer
        self.service = service
        self.rows = {}
        self.open = set()

    def write(self, name):
        """The row number of a shape and all it refers to."""
        if name in self.rows:
            return self.rows[name]
        if name in self.open:  # recursive: its row number is needed before its content is known
            self.rows[name] = self.writer.append("shape", [0] * 7)
            return self.rows[name]
        self.open.add(name)
        row = self._row(name, self.service.shapes[name])
        if name in self.rows:
            self.writer.tables["shape"][self.rows[name]] = row
        else:
            self.rows[name] = self.writer.run("shape", [row])[0]
        return self.rows[name]

    def _row(self, name, shape):
        members = [self._member(shape, *field) for field in fields_of(shape)]
        payload = list(shape["members"]).index(shape["payload"]) if "payload" in shape else NONE
        in_xml = "rest-xml" in self.service.protocols and shape["type"] == "structure"
        return (
            self.writer.text(name if in_xml else ""),
            kind_of(shape) | self._flags(shape),
            *self.writer.run("member", members),
            payload,
            self.writer.text(shape.get("locationName")),
            self.writer.text(uri_of(shape.get("xmlNamespace") or {})),
        )

    def _flags(self, shape):
        flags = SHAPE_UNION if shape.get("union") else 0
        flags |= SHAPE_EVENT_STREAM if shape.get("eventstream") else 0
        return flags | (SHAPE_SENSITIVE if shape.get("sensitive") else 0)

    def _member(self, owner, name, reference):
        target = self.service.shapes[reference["shape"]]
        location = reference.get("location")
        if owner.get("payload") == name:
            location = "payload"
        flags = LOCATIONS[location] if location != "statusCode" else 0
        flags |= TIMESTAMPS[reference.get("timestampFormat") or target.get("timestampFormat")] << 4
        traits = {key: reference.get(key) or target.get(key) for key in MEMBER_FLAGS}
        traits["required"] = name in owner.get("required", ())
        wire = reference.get("locationName") or ""
        traits["has_wire_name"] = bool(wire)
        for trait, bit in MEMBER_FLAGS.items():
            flags |= (1 << bit) if traits[trait] else 0
        namespace = reference.get("xmlNamespace") or target.get("xmlNamespace") or {}
        return (
            self.writer.text(name),
            self.writer.text(wire),
            self.write(reference["shape"]),
            flags,
            self._extra(reference.get("queryName", ""), namespace),
        )

    def _extra(self, query_name, namespace):
        """The first of three text rows with what few members have, or NONE."""
        prefix = namespace.get("prefix", "") if isinstance(namespace, dict) else ""
        extra = [query_name, uri_of(namespace), prefix]
        return self.writer.texts(extra)[0] if any(extra) else NONE


def uri_of(namespace):
    return namespace.get("uri", "") if isinstance(namespace, dict) else namespace


def fields_of(shape):
    """(name, reference) of a structure's members, a list's element, a map's key and value."""
    if shape.get("document"):
        return []
    if shape["type"] == "structure":
        return list(shape["members"].items())
    if shape["type"] == "list":
        return [("member", shape["member"])]
    if shape["type"] == "map":
        return [("key", shape["key"]), ("value", shape["value"])]
    return []


def split_uri(request_uri):
    """A template without its query, and the query's literals (name, value or None)."""
    path, _, query = request_uri.partition("?")
    literals = []
    for piece in filter(None, query.split("&")):
        name, equals, value = piece.partition("=")
        if name != "x-id":
            literals.append((name, value if equals else None))
    return path, literals


def required_markers(service, operation):
    """(name, is_header) of required top-level members in the query string or a header."""
    name = service.input_shape(operation)
    shape = service.shapes[name] if name else {"members": {}}
    markers = []
    for member, reference in shape.get("members", {}).items():
        if member not in shape.get("required", ()):
            continue
        if reference.get("location") in ("querystring", "header"):
            wire = reference.get("locationName", member)
            is_header = reference["location"] == "header"
            target = service.shapes[reference["shape"]]["type"]
            if target not in ("map", "list") or is_header:
                markers.append((wire.lower() if is_header else wire, is_header))
    return markers


def auth_of(service, operation):
    """0 sigv4, 1 none, 2 bearer."""
    listed = operation.get("auth") or []
    if operation.get("authtype") == "none" or "smithy.api#noAuth" in listed[:1]:
        return 1
    bearer = service.metadata.get("signatureVersion") == "bearer" or listed == ["smithy.api#httpBearerAuth"]
    return 2 if bearer or operation.get("authtype") == "bearer" else 0


def stream_flags(service, shape_name):
    """(streaming, event stream) of an input or output shape's payload."""
    shape = service.shapes[shape_name] if shape_name else {}
    streaming = events = False
    for reference in shape.get("members", {}).values():
        target = service.shapes[reference["shape"]]
        streaming |= bool(reference.get("streaming") or target.get("streaming"))
        events |= bool(reference.get("eventstream") or target.get("eventstream"))
    return streaming, events


def events_member(shapes, name):
    """The member of an input shape that is a stream of events, or None."""
    for member, reference in shapes[name].get("members", {}).items():
        if reference.get("eventstream") or shapes[reference["shape"]].get("eventstream"):
            return member
    return None


def unsigned_payload(operation):
    return bool(operation.get("unsignedPayload")) or operation.get("authtype") == "v4-unsigned-body"
