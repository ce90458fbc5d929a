// Does the zoo's task list with the AWS SDK for JavaScript v3 and prints one JSON list of results.
const crypto = require("crypto");
const fs = require("fs");
const S3 = require("@aws-sdk/client-s3");
const Dynamo = require("@aws-sdk/client-dynamodb");
const Sqs = require("@aws-sdk/client-sqs");
const Sts = require("@aws-sdk/client-sts");
const { Upload } = require("@aws-sdk/lib-storage");

const { ZOO_BUCKET: Bucket, ZOO_TABLE: TableName, ZOO_QUEUE: QueueName, ZOO_FILE } = process.env;
const told = [];

function tell(step, result) {
    told.push({ step, result });
}

async function denied(step, call) {
    try {
        await call;
    } catch (error) {
        tell(step, { code: error.name, status: error.$metadata.httpStatusCode });
    }
}

async function keys(s3) {
    const { Contents } = await s3.send(new S3.ListObjectsV2Command({ Bucket, Prefix: "dir/" }));
    return Contents.map((object) => object.Key);
}

async function objects(s3) {
    const Key = "dir/a b+c.txt";
    await s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: "hello" }));
    tell("put", "stored");
    const got = await s3.send(new S3.GetObjectCommand({ Bucket, Key }));
    tell("get", await got.Body.transformToString());
    await new Upload({ client: s3, params: { Bucket, Key: "dir/large", Body: fs.createReadStream(ZOO_FILE) } }).done();
    const large = await s3.send(new S3.GetObjectCommand({ Bucket, Key: "dir/large" }));
    tell("multipart", crypto.createHash("sha256").update(await large.Body.transformToByteArray()).digest("hex"));
    tell("list", await keys(s3));
    await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: "dir/large" }));
    tell("delete", await keys(s3));
    await denied("denied object", s3.send(new S3.PutObjectCommand({ Bucket, Key: "closed/x", Body: "x" })));
}

async function items(dynamo) {
    const Item = { id: { S: "1" }, n: { N: "5" }, t: { S: "Zürich ☃" } };
    await dynamo.send(new Dynamo.PutItemCommand({ TableName, Item }));
    const query = { KeyConditionExpression: "id = :i", ExpressionAttributeValues: { ":i": { S: "1" } } };
    const [first] = (await dynamo.send(new Dynamo.QueryCommand({ TableName, ...query }))).Items;
    tell("query", [first.n.N, first.t.S]);
    await denied("denied table", dynamo.send(new Dynamo.DeleteTableCommand({ TableName })));
}

async function messages(sqs) {
    const { QueueUrl } = await sqs.send(new Sqs.GetQueueUrlCommand({ QueueName }));
    await sqs.send(new Sqs.SendMessageCommand({ QueueUrl, MessageBody: "one & <two>" }));
    const [got] = (await sqs.send(new Sqs.ReceiveMessageCommand({ QueueUrl }))).Messages;
    await sqs.send(new Sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle: got.ReceiptHandle }));
    tell("message", got.Body);
}

async function main() {
    tell("identity", (await new Sts.STSClient({}).send(new Sts.GetCallerIdentityCommand({}))).Account);
    await objects(new S3.S3Client({ forcePathStyle: true }));
    await items(new Dynamo.DynamoDBClient({}));
    await messages(new Sqs.SQSClient({}));
    console.log(JSON.stringify(told));
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
