"""What the clients do, service by service: (operation, parameters) in API names.

`"$Operation.Path"` in a parameter is a value from an earlier result; {"$bytes": text} is a blob.
Each client turns a step into its own call: boto3 methods, SDK commands, CLI arguments.
"""

import json

TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
})
ROLE = "arn:aws:iam::123456789012:role/worker"
ALARM = {
    "AlarmName": "high", "MetricName": "Orders", "Namespace": "Shop", "Period": 60, "EvaluationPeriods": 1,
    "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum",
}

TASKS = {
    "s3": [
        ("CreateBucket", {"Bucket": "e2e-data"}),
        ("PutObject", {"Bucket": "e2e-data", "Key": "plain.txt", "Body": {"$bytes": "hello"}, "ContentType": "text/plain",
                       "Metadata": {"owner": "ada"}}),
        ("HeadObject", {"Bucket": "e2e-data", "Key": "plain.txt"}),
        ("CopyObject", {"Bucket": "e2e-data", "Key": "copy.txt", "CopySource": "e2e-data/plain.txt"}),
        ("PutObjectTagging", {"Bucket": "e2e-data", "Key": "copy.txt", "Tagging": {"TagSet": [{"Key": "a", "Value": "b c"}]}}),
        ("GetObjectTagging", {"Bucket": "e2e-data", "Key": "copy.txt"}),
        ("ListObjectsV2", {"Bucket": "e2e-data", "MaxKeys": 1}),
        ("ListObjectsV2", {"Bucket": "e2e-data", "Prefix": "c", "Delimiter": "/"}),
        ("ListBuckets", {}),
        ("GetBucketLocation", {"Bucket": "e2e-data"}),
        ("HeadObject", {"Bucket": "e2e-data", "Key": "missing"}),
        ("GetBucketPolicy", {"Bucket": "e2e-data"}),
        ("DeleteObjects", {"Bucket": "e2e-data", "Delete": {"Objects": [{"Key": "copy.txt"}, {"Key": "plain.txt"}]}}),
        ("DeleteBucket", {"Bucket": "e2e-data"}),
        ("ListObjectsV2", {"Bucket": "e2e-data"}),
    ],
    "dynamodb": [
        ("CreateTable", {"TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
                         "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                         "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}),
        ("DescribeTable", {"TableName": "orders"}),
        ("PutItem", {"TableName": "orders", "Item": {"id": {"S": "1"}, "n": {"N": "5"}, "t": {"S": "Zürich ☃"}}}),
        ("GetItem", {"TableName": "orders", "Key": {"id": {"S": "1"}}}),
        ("UpdateItem", {"TableName": "orders", "Key": {"id": {"S": "1"}}, "UpdateExpression": "SET n = n + :one",
                        "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "ALL_NEW"}),
        ("Query", {"TableName": "orders", "KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "1"}}}),
        ("BatchWriteItem", {"RequestItems": {"orders": [{"PutRequest": {"Item": {"id": {"S": "2"}}}}]}}),
        ("Scan", {"TableName": "orders", "Limit": 1}),
        ("PutItem", {"TableName": "orders", "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_not_exists(id)"}),
        ("GetItem", {"TableName": "absent", "Key": {"id": {"S": "1"}}}),
        ("DeleteTable", {"TableName": "orders"}),
    ],
    "sqs": [
        ("CreateQueue", {"QueueName": "jobs"}),
        ("GetQueueUrl", {"QueueName": "jobs"}),
        ("SendMessage", {"QueueUrl": "$CreateQueue.QueueUrl", "MessageBody": "one & <two>",
                         "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}}),
        ("GetQueueAttributes", {"QueueUrl": "$CreateQueue.QueueUrl", "AttributeNames": ["ApproximateNumberOfMessages"]}),
        ("ReceiveMessage", {"QueueUrl": "$CreateQueue.QueueUrl"}),
        ("GetQueueUrl", {"QueueName": "absent"}),
        ("DeleteQueue", {"QueueUrl": "$CreateQueue.QueueUrl"}),
    ],
    "sns": [
        ("CreateTopic", {"Name": "news"}),
        ("SetTopicAttributes", {"TopicArn": "$CreateTopic.TopicArn", "AttributeName": "DisplayName", "AttributeValue": "News"}),
        ("Publish", {"TopicArn": "$CreateTopic.TopicArn", "Message": "line one\nline two", "Subject": "s"}),
        ("ListTopics", {}),
        ("GetTopicAttributes", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:absent"}),
        ("DeleteTopic", {"TopicArn": "$CreateTopic.TopicArn"}),
    ],
    "iam": [
        ("CreateRole", {"RoleName": "worker", "AssumeRolePolicyDocument": TRUST, "Path": "/e2e/"}),
        ("GetRole", {"RoleName": "worker"}),
        ("ListRoles", {"PathPrefix": "/e2e/"}),
        ("TagRole", {"RoleName": "worker", "Tags": [{"Key": "a", "Value": "b"}]}),
        ("ListRoleTags", {"RoleName": "worker"}),
        ("GetUser", {"UserName": "absent"}),
        ("DeleteRole", {"RoleName": "worker"}),
    ],
    "ec2": [
        ("DescribeRegions", {}),
        ("CreateVpc", {"CidrBlock": "10.9.0.0/16"}),
        ("CreateTags", {"Resources": ["$CreateVpc.Vpc.VpcId"], "Tags": [{"Key": "Name", "Value": "e2e"}]}),
        ("DescribeVpcs", {"Filters": [{"Name": "tag:Name", "Values": ["e2e"]}]}),
        ("CreateSecurityGroup", {"GroupName": "g", "Description": "d", "VpcId": "$CreateVpc.Vpc.VpcId"}),
        ("DescribeInstances", {}),
        ("DeleteSecurityGroup", {"GroupId": "$CreateSecurityGroup.GroupId"}),
        ("DeleteVpc", {"VpcId": "$CreateVpc.Vpc.VpcId"}),
        ("DescribeVpcs", {"VpcIds": ["vpc-00000000000000000"]}),
    ],
    "lambda": [
        ("ListFunctions", {}),
        ("GetFunction", {"FunctionName": "absent"}),
        ("ListLayers", {}),
        ("ListEventSourceMappings", {}),
    ],
    "logs": [
        ("CreateLogGroup", {"logGroupName": "/e2e/app"}),
        ("CreateLogStream", {"logGroupName": "/e2e/app", "logStreamName": "one"}),
        ("DescribeLogGroups", {"logGroupNamePrefix": "/e2e"}),
        ("DescribeLogStreams", {"logGroupName": "/e2e/app"}),
        ("GetLogEvents", {"logGroupName": "/e2e/app", "logStreamName": "one"}),
        ("DescribeLogStreams", {"logGroupName": "/absent"}),
        ("DeleteLogGroup", {"logGroupName": "/e2e/app"}),
    ],
    "cloudwatch": [
        ("PutMetricAlarm", ALARM),
        ("DescribeAlarms", {"AlarmNames": ["high"]}),
        ("PutMetricData", {"Namespace": "Shop", "MetricData": [{"MetricName": "Orders", "Value": 3.0, "Unit": "Count"}]}),
        ("ListMetrics", {"Namespace": "Shop"}),
        ("DeleteAlarms", {"AlarmNames": ["high"]}),
    ],
    "kms": [
        ("CreateKey", {"Description": "e2e"}),
        ("DescribeKey", {"KeyId": "$CreateKey.KeyMetadata.KeyId"}),
        ("CreateAlias", {"AliasName": "alias/e2e", "TargetKeyId": "$CreateKey.KeyMetadata.KeyId"}),
        ("ListAliases", {"KeyId": "$CreateKey.KeyMetadata.KeyId"}),
        ("DescribeKey", {"KeyId": "alias/absent"}),
        ("DeleteAlias", {"AliasName": "alias/e2e"}),
    ],
    "secretsmanager": [
        ("CreateSecret", {"Name": "e2e/db", "SecretString": "correct horse"}),
        ("DescribeSecret", {"SecretId": "e2e/db"}),
        ("GetSecretValue", {"SecretId": "e2e/db"}),
        ("ListSecrets", {}),
        ("GetSecretValue", {"SecretId": "absent"}),
        ("DeleteSecret", {"SecretId": "e2e/db", "ForceDeleteWithoutRecovery": True}),
    ],
    "ssm": [
        ("PutParameter", {"Name": "/e2e/a", "Value": "1", "Type": "String"}),
        ("GetParameter", {"Name": "/e2e/a"}),
        ("GetParametersByPath", {"Path": "/e2e", "Recursive": True}),
        ("GetParameter", {"Name": "/absent"}),
        ("DeleteParameter", {"Name": "/e2e/a"}),
    ],
}

# What an agent's own session would see differently by design: GetCallerIdentity is answered by the
# gateway. Tested apart.
IDENTITY = ("sts", [("GetCallerIdentity", {})])
