"""Does the steps on standard input with boto3; prints one JSON list of results."""

import json
import sys

import boto3
import botocore
from botocore.config import Config

from results import resolve


def perform(client, operation, parameters):
    try:
        result = getattr(client, botocore.xform_name(operation))(**parameters)
    except botocore.exceptions.ClientError as error:
        return {"error": error.response}, None
    if "Body" in result:
        result["Body"] = result["Body"].read().hex()
    return {"result": result}, result


def main():
    work = json.load(sys.stdin)
    config = Config(retries={"total_max_attempts": 1}, **work.get("config", {}))
    client = boto3.client(work["service"], config=config)
    shown, results = [], {}
    for operation, parameters in work["steps"]:
        told, result = perform(client, operation, resolve(parameters, results))
        if result is not None:
            results[operation] = result
        shown.append({"step": operation} | told)
    json.dump(shown, sys.stdout, default=str)


main()
