// Differential test: generated policies and requests put to policy::decide (the given program) and to
// iam-simulate, an independent evaluator. Every difference must have a reason in EXPLAINED. Before that, the examples of the
// IAM User Guide (examples.mjs), whose verdicts are the guide's.
// usage: node compare.mjs PROGRAM [CASES] [SEED]; exit 1 if an example is decided otherwise or a difference is unexplained.
import { spawnSync } from 'node:child_process'
import { runUnsafeSimulation } from '@cloud-copilot/iam-simulate'
import { EXAMPLES } from './examples.mjs'

const [program, count = '50000', seed = '1'] = process.argv.slice(2)

let state = Number(seed) >>> 0
const random = (bound) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * bound)
}
const pick = (list) => list[random(list.length)]
const some = (list) => (random(2) ? pick(list) : [pick(list), pick(list)])

const KEYS = {
  's3:prefix': { kind: 'string', values: ['home/ana/', 'home/', 'tmp', 'HOME/', 'a*b'] },
  'aws:PrincipalTag/team': { kind: 'string', values: ['red', 'blue', 'r*'] },
  'aws:TagKeys': { kind: 'set', values: ['cost', 'team', 'Team'] },
  'aws:SourceIp': { kind: 'ip', values: ['203.0.113.7', '10.1.2.3', '2001:db8::1'] },
  'aws:CurrentTimeX': { kind: 'date', values: ['2026-01-01T00:00:00Z', '2026-06-01T12:00:00Z'] },
  's3:max-keys': { kind: 'number', values: ['10', '100', '1000'] },
  'aws:SecureTransport': { kind: 'bool', values: ['true', 'false'] },
  'aws:SourceArn': {
    kind: 'arn',
    values: ['arn:aws:sns:eu-west-1:111122223333:topic', 'arn:aws:s3:::a:b']
  }
}
const MULTIVALUED = ['aws:TagKeys', 'dynamodb:Attributes', 'dynamodb:LeadingKeys']
const OPERATORS = {
  string: ['StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', 'StringLike', 'StringNotLike'],
  number: ['NumericEquals', 'NumericNotEquals', 'NumericLessThan', 'NumericLessThanEquals', 'NumericGreaterThan', 'NumericGreaterThanEquals'],
  date: ['DateEquals', 'DateNotEquals', 'DateLessThan', 'DateLessThanEquals', 'DateGreaterThan', 'DateGreaterThanEquals'],
  bool: ['Bool'],
  ip: ['IpAddress', 'NotIpAddress'],
  arn: ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike']
}
OPERATORS.set = OPERATORS.string
const OPERANDS = {
  string: ['home/ana/', 'home/*', 'HOME/', '*', 'h?me/*', 'red', '${aws:PrincipalTag/team}', "${aws:PrincipalTag/team, 'red'}", 'a${*}b'],
  set: ['cost', 'team', 't*', 'TEAM'],
  number: ['10', '100', '99.5'],
  date: ['2026-01-01T00:00:00Z', '2026-03-01', '1767225600'],
  bool: ['true', 'false'],
  ip: ['203.0.113.0/24', '10.0.0.0/8', '203.0.113.7', '2001:db8::/32'],
  arn: ['arn:aws:sns:*:*:*', 'arn:aws:sns:*:111122223333:topic', 'arn:aws:s3:::a*']
}
const ACTIONS = ['*', 's3:*', 's3:Get*', 'S3:getobject', 's3:?etObject', 's3:ListBucket', 'sqs:*']
const RESOURCES = ['*', 'arn:aws:s3:::bucket', 'arn:aws:s3:::bucket/*', 'arn:aws:s3:::b?cket/a/*', 'arn:*:s3:::bucket/a/b',
  'arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*', "arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'red'}/*", 'arn:aws:s3:::bucket/${*}']
const REQUESTS = [
  ['s3:GetObject', 'arn:aws:s3:::bucket/a/b'], ['s3:GetObject', 'arn:aws:s3:::bucket/red/x:y'],
  ['s3:ListBucket', 'arn:aws:s3:::bucket'], ['s3:PutObject', 'arn:aws:s3:::bucket/blue/x']
]

function condition () {
  const result = {}
  for (let i = random(3); i > 0; --i) {
    const key = pick(Object.keys(KEYS))
    const { kind } = KEYS[key]
    if (random(8) === 0) {
      result.Null = { ...result.Null, [key]: pick(['true', 'false']) }
      continue
    }
    const set = kind === 'set' ? pick(['ForAllValues:', 'ForAnyValue:']) : ''
    const operator = set + pick(OPERATORS[kind]) + (random(4) === 0 ? 'IfExists' : '')
    result[operator] = { ...result[operator], [random(4) ? key : key.toLowerCase()]: some(OPERANDS[kind]) }
  }
  return result
}

function statement (effect) {
  return {
    Effect: effect,
    [random(6) ? 'Action' : 'NotAction']: some(ACTIONS),
    [random(6) ? 'Resource' : 'NotResource']: some(RESOURCES),
    ...(random(3) ? { Condition: condition() } : {})
  }
}

function makeCase () {
  const Statement = [statement('Allow')]
  for (let i = random(3); i > 0; --i) Statement.push(statement(random(2) ? 'Allow' : 'Deny'))
  const [action, resource] = pick(REQUESTS)
  const context = {}
  for (const [key, { kind, values }] of Object.entries(KEYS)) {
    const list = random(3) ? [pick(values)] : []
    if (kind === 'set' && list.length && random(2)) list.push(pick(values))
    context[key] = list
  }
  return { policy: { Version: '2012-10-17', Statement }, action, resource, context }
}

