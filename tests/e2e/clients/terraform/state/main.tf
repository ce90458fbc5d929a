# A state that lies in a bucket, with a table of locks. Terraform itself speaks to them, with an SDK of its own.
terraform {
  backend "s3" {
    bucket                  = "tf-state"
    key                     = "reports/terraform.tfstate"
    region                  = "us-east-1"
    dynamodb_table          = "tf-locks"
    skip_metadata_api_check = true
  }
}

resource "terraform_data" "week" {
  input = "46 ☃"
}

output "week" {
  value = terraform_data.week.output
}
