# What an agent sets up with Terraform. `endpoint`: the gateway's in endpoint mode; empty in proxy mode.
terraform {
  required_providers {
    aws = {
      source  = "zoo.example/hashicorp/aws"
      version = "1.60.0"
    }
  }
}

variable "endpoint" {
  type    = string
  default = ""
}

# Also an object that nobody granted.
variable "outside" {
  type    = bool
  default = false
}

provider "aws" {
  region                  = "us-east-1"
  s3_force_path_style     = var.endpoint != ""
  skip_metadata_api_check = true

  dynamic "endpoints" {
    for_each = var.endpoint == "" ? [] : [var.endpoint]
    content {
      dynamodb = endpoints.value
      ec2      = endpoints.value
      iam      = endpoints.value
      s3       = endpoints.value
      sns      = endpoints.value
      sqs      = endpoints.value
      ssm      = endpoints.value
      sts      = endpoints.value
    }
  }
}

data "aws_caller_identity" "me" {}

resource "aws_s3_bucket" "reports" {
  bucket = "tf-reports"
  versioning {
    enabled = true
  }
}

resource "aws_s3_bucket_object" "report" {
  bucket       = aws_s3_bucket.reports.id
  key          = "2026/week 46 + notes.txt"
  content      = "Zürich ☃"
  content_type = "text/plain; charset=utf-8"
}

resource "aws_dynamodb_table" "owners" {
  name         = "tf-owners"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "report"
  attribute {
    name = "report"
    type = "S"
  }
  tags = {
    owner = "ada & co"
  }
}

resource "aws_dynamodb_table_item" "owner" {
  table_name = aws_dynamodb_table.owners.name
  hash_key   = aws_dynamodb_table.owners.hash_key
  item       = jsonencode({ report = { S = "2026-w46" }, n = { N = "5" } })
}

resource "aws_sqs_queue" "jobs" {
  name                       = "tf-jobs"
  visibility_timeout_seconds = 45
}

resource "aws_sns_topic" "news" {
  name         = "tf-news"
  display_name = "news"
}

resource "aws_sns_topic_subscription" "jobs" {
  topic_arn = aws_sns_topic.news.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.jobs.arn
}

resource "aws_iam_role" "reader" {
  name = "tf-reader"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "reads" {
  name = "reads"
  role = aws_iam_role.reader.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.reports.arn}/*" }]
  })
}

resource "aws_ssm_parameter" "week" {
  name  = "/tf/week"
  type  = "SecureString"
  value = "46"
}

resource "aws_s3_bucket_object" "closed" {
  count   = var.outside ? 1 : 0
  bucket  = aws_s3_bucket.reports.id
  key     = "closed/x"
  content = "hello"
}

output "account" {
  value = data.aws_caller_identity.me.account_id
}

output "queue_arn" {
  value = aws_sqs_queue.jobs.arn
}
