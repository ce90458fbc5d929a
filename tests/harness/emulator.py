"""An AWS emulator (moto server) that checks SigV4 signatures, with an account ready for a gateway."""

import dataclasses
import json

import boto3
import requests
from botocore.config import Config

from .processes import PYTHON, ROOT, Process, clean_environment, free_port

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE_NAME = "narrows-agents"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/gateway"},
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
        }
    ],
}


@dataclasses.dataclass(frozen=True)
class Credentials:
    key_id: str
    secret: str
    token: str = ""

    def env(self):
        found = {"AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret}
        return found | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})


def client(service, endpoint, credentials, **config):
    """A boto3 client that speaks to `endpoint` and tries once."""
    config.setdefault("retries", {"total_max_attempts": 1})
    return boto3.client(
        service, region_name=REGION, endpoint_url=endpoint,
        aws_access_key_id=credentials.key_id, aws_secret_access_key=credentials.secret,
        aws_session_token=credentials.token or None, config=Config(**config),
    )


class Emulator:
    """moto on a free port. `admin` may do everything; every signature is checked."""

    def __init__(self, folder):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        env = clean_environment(INITIAL_NO_AUTH_ACTION_COUNT="1000", MOTO_ACCOUNT_ID=ACCOUNT, PYTHONUNBUFFERED="1")
        arguments = [PYTHON, ROOT / "tests" / "harness" / "moto_server.py", "-H", "127.0.0.1", "-p", self.port]
        self.process = Process(arguments, folder / "emulator.log", env=env)
        self.process.wait_for_port(self.port, 60)
        self.admin = self._create_account()
        done = requests.post(f"{self.endpoint}/moto-api/reset-auth", data=b"0", timeout=10)
        done.raise_for_status()

    def _create_account(self):
        iam = client("iam", self.endpoint, Credentials("AKIAIOSFODNN7EXAMPLE", "unchecked-until-the-account-is-there"))
        iam.create_user(UserName="gateway")
        iam.put_user_policy(UserName="gateway", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        iam.create_role(RoleName=ROLE_NAME, AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName=ROLE_NAME, PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        key = iam.create_access_key(UserName="gateway")["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def role(self):
        """Temporary credentials of the role that the gateway assumes too."""
        sts = client("sts", self.endpoint, self.admin)
        found = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="direct")["Credentials"]
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def client(self, service, **config):
        return client(service, self.endpoint, self.admin, **config)

    def stop(self):
        self.process.stop()
