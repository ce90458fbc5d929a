# Does what Debian's AWS SDK for Ruby 3 can do of the zoo's task list, S3 and STS, and prints one JSON list of results.
require "aws-sdk-core"
require "aws-sdk-s3"
require "digest"
require "json"

BUCKET = ENV["ZOO_BUCKET"]
TOLD = []

def tell(step, result)
  TOLD << { step: step, result: result }
end

def keys(s3)
  s3.list_objects_v2(bucket: BUCKET, prefix: "dir/").contents.map(&:key)
end

# This version is older than AWS_ENDPOINT_URL and reads the proxy from its own option only.
endpoint = ENV["AWS_ENDPOINT_URL"]
options = endpoint ? { endpoint: endpoint } : { http_proxy: ENV["HTTPS_PROXY"], ssl_ca_bundle: ENV["AWS_CA_BUNDLE"] }
tell("identity", Aws::STS::Client.new(**options).get_caller_identity.account)
s3 = Aws::S3::Client.new(force_path_style: !endpoint.nil?, **options)
s3.put_object(bucket: BUCKET, key: "dir/a b+c.txt", body: "hello")
tell("put", "stored")
tell("get", s3.get_object(bucket: BUCKET, key: "dir/a b+c.txt").body.read)
large = Aws::S3::Object.new(BUCKET, "dir/large", client: s3)
large.upload_file(ENV["ZOO_FILE"], multipart_threshold: 5 << 20)
tell("multipart", Digest::SHA256.hexdigest(large.get.body.read))
tell("list", keys(s3))
large.delete
tell("delete", keys(s3))
begin
  s3.put_object(bucket: BUCKET, key: "closed/x", body: "x")
rescue Aws::S3::Errors::AccessDenied => e
  tell("denied object", { code: e.code, status: e.context.http_response.status_code })
end
puts JSON.generate(TOLD)
