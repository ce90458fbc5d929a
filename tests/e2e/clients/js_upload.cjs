// js_upload.cjs BUCKET KEY FILE: a streaming multipart upload, then prints the SHA-256 of what comes back.
const fs = require("fs");
const crypto = require("crypto");
const { S3Client, GetObjectCommand } = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");

async function main([bucket, key, file]) {
    const client = new S3Client({ forcePathStyle: true, maxAttempts: 1 });
    await new Upload({ client, params: { Bucket: bucket, Key: key, Body: fs.createReadStream(file) } }).done();
    const hash = crypto.createHash("sha256");
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    for await (const chunk of Body) hash.update(chunk);
    console.log(hash.digest("hex"));
}

main(process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
