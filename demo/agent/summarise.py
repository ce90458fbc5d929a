"""Reads the week's report and who owns it with boto3; tries to look into another bucket's prefix."""

import csv
import sys

import boto3
import botocore.exceptions

bucket, table = sys.argv[1:3]
s3 = boto3.client("s3")
rows = csv.DictReader(s3.get_object(Bucket=bucket, Key="reports/2026-w46.csv")["Body"].read().decode().splitlines())
owner = boto3.client("dynamodb").get_item(TableName=table, Key={"report": {"S": "2026-w46"}})["Item"]["owner"]["S"]
print(f"week 46: {sum(int(row['orders']) for row in rows)} orders, owner {owner}")
try:
    s3.get_object(Bucket=bucket, Key="drafts/salaries.csv")
except botocore.exceptions.ClientError as refused:
    print(f"refused: {refused}")
