// Assumes a role with the AWS SDK for JavaScript v3 and goes on with what it was given; prints one JSON object.
const { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } = require("@aws-sdk/client-sts");
const { GetObjectCommand, PutObjectCommand, S3Client } = require("@aws-sdk/client-s3");

async function main() {
    const [role, bucket] = process.argv.slice(2);
    const { Credentials, AssumedRoleUser } = await new STSClient({ maxAttempts: 1 }).send(
        new AssumeRoleCommand({ RoleArn: role, RoleSessionName: "from-javascript" }));
    const credentials = {
        accessKeyId: Credentials.AccessKeyId, secretAccessKey: Credentials.SecretAccessKey,
        sessionToken: Credentials.SessionToken, expiration: Credentials.Expiration,
    };
    const s3 = new S3Client({ credentials, forcePathStyle: true, maxAttempts: 1 });
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "js", Body: "from javascript" }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: "js" }));
    const identity = await new STSClient({ credentials, maxAttempts: 1 }).send(new GetCallerIdentityCommand({}));
    const body = await Body.transformToString();
    process.stdout.write(JSON.stringify({ key: Credentials.AccessKeyId, arn: AssumedRoleUser.Arn, identity: identity.Arn, body }));
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
