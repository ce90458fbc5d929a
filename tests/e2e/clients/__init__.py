"""Runs a list of steps with one client: `CLIENTS[name](service, steps, env)`."""

import base64
import json
import pathlib
import subprocess
import tempfile

import botocore

from harness.processes import AWS_DEBIAN, AWS_PYPI, NODE, NODE_MODULES, PYTHON

from .results import resolve

HERE = pathlib.Path(__file__).resolve().parent


def run_boto3(service, steps, env, config=None):
    return run_script([PYTHON, HERE / "boto3_client.py"], service, steps, env, config)


def run_js(service, steps, env, config=None):
    return run_script([NODE, HERE / "js_client.cjs"], service, steps, env | {"NODE_PATH": str(NODE_MODULES)}, config)


def run_script(command, service, steps, env, config):
    work = json.dumps({"service": service, "steps": steps, "config": config or {}})
    done = subprocess.run([str(c) for c in command], input=work, capture_output=True, text=True, env=env, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{command[-1]} {service}: {done.stderr[-4000:]}")
    return json.loads(done.stdout)


class Cli:
    """The AWS CLI as a client: version 2 takes blobs in base64, version 1 as they are."""

    def __init__(self, program, blobs_in_base64):
        self.program, self.blobs_in_base64 = program, blobs_in_base64

    def __call__(self, service, steps, env, config=None):
        shown, results = [], {}
        for operation, parameters in steps:
            told = self.perform(service, operation, resolve(parameters, results), env)
            results[operation] = told.get("result") or {}
            shown.append({"step": operation} | told)
        return shown

    def perform(self, service, operation, parameters, env):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [str(self.program), service if service != "s3" else "s3api", kebab(operation)]
            if "AWS_ENDPOINT_URL" in env:
                # Older versions do not know the variable.
                arguments += ["--endpoint-url", env["AWS_ENDPOINT_URL"]]
            if isinstance(parameters.get("Body"), bytes):
                body = pathlib.Path(folder, "body")
                body.write_bytes(parameters.pop("Body"))
                arguments += ["--body", str(body)]
            arguments += ["--output", "json", "--no-paginate", "--cli-input-json", json.dumps(parameters, default=self.blob)]
            done = subprocess.run(arguments, capture_output=True, text=True, env=env | {"AWS_MAX_ATTEMPTS": "1"}, timeout=120)
        if done.returncode != 0:
            return {"error": done.stderr.strip(), "exit": done.returncode}
        return {"result": json.loads(done.stdout) if done.stdout.strip() else {}}

    def blob(self, value):
        return base64.b64encode(value).decode() if self.blobs_in_base64 else value.decode()


def kebab(operation):
    return botocore.xform_name(operation, "-")


CLIENTS = {
    "boto3": run_boto3,
    "js": run_js,
    "cli-debian": Cli(AWS_DEBIAN, blobs_in_base64=True),
    "cli-pypi": Cli(AWS_PYPI, blobs_in_base64=False),
}
