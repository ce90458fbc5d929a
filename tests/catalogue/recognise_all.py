#!/usr/bin/env python3
"""Serialises a minimal request for every operation, in every protocol of its service, with
botocore's own serialisers, and asks catalogue_probe what it is.

usage: recognise_all.py PROBE [--verbose]      run with the Python of build/catalogue
Fails if an operation is not among the candidates, or if fewer than 97 % are the only one.
"""

import collections
import json
import subprocess
import sys
import urllib.parse

import botocore.loaders
import botocore.model
import botocore.serialize

SAMPLES = {"integer": 1, "long": 1, "float": 1.5, "double": 1.5, "boolean": True, "timestamp": 0}
UNIQUE_LEAST = 0.97
SIGNED_OTHERWISE = {"ListDirectoryBuckets": "s3express"}  # only S3 Express has it


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


def requests():
    """(service, operation, protocol, request line for the probe)"""
    loader = botocore.loaders.Loader()
    for name in sorted(loader.list_available_services("service-2")):
        document = loader.load_service_model(name, "service-2")
        model = botocore.model.ServiceModel(document, name)
        for protocol in model.metadata.get("protocols") or [model.metadata["protocol"]]:
            serializer = botocore.serialize.create_serializer(protocol, False)
            for operation_name in model.operation_names:
                operation = model.operation_model(operation_name)
                yield name, operation_name, protocol, line_of(model, operation, serializer)


def line_of(model, operation, serializer):
    parameters = sample(operation.input_shape) if operation.input_shape else {}
    request = serializer.serialize_to_request(parameters, operation)
    headers = {key: str(value) for key, value in request["headers"].items()}
    body = request["body"]
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body, doseq=True)
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
    return {
        "method": request["method"],
        "target": target_of(request),
        "headers": headers,
        "body": body if isinstance(body, str) else "",
        "signing_name": SIGNED_OTHERWISE.get(operation.name, model.signing_name),
        "region": "us-east-1",
    }


def main():
    verbose = "--verbose" in sys.argv
    asked = list(requests())
    text = "".join(json.dumps(line) + "\n" for _, _, _, line in asked)
    run = subprocess.run([sys.argv[1]], input=text, capture_output=True, text=True, check=True)
    counts, ties, wrong = collections.Counter(), collections.Counter(), []
    for (service, operation, protocol, line), said in zip(asked, run.stdout.splitlines(), strict=True):
        answer = json.loads(said)
        found = [(c["service"], c["operation"]) for c in answer.get("candidates", [])]
        if (service, operation) not in found:
            wrong.append("%s:%s (%s) %s: %s" % (service, operation, protocol, line["target"], said[:300]))
        elif len(found) == 1:
            counts["unique"] += 1
        else:
            counts["tie"] += 1
            ties[" ".join(sorted({one for one, _ in found}))] += 1
    total = len(asked)
    print("requests %d, only candidate %d (%.2f %%), among several %d, not found %d" % (
        total, counts["unique"], 100 * counts["unique"] / total, counts["tie"], len(wrong)))
    for services, count in ties.most_common():
        print("tie %4d  %s" % (count, services))
    for line in wrong if verbose else wrong[:20]:
        print("not found:", line)
    return 1 if wrong or counts["unique"] < UNIQUE_LEAST * total else 0


if __name__ == "__main__":
    sys.exit(main())
