// usage: read_clients.cjs PACKAGE_DIRECTORY…
// Prints the service models that AWS's clients for JavaScript carry, one JSON line each, in botocore's format: their schemas
// and endpoint rules are tables of numbers and names. A client is read in a context that has nothing, and whatever it imports
// is a stand-in, so nothing of it runs but the making of its tables. What these say that is not known here ends the run.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const PROTOCOLS = { AwsRestJsonProtocol: "rest-json" };
const TRAIT_BITS = ["httpLabel", "idempotent", "idempotencyToken", "sensitive", "httpPayload", "httpResponseCode", "httpQueryParams"];
const SIMPLE = {
  0: { type: "string" }, 1: { type: "double" }, 2: { type: "boolean" }, 4: { type: "timestamp" },
  5: { type: "timestamp", timestampFormat: "iso8601" }, 6: { type: "timestamp", timestampFormat: "rfc822" },
  7: { type: "timestamp", timestampFormat: "unixTimestamp" }, 15: { type: "structure", members: {}, document: true },
  17: { type: "long" }, 19: { type: "double" }, 21: { type: "blob" }, 42: { type: "blob", streaming: true },
};
const LIST = 64, MAP = 128;
const RESULTS_FROM = 100_000_000;  // references to nodes below, to results above
const PARAMETERS = {
  Region: { builtIn: "AWS::Region", required: false, type: "string" },
  UseDualStack: { builtIn: "AWS::UseDualStack", required: true, default: false, type: "boolean" },
  UseFIPS: { builtIn: "AWS::UseFIPS", required: true, default: false, type: "boolean" },
  Endpoint: { builtIn: "SDK::Endpoint", required: false, type: "string" },
};

// May be asked for members, called, extended and made; "resolve…" gives back what it is given.
function standIn(name) {
  const it = function () {};
  it.prototype = new Proxy({}, { get: (_, key) => (typeof key === "symbol" ? undefined : standIn(key)) });
  return new Proxy(it, {
    get: (_, key) => {
      if (key === "standsFor") return name;
      return key === "prototype" || typeof key === "symbol" ? it[key] : standIn(key);
    },
    apply: (_, __, given) => (name.startsWith("resolve") ? given[0] : standIn(name)),
  });
}

// The client's exports, configuration and endpoint rules.
function load(directory) {
  const code = fs.readFileSync(path.join(directory, "dist-cjs/index.js"), "utf8");
  const client = { exports: {} };
  const endpoints = { from: (...parts) => { client.rules = parts; } };
  const imports = new Proxy({}, { get: (_, key) => (key === "BinaryDecisionDiagram" ? endpoints : standIn(String(key))) });
  vm.runInNewContext(`(function (require, exports, process) {${code}\n})`)(() => imports, client.exports, {});
  const made = Object.keys(client.exports).find((name) => name.endsWith("Client") && !name.startsWith("_"));
  client.config = new client.exports[made]({}).config;
  return client;
}

function known(table, key, what) {
  if (!(key in table)) throw new Error(`the ${what} ${key} is not known`);
  return table[key];
}

function traitsOf(given) {
  if (typeof given === "object") return given;
  return Object.fromEntries(TRAIT_BITS.filter((_, bit) => given & (1 << bit)).map((name) => [name, 1]));
}

class Shapes {
  constructor() {
    this.shapes = {};
  }

  // The name of a schema's shape, which is made when it is first asked for.
  name(schema) {
    const target = typeof schema === "function" ? schema() : schema;
    if (target === "unit") return this.make("Unit", () => ({ type: "structure", members: {} }));
    if (typeof target === "number") return this.simple(target);
    const [kind, , name] = target;
    return this.make(name, () => known(Shapes.makers, kind, "kind of schema").call(this, target));
  }

  make(name, maker) {
    if (!(name in this.shapes)) {
      this.shapes[name] = {};  // a shape may hold itself
      Object.assign(this.shapes[name], maker());
    }
    return name;
  }

  simple(number) {
    if (number >= MAP) return this.make(`Map${number - MAP}`, () => this.map(0, number - MAP));
    if (number >= LIST) return this.make(`List${number - LIST}`, () => ({ type: "list", member: this.reference(number - LIST) }));
    return this.make(`Simple${number}`, () => known(SIMPLE, number, "simple schema"));
  }

  map(key, value) {
    return { type: "map", key: this.reference(key), value: this.reference(value) };
  }

  // What refers to a schema: its shape and the traits of the member.
  reference(schema) {
    const isMember = Array.isArray(schema) && schema.length === 2;
    const reference = { shape: this.name(isMember ? schema[0] : schema) };
    const traits = traitsOf(isMember ? schema[1] : 0);
    for (const [trait, value] of Object.entries(traits)) known(Shapes.traits, trait, "trait")(reference, value);
    // Numbers are of one kind there; those outside bodies are whole.
    if (reference.location && reference.shape === "Simple1") reference.shape = this.simple(17);
    return reference;
  }

