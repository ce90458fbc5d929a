"""Conditions on what a request says in its own way: partition keys, tags that are left out, how it is signed."""

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement

SINGLE, ORDERS, BUCKET = "profiles", "orders", "condition-keys"
KEYS = 'partition_keys = { orders = "customer" }'
OWN = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["c7"]}}


def table(client, name, *attributes):
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in attributes],
        KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in zip(attributes, ("HASH", "RANGE"))],
    )


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    dynamodb = behind.client("dynamodb")
    table(dynamodb, SINGLE, "id")
    table(dynamodb, ORDERS, "customer", "at")
    behind.client("s3").create_bucket(Bucket=BUCKET)
    behind.client("s3").put_object(Bucket=BUCKET, Key="a", Body=b"a")
    allowed = scope(
        statement("dynamodb:*", f"arn:aws:dynamodb:*:*:table/{SINGLE}", Condition=OWN),
        statement("dynamodb:*", f"arn:aws:dynamodb:*:*:table/{ORDERS}", Condition=OWN),
        statement("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"),
        statement("s3:*", effect="Deny", Condition={"StringNotEquals": {"s3:authType": "REST-HEADER"}}),
        statement(["sqs:CreateQueue", "sqs:GetQueueUrl"], Condition={"StringEqualsIfExists": {"aws:RequestTag/team": "blue"}}),
    )
    made = Gateway(tmp_path_factory.mktemp("keys"), [Connection("c", allowed, behind.endpoint, more=KEYS)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def client(session, service):
    found = session.credentials()
    return boto3.client(
        service, region_name=REGION, endpoint_url=session.agents_url, aws_access_key_id=found.key_id,
        aws_secret_access_key=found.secret, aws_session_token=found.token,
        config=Config(signature_version="s3v4" if service == "s3" else None),
    )


def denied(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403 or "AccessDenied" in str(caught.value)
    return str(caught.value)


def check_own_items_alone(session):
    dynamodb = client(session, "dynamodb")
    item = {"customer": {"S": "c7"}, "at": {"S": "2026"}, "sum": {"N": "4"}}
    dynamodb.put_item(TableName=ORDERS, Item=item)
    query = {
        "TableName": ORDERS, "KeyConditionExpression": "#c = :c AND begins_with(at, :a)",
        "ExpressionAttributeNames": {"#c": "customer"}, "ExpressionAttributeValues": {":c": {"S": "c7"}, ":a": {"S": "20"}},
    }
    assert dynamodb.query(**query)["Items"] == [item]
    denied(dynamodb.put_item, TableName=ORDERS, Item=item | {"customer": {"S": "c8"}})
    denied(dynamodb.query, **query | {"ExpressionAttributeValues": {":c": {"S": "c8"}, ":a": {"S": "c7"}}})
    denied(dynamodb.scan, TableName=ORDERS)
    assert dynamodb.get_item(TableName=ORDERS, Key={"customer": {"S": "c7"}, "at": {"S": "2026"}})["Item"] == item


def test_own_items_of_a_table_whose_key_is_named(gateway, session):
    check_own_items_alone(session)


def test_own_items_of_a_table_of_one_key(session):
    dynamodb = client(session, "dynamodb")
    dynamodb.update_item(
        TableName=SINGLE, Key={"id": {"S": "c7"}}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "1"}}
    )
    keys = [{"id": {"S": "c7"}}]
    assert dynamodb.batch_get_item(RequestItems={SINGLE: {"Keys": keys}})["Responses"][SINGLE]
    denied(dynamodb.batch_get_item, RequestItems={SINGLE: {"Keys": [*keys, {"id": {"S": "c8"}}]}})
    denied(dynamodb.put_item, TableName=SINGLE, Item={"id": {"S": "c7"}})  # of an item nobody says which is the key


def test_presigned_urls_are_told_from_signed_requests(session):
    s3 = client(session, "s3")
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"a"
    got = requests.get(s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a"}), timeout=30)
    assert got.status_code == 403 and "explicit deny" in got.text.lower()


def test_a_tag_that_is_left_out_is_absent(session):
    sqs = client(session, "sqs")
    sqs.create_queue(QueueName="untagged")
    sqs.create_queue(QueueName="blue", tags={"team": "blue", "owner": "x"})
    denied(sqs.create_queue, QueueName="red", tags={"team": "red"})
    assert sqs.get_queue_url(QueueName="blue")["QueueUrl"]


def test_the_names_of_keys_outlive_a_restart(gateway):
    session = gateway.session()
    gateway.stop()
    gateway.start()
    check_own_items_alone(session)
