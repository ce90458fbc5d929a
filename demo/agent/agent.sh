#!/bin/bash
# A sample agent. Its task: write the summary of the week's reports. It uses the AWS CLI, boto3 and
# the AWS SDK for JavaScript as they come, and tries three things nobody granted it.
set -u
here="$(cd "$(dirname "$0")" && pwd)"
bucket="$1" table="$2" other_bucket="$3"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

try() {
    echo "\$ $*"
    "$@" 2>&1 | sed 's/^/    /'
}

try aws s3 ls "s3://$bucket/reports/"
try aws s3 cp --no-progress "s3://$bucket/reports/2026-w46.csv" "$scratch/w46.csv"
try python3 "$here/summarise.py" "$bucket" "$table"
try node "$here/newest.cjs" "$bucket" "$table"
# What the task does not need, and the session may not do:
echo "total,0" >"$scratch/w46.csv"
try aws s3 cp --no-progress "$scratch/w46.csv" "s3://$bucket/reports/2026-w46.csv"
try aws s3 ls "s3://$other_bucket/"
try aws sqs list-queues
