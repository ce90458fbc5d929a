"""What a user of Terraform does, with nothing but the environment set. `terraform_zoo.py resources`: plan, apply, plan again,
apply what nobody granted, destroy, with the AWS provider; `terraform_zoo.py state`: the same in short with a state in S3. Prints
one JSON list of {"step", "result"}, the denial with its "text".

AWS_ENDPOINT_URL, or else HTTPS_PROXY, says where. Neither provider nor backend heeds a variable for the former: they are
configured (terraform/resources has a block `endpoints`). No registry is asked: `build_zoo terraform` has put the provider where
`-plugin-dir` points.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent)]

from harness.processes import BUILD  # noqa: E402

BUILT = BUILD / "zoo" / "terraform"
QUIET = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_CLI_CONFIG_FILE": os.devnull, "TF_INPUT": "0"}


class Terraform:
    def __init__(self, what, folder):
        self.folder = shutil.copytree(HERE / "terraform" / what, pathlib.Path(folder, what))
        self.endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        self.env = os.environ | QUIET | {"TF_VAR_endpoint": self.endpoint}

    def run(self, *arguments, status=0):
        """What it printed. `status`: with `-detailed-exitcode` 2 says that there are changes."""
        command = [BUILT / "terraform", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True)
        if done.returncode != status:
            raise RuntimeError(f"{' '.join(arguments)}: {done.returncode}: {done.stdout + done.stderr}"[-6000:])
        return done.stdout

    def init(self):
        self.run("init", "-no-color", f"-plugin-dir={BUILT / 'plugins'}")
        return sorted(json.loads(self.run("version", "-json"))["provider_selections"].items())

    def plan(self):
        self.run("plan", "-detailed-exitcode", "-out=planned", status=2)
        changes = json.loads(self.run("show", "-json", "planned"))["resource_changes"]
        return {each["address"]: each["change"]["actions"] for each in changes}

    def apply(self):
        self.run("apply", "planned")
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json")).items()}

    def state(self):
        """Of every resource, but for what the other side makes up anew each time."""
        resources = json.loads(self.run("show", "-json"))["values"]["root_module"]["resources"]
        values = {each["address"]: each["values"] for each in resources if each["mode"] == "managed"}
        for made_up in ("unique_id", "create_date"):
            values["aws_iam_role.reader"].pop(made_up)
        told = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>", json.dumps(values))
        return json.loads(re.sub(r"https?://[^/]+(/\d{12}/)", r"<host>\1", told))

    def plan_again(self):
        self.run("plan", "-detailed-exitcode")
        return "no changes"

    def denied(self):
        lines = map(json.loads, self.run("apply", "-auto-approve", "-json", "-var", "outside=true", status=1).splitlines())
        [error] = [line["diagnostic"] for line in lines if line["@level"] == "error"]
        self.text = error["summary"] + error["detail"]
        found = re.search(r"(\w+): [^:].*status code: (\d+)", self.text, re.DOTALL)
        if not found:
            raise RuntimeError(f"not what a denial looks like: {self.text}")
        return {"code": found.group(1), "status": int(found.group(2))}

    def destroy(self):
        self.run("destroy", "-auto-approve")
        return self.run("state", "list").split()

    def init_with_backend(self):
        places = ("endpoint", "dynamodb_endpoint", "sts_endpoint", "iam_endpoint")
        settings = [f"{name}={self.endpoint}" for name in places] + ["force_path_style=true"]
        self.run("init", *(f"-backend-config={each}" for each in settings if self.endpoint))
        return (self.folder / "terraform.tfstate").exists()

    def apply_at_once(self):
        self.run("apply", "-auto-approve")
        return json.loads(self.run("output", "-json", "week"))

    def state_from_the_bucket(self):
        pulled = json.loads(self.run("state", "pull"))
        return [each["type"] for each in pulled["resources"]], pulled["serial"], (self.folder / "terraform.tfstate").exists()


STEPS = {
    "resources": ["init", "plan", "apply", "state", "plan again", "denied", "destroy"],
    "state": ["init with backend", "apply at once", "state from the bucket", "plan again", "destroy"],
}


def perform(what):
    with tempfile.TemporaryDirectory() as folder:
        terraform = Terraform(what, folder)
        for step in STEPS[what]:
            yield {"step": step, "result": getattr(terraform, step.replace(" ", "_"))()}
        if what == "resources":
            yield {"text": terraform.text}


if __name__ == "__main__":
    print(json.dumps(list(perform(sys.argv[1]))))
