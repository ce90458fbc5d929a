// Finds the newest report with the AWS SDK for JavaScript v3; tries to delete it.
const { S3Client, ListObjectsV2Command, GetObjectCommand, DeleteObjectCommand } = require("@aws-sdk/client-s3");
const { DynamoDBClient, QueryCommand } = require("@aws-sdk/client-dynamodb");

async function main([bucket, table]) {
    // Path-style names, because one host name stands for every bucket behind a gateway.
    const s3 = new S3Client({ forcePathStyle: true });
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "reports/" }));
    const newest = listed.Contents.map((entry) => entry.Key).sort().at(-1);
    const body = await (await s3.send(new GetObjectCommand({ Bucket: bucket, Key: newest }))).Body.transformToString();
    const rows = await new DynamoDBClient({}).send(new QueryCommand({
        TableName: table,
        KeyConditionExpression: "report = :r",
        ExpressionAttributeValues: { ":r": { S: newest.slice("reports/".length, -".csv".length) } },
    }));
    console.log(`newest: ${newest}, ${body.length} bytes, ${rows.Items.length} owner`);
    try {
        await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: newest }));
    } catch (refused) {
        console.log(`refused: ${refused.name}: ${refused.message}`);
    }
}

main(process.argv.slice(2)).catch((error) => {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
});
