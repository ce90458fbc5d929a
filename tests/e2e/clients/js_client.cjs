// Does the steps on standard input with the AWS SDK for JavaScript v3; prints one JSON list of results.
const PACKAGES = {
    s3: "client-s3", dynamodb: "client-dynamodb", sqs: "client-sqs", sns: "client-sns", sts: "client-sts",
    iam: "client-iam", ec2: "client-ec2", lambda: "client-lambda", logs: "client-cloudwatch-logs",
    cloudwatch: "client-cloudwatch", kms: "client-kms", secretsmanager: "client-secrets-manager", ssm: "client-ssm",
};

function resolve(value, results) {
    if (typeof value === "string" && value.startsWith("$")) {
        const [operation, ...path] = value.slice(1).split(".");
        return path.reduce((found, step) => found[step], results[operation]);
    }
    if (Array.isArray(value)) return value.map((inner) => resolve(inner, results));
    if (value && typeof value === "object") {
        if ("$bytes" in value) return Buffer.from(value.$bytes);
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner, results)]));
    }
    return value;
}

async function perform(sdk, client, operation, parameters) {
    try {
        const result = await client.send(new sdk[`${operation}Command`](parameters));
        if (result.Body?.transformToByteArray) result.Body = Buffer.from(await result.Body.transformToByteArray()).toString("hex");
        return { told: { result }, result };
    } catch (error) {
        const { name, message, $fault, $metadata } = error;
        if (!$metadata) throw error;
        return { told: { error: { name, message, $fault, status: $metadata.httpStatusCode } } };
    }
}

async function main() {
    const chunks = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    const work = JSON.parse(Buffer.concat(chunks).toString());
    const sdk = require(`@aws-sdk/${PACKAGES[work.service]}`);
    const name = Object.keys(sdk).find((key) => /^[A-Z]\w*Client$/.test(key) && !key.startsWith("__"));
    const client = new sdk[name]({ maxAttempts: 1, ...(work.config ?? {}) });
    const results = {};
    const shown = [];
    for (const [operation, parameters] of work.steps) {
        const { told, result } = await perform(sdk, client, operation, resolve(parameters, results));
        if (result) results[operation] = result;
        shown.push({ step: operation, ...told });
    }
    process.stdout.write(JSON.stringify(shown));
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