  structure([kind, , , given, names, members, required]) {
    const traits = traitsOf(given);
    const made = { type: "structure", members: {} };
    names.forEach((name, index) => { made.members[name] = this.reference(members[index]); });
    names.forEach((name) => {
      if (made.members[name].location === "payload") {
        delete made.members[name].location;
        made.payload = name;
      }
      if (made.members[name].location === "uri") made.members[name].locationName ??= name;
    });
    if (required) made.required = names.slice(0, required);
    if (kind === Shapes.ERROR) made.exception = true;
    if (kind === Shapes.UNION) Object.assign(made, traits.streaming ? { eventstream: true } : { union: true });
    return made;
  }
}
Shapes.ERROR = -3;
Shapes.UNION = 4;
Shapes.makers = {
  0: function ([, , , traits, target]) {
    const sensitive = traitsOf(traits).sensitive ? { sensitive: true } : {};
    return { ...this.shapes[this.name(target)], ...sensitive };
  },
  1: function ([, , , , member]) { return { type: "list", member: this.reference(member) }; },
  2: function ([, , , , key, value]) { return this.map(key, value); },
  3: Shapes.prototype.structure,
  4: Shapes.prototype.structure,
  [Shapes.ERROR]: Shapes.prototype.structure,
};
const at = (location) => (reference, name) => {
  reference.location = location;
  if (typeof name === "string") reference.locationName = name;
};
Shapes.traits = {
  httpLabel: at("uri"), httpHeader: at("header"), httpPrefixHeaders: at("headers"), httpQuery: at("querystring"),
  httpQueryParams: at("querystring"), httpPayload: at("payload"), httpResponseCode: at("statusCode"),
  jsonName: (reference, name) => { reference.locationName = name; },
  eventHeader: (reference) => { reference.eventheader = true; },
  eventPayload: (reference) => { reference.eventpayload = true; },
  idempotencyToken: (reference) => { reference.idempotencyToken = true; },
  sensitive: () => {},
};

function operationsOf(client, shapes) {
  const operations = {};
  for (const schema of Object.values(client.exports)) {
    if (!Array.isArray(schema) || schema[0] !== 9) continue;
    const [, , name, { http, ...others }, input, output] = schema;
    Object.keys(others).forEach((trait) => known({}, trait, "operation's trait"));
    operations[name] = {
      name, http: { method: http[0], requestUri: http[1] },
      input: { shape: shapes.name(input) }, output: { shape: shapes.name(output) },
    };
  }
  return operations;
}

// A decision diagram as a tree of rules. Each way ends in a result, so no rule falls through to the next one.
function rulesOf(diagram, reference) {
  const [nodes, , conditions, results] = diagram;
  if (reference >= RESULTS_FROM) return [resultOf(results[reference - RESULTS_FROM])];
  if (Math.abs(reference) === 1) return [resultOf([-1])];
  const [condition, yes, no] = nodes.slice(3 * (Math.abs(reference) - 1), 3 * Math.abs(reference));
  const [fn, argv, assign] = conditions[condition];
  const [high, low] = reference > 0 ? [yes, no] : [no, yes];
  return [
    { type: "tree", conditions: [{ fn, argv, ...(assign ? { assign } : {}) }], rules: rulesOf(diagram, high) },
    ...rulesOf(diagram, low),
  ];
}

function resultOf([url, properties, headers]) {
  if (url === -1) return { type: "error", conditions: [], error: properties ?? "no rule fits" };
  return { type: "endpoint", conditions: [], endpoint: { url, properties: properties ?? {}, headers: headers ?? {} } };
}

function modelOf(directory) {
  const client = load(directory);
  const { name, version } = JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8"));
  const { apiVersion, serviceId, defaultSigningName, protocol } = client.config;
  const shapes = new Shapes();
  const operations = operationsOf(client, shapes);
  const rules = { version: "1.0", parameters: PARAMETERS, rules: rulesOf(client.rules, client.rules[1]) };
  const usual = /"https:\/\/([a-z-]+)\.\{Region\}\.\{PartitionResult#dnsSuffix\}"/g;
  const hosts = [...JSON.stringify(rules).matchAll(usual)].map((found) => found[1]);
  const metadata = {
    apiVersion, serviceId, serviceFullName: `Amazon ${serviceId}`, signingName: defaultSigningName,
    endpointPrefix: hosts.find((host) => !host.endsWith("-fips")),
    protocol: known(PROTOCOLS, protocol.standsFor, "protocol"),
  };
  return { package: name, version, model: { metadata, operations, shapes: shapes.shapes }, rules };
}

for (const directory of process.argv.slice(2)) {
  try {
    process.stdout.write(JSON.stringify(modelOf(directory)) + "\n");
  } catch (error) {
    process.stderr.write(`${directory}: its model cannot be read: ${error.message}\n`);
    process.exit(1);
  }
}
