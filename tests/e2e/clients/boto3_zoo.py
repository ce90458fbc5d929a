"""Does the zoo's task list with boto3 and prints one JSON list of results."""

import hashlib
import json
import os

import boto3
import botocore.exceptions

BUCKET, TABLE = os.environ["ZOO_BUCKET"], os.environ["ZOO_TABLE"]
told = []


def tell(step, result):
    told.append({"step": step, "result": result})


def denied(step, call, **parameters):
    try:
        call(**parameters)
    except botocore.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        tell(step, {"code": error.response["Error"]["Code"], "status": status})


def keys(s3):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="dir/")["Contents"]]


def objects(s3):
    s3.put_object(Bucket=BUCKET, Key="dir/a b+c.txt", Body=b"hello")
    tell("put", "stored")
    tell("get", s3.get_object(Bucket=BUCKET, Key="dir/a b+c.txt")["Body"].read().decode())
    s3.upload_file(os.environ["ZOO_FILE"], BUCKET, "dir/large")
    large = s3.get_object(Bucket=BUCKET, Key="dir/large")["Body"].read()
    tell("multipart", hashlib.sha256(large).hexdigest())
    tell("list", keys(s3))
    s3.delete_object(Bucket=BUCKET, Key="dir/large")
    tell("delete", keys(s3))
    denied("denied object", s3.put_object, Bucket=BUCKET, Key="closed/x", Body=b"x")


def items(dynamodb):
    dynamodb.put_item(TableName=TABLE, Item={"id": {"S": "1"}, "n": {"N": "5"}, "t": {"S": "Zürich ☃"}})
    query = {"KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "1"}}}
    first = dynamodb.query(TableName=TABLE, **query)["Items"][0]
    tell("query", [first["n"]["N"], first["t"]["S"]])
    denied("denied table", dynamodb.delete_table, TableName=TABLE)


def messages(sqs):
    url = sqs.get_queue_url(QueueName=os.environ["ZOO_QUEUE"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one & <two>")
    got = sqs.receive_message(QueueUrl=url)["Messages"][0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    tell("message", got["Body"])


tell("identity", boto3.client("sts").get_caller_identity()["Account"])
objects(boto3.client("s3"))
items(boto3.client("dynamodb"))
messages(boto3.client("sqs"))
print(json.dumps(told))
