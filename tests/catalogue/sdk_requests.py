"""What sdk_requests.cjs makes: requests and hosts of the services that botocore leaves out, by their clients for JavaScript."""

import functools
import hashlib
import itertools
import json
import os
import pathlib
import subprocess

import botocore.loaders

from hosts_resolved import Host
from requests_made import CREDENTIALS, REGION, SECRET, Asked

HERE = pathlib.Path(__file__).parent
NODE = HERE.parents[1] / "build/venv/bin/node"
MODULES = HERE.parents[1] / "build/node/node_modules"
PROTOCOL = "rest-json"  # of all of them


@functools.cache
def made():
    partitions = botocore.loaders.Loader().load_data("partitions")["partitions"]
    regions = [region for partition in partitions for region in sorted(partition["regions"]) if "global" not in region]
    places = [{"Region": region, "UseFIPS": fips, "UseDualStack": dual}
              for region, fips, dual in itertools.product(regions, (False, True), (False, True))]
    asked = {"region": REGION, "places": places,
             "credentials": {"accessKeyId": CREDENTIALS.access_key, "secretAccessKey": SECRET}}
    run = subprocess.run([NODE, HERE / "sdk_requests.cjs"], input=json.dumps(asked), capture_output=True, text=True,
                         check=True, env=os.environ | {"NODE_PATH": str(MODULES)})
    return [json.loads(line) for line in run.stdout.splitlines()]


def scope_of(headers):
    """Region and signing name, as the client signed them."""
    return headers["authorization"].split("Credential=")[1].split(",")[0].split("/")[2:4]


def all_requests():
    for one in made():
        if "operation" in one:
            region, signing_name = scope_of(one["headers"])
            line = {"method": one["method"], "target": one["target"], "headers": one["headers"], "body": "", "region": region,
                    "signing_name": signing_name, "body_sha256": hashlib.sha256(b"").hexdigest(), "secret": SECRET}
            yield Asked(one["service"], one["operation"], PROTOCOL, True, line)


def all_hosts():
    names = {one.service: one.line["signing_name"] for one in all_requests()}
    for one in made():
        if "host" in one:
            yield Host(one["host"], names[one["service"]], one["place"]["Region"])
