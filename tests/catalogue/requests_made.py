"""A minimal request for every operation, in every protocol of its service, serialised and signed by botocore."""

import dataclasses
import hashlib
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.loaders
import botocore.model
import botocore.serialize

SAMPLES = {"integer": 1, "long": 1, "float": 1.5, "double": 1.5, "boolean": True, "timestamp": 0}
SIGNED_OTHERWISE = {"ListDirectoryBuckets": "s3express"}  # only S3 Express has it
REGION = "us-east-1"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREDENTIALS = botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", SECRET)
S3_NAMES = ("s3", "s3express", "s3-outposts", "s3-object-lambda")


@dataclasses.dataclass
class Asked:
    service: str
    operation: str
    protocol: str
    signed: bool
    line: dict  # for catalogue_probe


def sample(shape, above=()):
    """A value that has what the shape requires and nothing more."""
    kind = shape.type_name
    if kind == "structure":
        if shape.name in above:
            return {}
        return {name: sample(shape.members[name], above + (shape.name,)) for name in required(shape)}
    if kind == "list":
        return [sample(shape.member, above)] if shape.member.name not in above else []
    if kind == "map":
        return {"k": sample(shape.value, above)}
    if kind == "blob":
        return b"x"
    if kind == "string":
        return (shape.enum or ["x" * max(1, shape.metadata.get("min", 1))])[0]
    return SAMPLES[kind]


def required(shape):
    if getattr(shape, "is_tagged_union", False):
        return list(shape.members)[:1]
    return shape.required_members


def target_of(request):
    path, query = request["url_path"], request["query_string"]
    if isinstance(query, dict):
        query = urllib.parse.urlencode(query, doseq=True)
    if query:
        path += ("&" if "?" in path else "?") + query
    return path


def is_signed(model, operation):
    """Whether a signature of version 4 authorises the operation, by its model."""
    listed = operation.auth or []
    if operation.auth_type == "none" or listed[:1] == ["smithy.api#noAuth"]:
        return False
    return model.metadata.get("signatureVersion") != "bearer" and operation.auth_type != "bearer"


def all_requests():
    loader = botocore.loaders.Loader()
    for name in sorted(loader.list_available_services("service-2")):
        document = loader.load_service_model(name, "service-2")
        model = botocore.model.ServiceModel(document, name)
        for protocol in model.metadata.get("protocols") or [model.metadata["protocol"]]:
            serializer = botocore.serialize.create_serializer(protocol, False)
            for operation_name in model.operation_names:
                operation = model.operation_model(operation_name)
                signed = is_signed(model, operation)
                line = line_of(model, operation, serializer, signed)
                yield Asked(name, operation_name, protocol, signed, line)


def line_of(model, operation, serializer, signed):
    parameters = sample(operation.input_shape) if operation.input_shape else {}
    request = serializer.serialize_to_request(parameters, operation)
    headers = {key: str(value) for key, value in request["headers"].items()}
    body = request["body"]
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body, doseq=True)
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
    line = {
        "method": request["method"],
        "target": target_of(request),
        "headers": headers,
        "body": body if isinstance(body, str) else "",
        "signing_name": SIGNED_OTHERWISE.get(operation.name, model.signing_name),
        "region": REGION,
    }
    if signed:
        sign(line, body.encode() if isinstance(body, str) else body, operation.auth_type)
    return line


def sign(line, body, auth_type):
    """Puts botocore's signature into the headers."""
    signer = botocore.auth.S3SigV4Auth if line["signing_name"] in S3_NAMES else botocore.auth.SigV4Auth
    url = "https://service.us-east-1.amazonaws.com" + line["target"]
    request = botocore.awsrequest.AWSRequest(method=line["method"], url=url, headers=line["headers"], data=body or b"")
    request.context["payload_signing_enabled"] = auth_type != "v4-unsigned-body"
    signer(CREDENTIALS, line["signing_name"], REGION).add_auth(request)
    line["headers"] = dict(request.headers.items()) | {"Host": "service.us-east-1.amazonaws.com"}
    line["body_sha256"] = hashlib.sha256(body or b"").hexdigest()
    line["secret"] = SECRET
