// Does the zoo's task list with the AWS SDK for Go v2 and prints one JSON list of results.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	transport "github.com/aws/smithy-go/transport/http"
)

var (
	ctx    = context.Background()
	bucket = aws.String(os.Getenv("ZOO_BUCKET"))
	table  = aws.String(os.Getenv("ZOO_TABLE"))
	told   = []map[string]any{}
)

func tell(step string, result any) {
	told = append(told, map[string]any{"step": step, "result": result})
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func denial(step string, err error) {
	var api smithy.APIError
	var answer *transport.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &answer) {
		log.Fatalf("%s: no denial but %v", step, err)
	}
	tell(step, map[string]any{"code": api.ErrorCode(), "status": answer.HTTPStatusCode()})
}

func objects(client *s3.Client) {
	must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("dir/a b+c.txt"), Body: bytes.NewReader([]byte("hello"))}))
	tell("put", "stored")
	got := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("dir/a b+c.txt")}))
	tell("get", string(must(io.ReadAll(got.Body))))
	file := must(os.Open(os.Getenv("ZOO_FILE")))
	uploader := manager.NewUploader(client)
	must(uploader.Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("dir/large"), Body: file}))
	large := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("dir/large")}))
	digest := sha256.New()
	must(io.Copy(digest, large.Body))
	tell("multipart", hex.EncodeToString(digest.Sum(nil)))
	tell("list", keys(client))
	must(client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("dir/large")}))
	tell("delete", keys(client))
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("closed/x"), Body: bytes.NewReader([]byte("x"))})
	denial("denied object", err)
}

func keys(client *s3.Client) []string {
	listed := must(client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("dir/")}))
	found := []string{}
	for _, object := range listed.Contents {
		found = append(found, *object.Key)
	}
	return found
}

func items(client *dynamodb.Client) {
	item := map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: "1"}, "n": &types.AttributeValueMemberN{Value: "5"},
		"t": &types.AttributeValueMemberS{Value: "Zürich ☃"},
	}
	must(client.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: item}))
	found := must(client.Query(ctx, &dynamodb.QueryInput{
		TableName: table, KeyConditionExpression: aws.String("id = :i"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":i": &types.AttributeValueMemberS{Value: "1"}},
	}))
	first := found.Items[0]
	tell("query", []string{first["n"].(*types.AttributeValueMemberN).Value, first["t"].(*types.AttributeValueMemberS).Value})
	_, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: table})
	denial("denied table", err)
}

func messages(client *sqs.Client) {
	queue := must(client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(os.Getenv("ZOO_QUEUE"))})).QueueUrl
	must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("one & <two>")}))
	got := must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue})).Messages[0]
	must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: got.ReceiptHandle}))
	tell("message", *got.Body)
}

func main() {
	settings := must(config.LoadDefaultConfig(ctx))
	identity := must(sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	tell("identity", *identity.Account)
	objects(s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL") != "" }))
	items(dynamodb.NewFromConfig(settings))
	messages(sqs.NewFromConfig(settings))
	must(0, json.NewEncoder(os.Stdout).Encode(told))
}