const isSet = (key, values) => (KEYS[key] ? KEYS[key].kind === 'set' : values.length > 1 || MULTIVALUED.includes(key))

function oracle (test) {
  const contextVariables = {}
  for (const [key, values] of Object.entries(test.context)) {
    if (values.length) contextVariables[key] = isSet(key, values) ? values : values[0]
  }
  const answer = runUnsafeSimulation({
    request: {
      principal: 'arn:aws:iam::111122223333:role/gateway', action: test.action,
      resource: { resource: test.resource, accountId: '111122223333' }, contextVariables
    },
    identityPolicies: [{ name: 'scope', policy: test.policy }],
    serviceControlPolicies: [], resourceControlPolicies: []
  }, {})
  const text = JSON.stringify(answer.result ?? answer)
  return text.includes('ExplicitlyDenied') ? 'deny' : text.includes('Allowed') ? 'allow' : 'none'
}

const usesAbsentVariable = (test) =>
  test.context['aws:PrincipalTag/team'].length === 0 && JSON.stringify(test.policy).includes('${aws:PrincipalTag/team}')

const usesWildcardValue = (test) =>
  /[*?]/.test(test.context['aws:PrincipalTag/team'][0] ?? '') && JSON.stringify(test.policy).includes('${aws:PrincipalTag/team')

const EXPLAINED = [
  ['a variable whose key is absent: IAM calls the statement invalid; here it must not allow and still denies',
    (test, ours) => usesAbsentVariable(test) && ours !== 'allow'],
  ['a variable whose value holds a wildcard: here not known, so it must not allow and still denies',
    (test, ours) => usesWildcardValue(test) && ours !== 'allow'],
  ['seconds since 1970 in a date: iam-simulate compares them with the milliseconds of an ISO date',
    (test) => JSON.stringify(test.policy).includes('1767225600')],
  ['an IPv6 address and NotIpAddress of IPv4 ranges: IAM does not say; here not known',
    (test, ours) => ours !== 'allow' && (test.context['aws:SourceIp'][0] ?? '') !== '' && JSON.stringify(test.policy).includes('NotIpAddress')],
  ['ForAnyValue with IfExists without the key: IAM does not say; here not known',
    (test, ours) => ours !== 'allow' && test.context['aws:TagKeys'].length === 0 && /ForAnyValue:\w+IfExists/.test(JSON.stringify(test.policy))],
  ['${*} in a String operator without wildcards: iam-simulate leaves the escape in place',
    (test) => test.context['s3:prefix'][0] === 'a*b' && JSON.stringify(test.policy).includes('a${*}b')]
]

/// All keys of the policy that the request lacks are known to be absent.
function exampleCase (Statement, [action, resource, given, expected]) {
  const context = {}
  const text = JSON.stringify(Statement)
  for (const [, key] of text.matchAll(/"((?:aws|s3|ec2|iam|dynamodb|account)[:][\w/-]+)":/g)) context[key] = []
  for (const [, key] of text.matchAll(/\$\{([\w.:/-]+)/g)) if (key.includes(':')) context[key] = []
  for (const [key, value] of Object.entries(given)) context[key] = [value].flat()
  const time = context['aws:CurrentTime']?.[0]
  return { policy: { Version: '2012-10-17', Statement }, action, resource, context, expected, now: time ? Date.parse(time) / 1000 : 0 }
}

const examples = EXAMPLES.flatMap(([page, statements, rows]) => rows.map((row) => ({ page, ...exampleCase(statements, row) })))
const cases = Array.from({ length: Number(count) }, makeCase)
const lower = (context) => Object.fromEntries(Object.entries(context).map(([k, v]) => [k.toLowerCase(), v]))
const input = [...examples, ...cases].map((t) => JSON.stringify({ ...t, policy: JSON.stringify(t.policy), context: lower(t.context) })).join('\n') + '\n'
const run = spawnSync(program, { input, maxBuffer: 1 << 28, encoding: 'utf8' })
if (run.status !== 0) throw new Error(`${program} ended with ${run.status}`)
const words = { allowed: 'allow', 'explicit-deny': 'deny', 'implicit-deny': 'none' }
const answers = run.stdout.trimEnd().split('\n')

let wrong = 0
examples.forEach((test, i) => {
  const ours = words[answers[i]] ?? answers[i]
  if (ours === test.expected) return
  wrong += 1
  console.log(JSON.stringify({ ours, ...test }))
})
const others = examples.filter((test) => oracle(test) !== test.expected)
for (const test of others) console.log(`iam-simulate differs from the guide: ${JSON.stringify(test)}`)
console.log(`${examples.length} requests to ${EXAMPLES.length} policies of the IAM User Guide, ${wrong} decided otherwise; ` +
  `iam-simulate: ${others.length}`)

const tally = { equal: 0, unexplained: 0, allow: 0, deny: 0, none: 0 }
cases.forEach((test, i) => {
  const answer = answers[examples.length + i]
  const ours = words[answer] ?? answer
  const theirs = oracle(test)
  tally[theirs] += 1
  if (ours === theirs) { tally.equal += 1; return }
  const why = EXPLAINED.find(([, applies]) => applies(test, ours, theirs))
  const name = why ? why[0] : 'unexplained'
  tally[name] = (tally[name] ?? 0) + 1
  if (!why && tally.unexplained <= 5) console.log(JSON.stringify({ ours, theirs, ...test }))
})
console.log(JSON.stringify(tally))
process.exit(tally.unexplained || wrong ? 1 : 0)
