//! Does the zoo's task list with the AWS SDK for Rust and prints one JSON list of results.

use std::collections::HashMap;
use std::env::var;
use std::error::Error;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

type Done<T> = Result<T, Box<dyn Error>>;

const PART: usize = 5 << 20;

/// A denial in the shape that all the zoo's clients print.
fn denial<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E, HttpResponse>>) -> Value {
    let error = result.err().expect("a denial");
    json!({"code": error.code(), "status": error.raw_response().map(|raw| raw.status().as_u16())})
}

async fn keys(client: &aws_sdk_s3::Client, bucket: &str) -> Done<Value> {
    let listed = client.list_objects_v2().bucket(bucket).prefix("dir/").send().await?;
    Ok(json!(listed.contents().iter().map(|object| object.key()).collect::<Vec<_>>()))
}

async fn in_parts(client: &aws_sdk_s3::Client, bucket: &str, data: &[u8]) -> Done<Value> {
    let key = "dir/large";
    let begun = client.create_multipart_upload().bucket(bucket).key(key).send().await?;
    let mut parts = CompletedMultipartUpload::builder();
    for (number, part) in (1..).zip(data.chunks(PART)) {
        let sent = client.upload_part().bucket(bucket).key(key).set_upload_id(begun.upload_id.clone());
        let sent = sent.part_number(number).body(ByteStream::from(part.to_vec())).send().await?;
        parts = parts.parts(
            CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32).build(),
        );
    }
    let complete = client.complete_multipart_upload().bucket(bucket).key(key).set_upload_id(begun.upload_id);
    complete.multipart_upload(parts.build()).send().await?;
    let got = client.get_object().bucket(bucket).key(key).send().await?;
    let digest = Sha256::digest(got.body.collect().await?.into_bytes());
    Ok(json!(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

async fn objects(config: &SdkConfig, told: &mut Vec<Value>) -> Done<()> {
    let settings = aws_sdk_s3::config::Builder::from(config).force_path_style(var("AWS_ENDPOINT_URL").is_ok());
    let client = aws_sdk_s3::Client::from_conf(settings.build());
    let (bucket, key) = (&var("ZOO_BUCKET")?, "dir/a b+c.txt");
    client.put_object().bucket(bucket).key(key).body(ByteStream::from_static(b"hello")).send().await?;
    told.push(json!({"step": "put", "result": "stored"}));
    let got = client.get_object().bucket(bucket).key(key).send().await?;
    let text = String::from_utf8(got.body.collect().await?.to_vec())?;
    told.push(json!({"step": "get", "result": text}));
    let digest = in_parts(&client, bucket, &tokio::fs::read(var("ZOO_FILE")?).await?).await?;
    told.push(json!({"step": "multipart", "result": digest}));
    told.push(json!({"step": "list", "result": keys(&client, bucket).await?}));
    client.delete_object().bucket(bucket).key("dir/large").send().await?;
    told.push(json!({"step": "delete", "result": keys(&client, bucket).await?}));
    let refused = client.put_object().bucket(bucket).key("closed/x").body(ByteStream::from_static(b"x")).send().await;
    told.push(json!({"step": "denied object", "result": denial(refused)}));
    Ok(())
}

async fn items(config: &SdkConfig, told: &mut Vec<Value>) -> Done<()> {
    let client = aws_sdk_dynamodb::Client::new(config);
    let (table, id) = (&var("ZOO_TABLE")?, AttributeValue::S("1".into()));
    let item = HashMap::from([
        ("id".to_string(), id.clone()),
        ("n".to_string(), AttributeValue::N("5".into())),
        ("t".to_string(), AttributeValue::S("Zürich ☃".into())),
    ]);
    client.put_item().table_name(table).set_item(Some(item)).send().await?;
    let query = client.query().table_name(table).key_condition_expression("id = :i");
    let found = query.expression_attribute_values(":i", id).send().await?;
    let first = &found.items()[0];
    told.push(json!({"step": "query", "result": [first["n"].as_n().ok(), first["t"].as_s().ok()]}));
    let refused = client.delete_table().table_name(table).send().await;
    told.push(json!({"step": "denied table", "result": denial(refused)}));
    Ok(())
}

async fn messages(config: &SdkConfig, told: &mut Vec<Value>) -> Done<()> {
    let client = aws_sdk_sqs::Client::new(config);
    let queue = client.get_queue_url().queue_name(var("ZOO_QUEUE")?).send().await?.queue_url;
    client.send_message().set_queue_url(queue.clone()).message_body("one & <two>").send().await?;
    let got = client.receive_message().set_queue_url(queue.clone()).send().await?;
    let first = &got.messages()[0];
    client.delete_message().set_queue_url(queue).set_receipt_handle(first.receipt_handle.clone()).send().await?;
    told.push(json!({"step": "message", "result": first.body()}));
    Ok(())
}

/// This SDK's own client reads neither a proxy nor a bundle from the environment: they are given to it in code.
async fn settings() -> Done<SdkConfig> {
    let loader = aws_config::defaults(BehaviorVersion::latest());
    let mut trust = TrustStore::default();
    if let Ok(bundle) = var("AWS_CA_BUNDLE") {
        trust = trust.with_pem_certificate(std::fs::read(bundle)?);
    }
    let tls = TlsContext::builder().with_trust_store(trust).build()?;
    let client = Builder::new().build_with_connector_fn(move |_, _| {
        let connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls.clone()).build()
    });
    Ok(loader.http_client(client).load().await)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done<()> {
    let config = settings().await?;
    let mut told = Vec::new();
    let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await?;
    told.push(json!({"step": "identity", "result": identity.account()}));
    objects(&config, &mut told).await?;
    items(&config, &mut told).await?;
    messages(&config, &mut told).await?;
    println!("{}", Value::from(told));
    Ok(())
}
