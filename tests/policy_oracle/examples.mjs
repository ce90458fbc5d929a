// Policies after the examples of the IAM User Guide, with requests and the verdicts that the guide's pages give for them in
// words. Each entry: the page (docs.aws.amazon.com/IAM/latest/UserGuide/PAGE.html), the statements, and rows of action,
// resource, context and verdict ("allow", "deny": explicitly, "none": by default). Requests that a service makes for the caller
// are left out: they never reach a gateway.
const allow = (Action, Resource, Condition, more) => ({ Effect: 'Allow', Action, Resource, ...(Condition ? { Condition } : {}), ...more })
const deny = (Action, Resource, Condition, more) => ({ ...allow(Action, Resource, Condition, more), Effect: 'Deny' })
const user = { 'aws:username': 'ana' }
const bucket = 'arn:aws:s3:::amzn-s3-demo-bucket'
const table = 'arn:aws:dynamodb:eu-west-1:111122223333:table/Books'
const instance = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-1'

export const EXAMPLES = [
  ['reference_policies_examples_aws-dates',
    [allow('service-prefix:action-name', '*', {
      DateGreaterThan: { 'aws:CurrentTime': '2026-04-01T00:00:00Z' }, DateLessThan: { 'aws:CurrentTime': '2026-06-30T23:59:59Z' }
    })], [
      ['service-prefix:action-name', '*', { 'aws:CurrentTime': '2026-05-01T00:00:00Z' }, 'allow'],
      ['service-prefix:action-name', '*', { 'aws:CurrentTime': '2026-03-31T23:59:59Z' }, 'none'],
      ['service-prefix:action-name', '*', { 'aws:CurrentTime': '2026-07-01T00:00:00Z' }, 'none']]],
  ['reference_policies_examples_aws-enable-disable-regions',
    [allow(['account:EnableRegion', 'account:DisableRegion'], '*', { StringEquals: { 'account:TargetRegion': 'ap-east-1' } }),
      allow(['account:ListRegions', 'account:GetRegionOptStatus'], '*')], [
      ['account:EnableRegion', '*', { 'account:TargetRegion': 'ap-east-1' }, 'allow'],
      ['account:EnableRegion', '*', { 'account:TargetRegion': 'af-south-1' }, 'none'],
      ['account:ListRegions', '*', {}, 'allow']]],
  ['reference_policies_examples_aws_my-sec-creds-self-manage',
    [allow(['iam:CreateAccessKey', 'iam:ListAccessKeys', 'iam:EnableMFADevice'], 'arn:aws:iam::*:user/${aws:username}'),
      { Effect: 'Deny', NotAction: ['iam:CreateVirtualMFADevice', 'iam:EnableMFADevice', 'iam:GetUser', 'sts:GetSessionToken'],
        Resource: '*', Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } } }], [
      ['iam:CreateAccessKey', 'arn:aws:iam::111122223333:user/ana', { ...user, 'aws:MultiFactorAuthPresent': 'true' }, 'allow'],
      ['iam:CreateAccessKey', 'arn:aws:iam::111122223333:user/bob', { ...user, 'aws:MultiFactorAuthPresent': 'true' }, 'none'],
      ['iam:CreateAccessKey', 'arn:aws:iam::111122223333:user/ana', { ...user, 'aws:MultiFactorAuthPresent': 'false' }, 'deny'],
      ['iam:CreateAccessKey', 'arn:aws:iam::111122223333:user/ana', user, 'deny'],
      ['iam:EnableMFADevice', 'arn:aws:iam::111122223333:user/ana', user, 'allow']]],
  ['reference_policies_examples_aws_mfa-dates',
    [allow(['service-prefix-1:*', 'service-prefix-2:action-name-a'], '*', {
      Bool: { 'aws:MultiFactorAuthPresent': 'true' }, DateGreaterThan: { 'aws:CurrentTime': '2026-07-01T00:00:00Z' },
      DateLessThan: { 'aws:CurrentTime': '2026-12-31T23:59:59Z' }
    })], [
      ['service-prefix-1:any', '*', { 'aws:MultiFactorAuthPresent': 'true', 'aws:CurrentTime': '2026-08-01T00:00:00Z' }, 'allow'],
      ['service-prefix-1:any', '*', { 'aws:MultiFactorAuthPresent': 'false', 'aws:CurrentTime': '2026-08-01T00:00:00Z' }, 'none'],
      ['service-prefix-1:any', '*', { 'aws:CurrentTime': '2026-08-01T00:00:00Z' }, 'none'],
      ['service-prefix-2:action-name-b', '*', { 'aws:MultiFactorAuthPresent': 'true', 'aws:CurrentTime': '2026-08-01T00:00:00Z' }, 'none']]],
  ['reference_policies_examples_aws_deny-ip',
    [allow('*', '*'), deny('*', '*', {
      NotIpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '203.0.113.0/24'] }, Bool: { 'aws:ViaAWSService': 'false' } })], [
      ['s3:GetObject', bucket + '/a', { 'aws:SourceIp': '192.0.2.7', 'aws:ViaAWSService': 'false' }, 'allow'],
      ['s3:GetObject', bucket + '/a', { 'aws:SourceIp': '198.51.100.1', 'aws:ViaAWSService': 'false' }, 'deny']]],
  ['reference_policies_examples_aws_deny-requested-region',
    [allow('*', '*'), { Effect: 'Deny', NotAction: ['cloudfront:*', 'iam:*', 'route53:*', 'support:*'], Resource: '*',
      Condition: { StringNotEquals: { 'aws:RequestedRegion': ['eu-central-1', 'eu-west-1'] } } }], [
      ['ec2:RunInstances', instance, { 'aws:RequestedRegion': 'eu-west-1' }, 'allow'],
      ['ec2:RunInstances', instance, { 'aws:RequestedRegion': 'us-east-1' }, 'deny'],
      ['iam:GetUser', '*', { 'aws:RequestedRegion': 'us-east-1' }, 'allow']]],
  ['reference_policies_examples_dynamodb_specific-table',
    [allow('dynamodb:List*', '*'), allow(['dynamodb:BatchGet*', 'dynamodb:Get*', 'dynamodb:Query', 'dynamodb:PutItem'], 'arn:aws:dynamodb:*:*:table/Books')], [
      ['dynamodb:GetItem', table, {}, 'allow'], ['dynamodb:ListTables', '*', {}, 'allow'],
      ['dynamodb:GetItem', table + 'hop', {}, 'none'], ['dynamodb:DeleteTable', table, {}, 'none']]],
  ['reference_policies_examples_dynamodb_attributes',
    [allow(['dynamodb:GetItem', 'dynamodb:Query'], table, {
      'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['column-name-1', 'column-name-2'] },
      StringEqualsIfExists: { 'dynamodb:Select': 'SPECIFIC_ATTRIBUTES' } })], [
      ['dynamodb:GetItem', table, { 'dynamodb:Attributes': ['column-name-1'] }, 'allow'],
      ['dynamodb:GetItem', table, { 'dynamodb:Attributes': ['column-name-1', 'secret'] }, 'none'],
      ['dynamodb:Query', table, { 'dynamodb:Attributes': ['column-name-2'], 'dynamodb:Select': 'SPECIFIC_ATTRIBUTES' }, 'allow'],
      ['dynamodb:Query', table, { 'dynamodb:Attributes': ['column-name-2'], 'dynamodb:Select': 'ALL_ATTRIBUTES' }, 'none']]],
  ['reference_policies_examples_dynamodb_items',
    [allow(['dynamodb:GetItem', 'dynamodb:PutItem'], table, {
      'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['${cognito-identity.amazonaws.com:sub}'] } })], [
      ['dynamodb:GetItem', table, { 'dynamodb:LeadingKeys': ['eu-west-1:1'], 'cognito-identity.amazonaws.com:sub': 'eu-west-1:1' }, 'allow'],
      ['dynamodb:GetItem', table, { 'dynamodb:LeadingKeys': ['eu-west-1:2'], 'cognito-identity.amazonaws.com:sub': 'eu-west-1:1' }, 'none']]],
  ['reference_policies_examples_ec2_tag-owner',
    [allow(['ec2:StartInstances', 'ec2:StopInstances'], 'arn:aws:ec2:*:*:instance/*', { StringEquals: { 'aws:ResourceTag/Owner': '${aws:username}' } }),
      allow('ec2:DescribeInstances', '*')], [
      ['ec2:StopInstances', instance, { ...user, 'aws:ResourceTag/Owner': 'ana' }, 'allow'],
      ['ec2:StopInstances', instance, { ...user, 'aws:ResourceTag/Owner': 'bob' }, 'none'],
      ['ec2:StopInstances', instance, user, 'none']]],
  ['reference_policies_examples_ec2_securitygroups-vpc',
    [allow('ec2:*', 'arn:aws:ec2:eu-west-1:111122223333:security-group/*', { ArnEquals: { 'ec2:Vpc': 'arn:aws:ec2:*:*:vpc/vpc-1' } })], [
      ['ec2:DeleteSecurityGroup', 'arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1', { 'ec2:Vpc': 'arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-1' }, 'allow'],
      ['ec2:DeleteSecurityGroup', 'arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1', { 'ec2:Vpc': 'arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-2' }, 'none']]],
  ['reference_policies_examples_ec2_region',
    [allow('ec2:*', '*', { StringEquals: { 'ec2:Region': 'eu-west-1' } })], [
      ['ec2:RunInstances', instance, { 'ec2:Region': 'eu-west-1' }, 'allow'],
      ['ec2:RunInstances', instance, { 'ec2:Region': 'us-east-1' }, 'none']]],
  ['reference_policies_examples_iam-passrole-service',
    [allow('iam:PassRole', '*', { StringEquals: { 'iam:PassedToService': 'cloudwatch.amazonaws.com' } })], [
      ['iam:PassRole', 'arn:aws:iam::111122223333:role/r', { 'iam:PassedToService': 'cloudwatch.amazonaws.com' }, 'allow'],
      ['iam:PassRole', 'arn:aws:iam::111122223333:role/r', { 'iam:PassedToService': 'ec2.amazonaws.com' }, 'none']]],
  ['reference_policies_examples_iam-new-user-tag',
    [allow('iam:CreateUser', '*', { StringEquals: { 'aws:RequestTag/CostCenter': 'A-123' }, 'ForAllValues:StringEquals': { 'aws:TagKeys': 'CostCenter' } })], [
      ['iam:CreateUser', 'arn:aws:iam::111122223333:user/n', { 'aws:RequestTag/CostCenter': 'A-123', 'aws:TagKeys': ['CostCenter'] }, 'allow'],
      ['iam:CreateUser', 'arn:aws:iam::111122223333:user/n', { 'aws:RequestTag/CostCenter': 'A-123', 'aws:TagKeys': ['CostCenter', 'x'] }, 'none'],
      ['iam:CreateUser', 'arn:aws:iam::111122223333:user/n', {}, 'none']]],
  ['reference_policies_examples_rds_region',
    [allow('rds:*', 'arn:aws:rds:eu-west-1:*:*'), allow('rds:Describe*', '*')], [
      ['rds:DeleteDBInstance', 'arn:aws:rds:eu-west-1:111122223333:db:d', {}, 'allow'],
      ['rds:DeleteDBInstance', 'arn:aws:rds:us-east-1:111122223333:db:d', {}, 'none'],
      ['rds:DescribeDBInstances', 'arn:aws:rds:us-east-1:111122223333:db:d', {}, 'allow']]],
  ['reference_policies_examples_s3_home-directory-console',
    [allow('s3:ListBucket', bucket, { StringLike: { 's3:prefix': ['', 'shared/', 'shared/${aws:username}/*'] } }),
      allow('s3:*', [bucket + '/shared/${aws:username}', bucket + '/shared/${aws:username}/*'])], [
      ['s3:ListBucket', bucket, { ...user, 's3:prefix': 'shared/' }, 'allow'],
      ['s3:ListBucket', bucket, { ...user, 's3:prefix': 'shared/ana/pictures' }, 'allow'],
      ['s3:ListBucket', bucket, { ...user, 's3:prefix': 'shared/bob/' }, 'none'],
      ['s3:ListBucket', bucket, user, 'none'],
      ['s3:PutObject', bucket + '/shared/ana/x', user, 'allow'],
      ['s3:PutObject', bucket + '/shared/anabel/x', user, 'none']]],
  ['reference_policies_examples_s3_rw-bucket',
    [allow('s3:ListBucket', bucket), allow('s3:*Object', bucket + '/*')], [
      ['s3:ListBucket', bucket, {}, 'allow'], ['s3:GetObject', bucket + '/a/b', {}, 'allow'],
      ['s3:PutObjectAcl', bucket + '/a', {}, 'none'], ['s3:GetObject', 'arn:aws:s3:::other/a', {}, 'none']]],
  ['reference_policies_examples_s3_deny-except-bucket',
    [allow('s3:*', [bucket, bucket + '/*']), { Effect: 'Deny', NotAction: 's3:*', NotResource: [bucket, bucket + '/*'] }], [
      ['s3:GetObject', bucket + '/a', {}, 'allow'], ['s3:GetObject', 'arn:aws:s3:::other/a', {}, 'none'],
      ['ec2:StartInstances', instance, {}, 'deny']]],
  ['reference_policies_examples_s3_full-access-except-production',
    [allow('s3:*', '*'), deny('s3:*', ['arn:aws:s3:::Production', 'arn:aws:s3:::Production/*'], { NumericGreaterThanIfExists: { 'aws:MultiFactorAuthAge': '1800' } })], [
      ['s3:GetObject', 'arn:aws:s3:::Production/a', { 'aws:MultiFactorAuthAge': '100' }, 'allow'],
      ['s3:GetObject', 'arn:aws:s3:::Production/a', { 'aws:MultiFactorAuthAge': '3600' }, 'deny'],
      ['s3:GetObject', 'arn:aws:s3:::Production/a', {}, 'deny'],
      ['s3:GetObject', 'arn:aws:s3:::other/a', {}, 'allow']]],
  ['reference_policies_elements_condition_operators',
    [allow('s3:ListBucket', bucket, { NumericLessThanEquals: { 's3:max-keys': '10' } })], [
      ['s3:ListBucket', bucket, { 's3:max-keys': '10' }, 'allow'], ['s3:ListBucket', bucket, { 's3:max-keys': '11' }, 'none'],
      ['s3:ListBucket', bucket, {}, 'none']]],
  ['reference_policies_elements_condition_operators',
    [allow('s3:*', '*'), deny('s3:*', '*', { Bool: { 'aws:SecureTransport': 'false' } })], [
      ['s3:GetObject', bucket + '/a', { 'aws:SecureTransport': 'true' }, 'allow'],
      ['s3:GetObject', bucket + '/a', { 'aws:SecureTransport': 'false' }, 'deny']]],
  ['reference_policies_elements_condition_operators',
    [allow('sqs:SendMessage', '*', { ArnEquals: { 'aws:SourceArn': 'arn:aws:sns:*:111122223333:topic' } })], [
      ['sqs:SendMessage', '*', { 'aws:SourceArn': 'arn:aws:sns:eu-west-1:111122223333:topic' }, 'allow'],
      ['sqs:SendMessage', '*', { 'aws:SourceArn': 'arn:aws:sns:eu-west-1:444455556666:topic' }, 'none']]],
  ['reference_policies_elements_condition_operators',
    [allow('ec2:*', '*', { Null: { 'aws:TokenIssueTime': 'true' } })], [
      ['ec2:StartInstances', instance, {}, 'allow'],
      ['ec2:StartInstances', instance, { 'aws:TokenIssueTime': '2026-01-01T00:00:00Z' }, 'none']]],
  ['reference_policies_elements_condition_operators',
    [allow('ec2:RunInstances', '*', { StringLikeIfExists: { 'ec2:InstanceType': ['t1.*', 't2.*', 'm3.*'] } })], [
      ['ec2:RunInstances', instance, { 'ec2:InstanceType': 't2.micro' }, 'allow'],
      ['ec2:RunInstances', instance, { 'ec2:InstanceType': 'p5.48xlarge' }, 'none'],
      ['ec2:RunInstances', 'arn:aws:ec2:eu-west-1:111122223333:subnet/s', {}, 'allow']]],
  ['reference_policies_condition-single-vs-multi-valued-context-keys',
    [allow('ec2:CreateTags', '*', { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['environment', 'cost-center'] } }),
      deny('ec2:CreateTags', '*', { 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['webserver'] } })], [
      ['ec2:CreateTags', instance, { 'aws:TagKeys': ['environment', 'cost-center'] }, 'allow'],
      ['ec2:CreateTags', instance, { 'aws:TagKeys': ['environment', 'other'] }, 'none'],
      ['ec2:CreateTags', instance, { 'aws:TagKeys': ['environment', 'webserver'] }, 'deny'],
      ['ec2:CreateTags', instance, {}, 'allow']]],
  ['reference_policies_variables',
    [allow('s3:GetObject', bucket + "/${aws:PrincipalTag/team, 'company-wide'}/*")], [
      ['s3:GetObject', bucket + '/yellow/a', { 'aws:PrincipalTag/team': 'yellow' }, 'allow'],
      ['s3:GetObject', bucket + '/company-wide/a', { 'aws:PrincipalTag/team': 'yellow' }, 'none'],
      ['s3:GetObject', bucket + '/company-wide/a', {}, 'allow']]],
  ['reference_policies_variables',
    [allow('s3:GetObject', bucket + '/${$}${?}${*}')], [
      ['s3:GetObject', bucket + '/$?*', {}, 'allow'], ['s3:GetObject', bucket + '/$ab', {}, 'none']]],
  ['reference_policies_elements_notresource',
    [{ Effect: 'Deny', Action: 's3:*', NotResource: [bucket + '/HRBucket/Payroll', bucket + '/HRBucket/Payroll/*'] }, allow('s3:*', '*')], [
      ['s3:GetObject', bucket + '/HRBucket/Payroll/may', {}, 'allow'], ['s3:GetObject', bucket + '/other', {}, 'deny']]],
  ['reference_policies_elements_notaction',
    [{ Effect: 'Allow', NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' }], [
      ['s3:GetObject', bucket + '/a', {}, 'allow'], ['s3:DeleteBucket', bucket, {}, 'none'],
      ['ec2:StartInstances', instance, {}, 'none']]],
  ['reference_policies_elements_action',
    [allow(['iam:*AccessKey*', 'SQS:sendmessage'], '*')], [
      ['iam:ListAccessKeys', '*', {}, 'allow'], ['iam:GetAccessKeyLastUsed', '*', {}, 'allow'],
      ['sqs:SendMessage', '*', {}, 'allow'], ['iam:ListUsers', '*', {}, 'none']]]
]
