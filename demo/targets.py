"""What the demo works on: two buckets and a table, in an emulator or in an AWS account."""

import json
import secrets
import time

import boto3

from harness.emulator import ACCOUNT, REGION, ROLE_ARN, Emulator

REPORTS = {
    "reports/2026-w44.csv": "day,orders\nmon,118\ntue,95\nwed,131\n",
    "reports/2026-w45.csv": "day,orders\nmon,102\ntue,99\nwed,140\n",
    "reports/2026-w46.csv": "day,orders\nmon,120\ntue,97\nwed,155\n",
    "drafts/salaries.csv": "name,salary\nnobody,0\n",
}


def seed(s3, dynamodb, names):
    """Creates and fills the demo's resources with the given clients."""
    where = {} if s3.meta.region_name == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": s3.meta.region_name}
    }
    for bucket in (names["bucket"], names["other_bucket"]):
        s3.create_bucket(Bucket=bucket, **where)
    for key, text in REPORTS.items():
        s3.put_object(Bucket=names["bucket"], Key=key, Body=text.encode())
    s3.put_object(Bucket=names["other_bucket"], Key="november.csv", Body=b"iban,amount\n")
    dynamodb.create_table(
        TableName=names["table"], BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "report", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "report", "AttributeType": "S"}],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=names["table"])
    for week in ("2026-w44", "2026-w45", "2026-w46"):
        dynamodb.put_item(TableName=names["table"], Item={"report": {"S": week}, "owner": {"S": "ada@example.com"}})


def scope_for(names, account, region):
    """The IAM policy of connection reports-ro: list and read one prefix, read one table."""
    bucket = f"arn:aws:s3:::{names['bucket']}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ListReports", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket,
                "Condition": {"StringLike": {"s3:prefix": ["reports/", "reports/*"]}},
            },
            {"Sid": "ReadReports", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/reports/*"},
            {
                "Sid": "ReadOwners", "Effect": "Allow",
                "Action": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:DescribeTable"],
                "Resource": f"arn:aws:dynamodb:{region}:{account}:table/{names['table']}",
            },
        ],
    }


class EmulatedAccount:
    """moto server on this machine, its signature checks switched on."""

    def __init__(self, folder):
        self.emulator = Emulator(folder)
        self.names = {"bucket": "acme-reports", "other_bucket": "acme-payroll", "table": "report-owners"}
        self.account, self.region, self.role_arn = ACCOUNT, REGION, ROLE_ARN
        self.endpoint = self.emulator.endpoint
        self.environment = self.emulator.admin.env()
        seed(self.emulator.client("s3"), self.emulator.client("dynamodb"), self.names)

    def remove(self):
        self.emulator.stop()


class RealAccount:
    """The account of the credentials in the environment; everything made here is removed again."""

    def __init__(self, environment):
        session = boto3.Session()
        self.region = session.region_name or "us-east-1"
        self.s3 = session.client("s3", region_name=self.region)
        self.dynamodb = session.client("dynamodb", region_name=self.region)
        self.iam = session.client("iam")
        caller = session.client("sts", region_name=self.region).get_caller_identity()
        self.account, suffix = caller["Account"], secrets.token_hex(4)
        self.names = {
            "bucket": f"narrows-demo-reports-{suffix}", "other_bucket": f"narrows-demo-payroll-{suffix}",
            "table": f"narrows-demo-owners-{suffix}",
        }
        self.role = f"narrows-demo-{suffix}"
        self.endpoint, self.environment = "", environment
        self.role_arn = self._create_role(caller["Arn"].split(":")[1])
        seed(self.s3, self.dynamodb, self.names)
        # A new role is not everywhere at once; AWS gives no signal when it is.
        time.sleep(15)

    def _create_role(self, partition):
        trust = {
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": {"AWS": f"arn:{partition}:iam::{self.account}:root"},
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            }],
        }
        made = self.iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=json.dumps(trust))
        policy = scope_for(self.names, self.account, self.region)
        self.iam.put_role_policy(RoleName=self.role, PolicyName="reports-ro", PolicyDocument=json.dumps(policy))
        return made["Role"]["Arn"]

    def remove(self):
        for bucket in (self.names["bucket"], self.names["other_bucket"]):
            for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                self.s3.delete_object(Bucket=bucket, Key=entry["Key"])
            self.s3.delete_bucket(Bucket=bucket)
        self.dynamodb.delete_table(TableName=self.names["table"])
        self.iam.delete_role_policy(RoleName=self.role, PolicyName="reports-ro")
        self.iam.delete_role(RoleName=self.role)
