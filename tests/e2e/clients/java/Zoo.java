import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sts.StsClient;

/** Does the zoo's task list with the AWS SDK for Java 2 and prints one JSON list of results. */
public class Zoo {
    static final String BUCKET = System.getenv("ZOO_BUCKET");
    static final String TABLE = System.getenv("ZOO_TABLE");
    static final int PART = 5 << 20;
    static final List<String> told = new ArrayList<>();

    static void tell(String step, String json) {
        told.add("{\"step\": \"" + step + "\", \"result\": " + json + "}");
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    static String listed(List<String> texts) {
        return texts.stream().map(Zoo::quoted).collect(Collectors.joining(", ", "[", "]"));
    }

    static void denied(String step, Runnable call) {
        try {
            call.run();
        } catch (AwsServiceException refused) {
            String code = quoted(refused.awsErrorDetails().errorCode());
            tell(step, "{\"code\": " + code + ", \"status\": " + refused.statusCode() + "}");
            return;
        }
        throw new IllegalStateException(step + " was not denied");
    }

    static String keys(S3Client s3) {
        return listed(s3.listObjectsV2(r -> r.bucket(BUCKET).prefix("dir/")).contents().stream().map(S3Object::key).toList());
    }

    static void inParts(S3Client s3, String key, byte[] data) {
        String id = s3.createMultipartUpload(r -> r.bucket(BUCKET).key(key)).uploadId();
        List<CompletedPart> parts = new ArrayList<>();
        for (int at = 0; at < data.length; at += PART) {
            int number = parts.size() + 1;
            RequestBody body = RequestBody.fromBytes(Arrays.copyOfRange(data, at, Math.min(at + PART, data.length)));
            var sent = s3.uploadPart(r -> r.bucket(BUCKET).key(key).uploadId(id).partNumber(number), body);
            parts.add(CompletedPart.builder().partNumber(number).eTag(sent.eTag()).checksumCRC32(sent.checksumCRC32()).build());
        }
        s3.completeMultipartUpload(r -> r.bucket(BUCKET).key(key).uploadId(id).multipartUpload(m -> m.parts(parts)));
    }

    static void objects(S3Client s3) throws Exception {
        String key = "dir/a b+c.txt";
        s3.putObject(r -> r.bucket(BUCKET).key(key), RequestBody.fromString("hello"));
        tell("put", quoted("stored"));
        tell("get", quoted(s3.getObjectAsBytes(r -> r.bucket(BUCKET).key(key)).asUtf8String()));
        inParts(s3, "dir/large", Files.readAllBytes(Path.of(System.getenv("ZOO_FILE"))));
        byte[] back = s3.getObjectAsBytes(r -> r.bucket(BUCKET).key("dir/large")).asByteArray();
        tell("multipart", quoted(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(back))));
        tell("list", keys(s3));
        s3.deleteObject(r -> r.bucket(BUCKET).key("dir/large"));
        tell("delete", keys(s3));
        denied("denied object", () -> s3.putObject(r -> r.bucket(BUCKET).key("closed/x"), RequestBody.fromString("x")));
    }

    static void items(DynamoDbClient dynamo) {
        AttributeValue id = AttributeValue.fromS("1");
        var item = Map.of("id", id, "n", AttributeValue.fromN("5"), "t", AttributeValue.fromS("Zürich ☃"));
        dynamo.putItem(r -> r.tableName(TABLE).item(item));
        var found = dynamo.query(r -> r.tableName(TABLE).keyConditionExpression("id = :i")
                .expressionAttributeValues(Map.of(":i", id))).items().get(0);
        tell("query", listed(List.of(found.get("n").n(), found.get("t").s())));
        denied("denied table", () -> dynamo.deleteTable(r -> r.tableName(TABLE)));
    }

    static void messages(SqsClient sqs) {
        String queue = sqs.getQueueUrl(r -> r.queueName(System.getenv("ZOO_QUEUE"))).queueUrl();
        sqs.sendMessage(r -> r.queueUrl(queue).messageBody("one & <two>"));
        var got = sqs.receiveMessage(r -> r.queueUrl(queue)).messages().get(0);
        sqs.deleteMessage(r -> r.queueUrl(queue).receiptHandle(got.receiptHandle()));
        tell("message", quoted(got.body()));
    }

    public static void main(String[] arguments) throws Exception {
        tell("identity", quoted(StsClient.create().getCallerIdentity().account()));
        objects(S3Client.builder().forcePathStyle(System.getenv("AWS_ENDPOINT_URL") != null).build());
        items(DynamoDbClient.create());
        messages(SqsClient.create());
        System.out.write(("[" + String.join(",\n", told) + "]\n").getBytes("UTF-8"));
    }
}
