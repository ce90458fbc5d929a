// Sends signed events over HTTP/1.1 and prints each event of the answer as a JSON line, with AWS's own codec and signer.
// Reads {"url", "service", "region", "credentials", "headers", "steps", "wait_for_answers", "spoil", "close"}; a step
// is [type, payload]; with wait_for_answers each is sent when the one before was answered.
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const { EventStreamCodec } = require("@smithy/core/event-streams");
const { SignatureV4 } = require("@smithy/signature-v4");

class Sha256 {
  constructor(secret) {
    this.hash = secret ? crypto.createHmac("sha256", Buffer.from(secret)) : crypto.createHash("sha256");
  }
  update(data) {
    this.hash.update(typeof data === "string" ? data : Buffer.from(data));
  }
  async digest() {
    return new Uint8Array(this.hash.digest());
  }
}

const codec = new EventStreamCodec((bytes) => Buffer.from(bytes).toString("utf8"), (text) => Buffer.from(text, "utf8"));
const text = (value) => ({ type: "string", value });
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

async function main(asked) {
  const signer = new SignatureV4({
    service: asked.service, region: asked.region, credentials: asked.credentials, sha256: Sha256,
  });
  const url = new URL(asked.url);
  const request = await signer.sign({
    method: "POST", protocol: url.protocol, hostname: url.hostname, port: url.port, path: url.pathname, query: {},
    headers: {
      host: url.host, "content-type": "application/vnd.amazon.eventstream",
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-EVENTS", ...asked.headers,
    },
  });
  let prior = request.headers.authorization.match(/Signature=(\w+)/)[1];
  const sent = http.request({
    host: url.hostname, port: url.port, method: "POST", path: url.pathname, headers: request.headers,
  });
  let answered = () => {};

  async function event(body) {
    const now = new Date();
    const date = { ":date": { type: "timestamp", value: now } };
    prior = await signer.sign(
      { payload: body, headers: codec.formatHeaders(date) }, { priorSignature: prior, signingDate: now },
    );
    return Buffer.from(codec.encode({
      headers: { ...date, ":chunk-signature": { type: "binary", value: Buffer.from(prior, "hex") } }, body,
    }));
  }

  async function send() {
    if (asked.headers.expect) {
      sent.flushHeaders();
      await new Promise((resolve) => sent.once("continue", resolve));
    }
    for (const [index, [type, payload]] of asked.steps.entries()) {
      const inner = codec.encode({
        headers: { ":message-type": text("event"), ":event-type": text(type), ":content-type": text("application/json") },
        body: Buffer.from(JSON.stringify(payload)),
      });
      if (index === asked.spoil) prior = "0".repeat(64);
      const next = new Promise((resolve) => { answered = resolve; });
      sent.write(await event(inner));
      if (asked.wait_for_answers) await next;
    }
    if (asked.close !== false) sent.write(await event(new Uint8Array(0)));
    sent.end();
  }

  sent.on("error", (error) => say({ error: error.code || String(error) }));
  sent.on("response", (answer) => {
    say({ status: answer.statusCode, text: answer.headers["content-type"] });
    let held = Buffer.alloc(0);
    answer.on("data", (part) => {
      held = Buffer.concat([held, part]);
      if (answer.statusCode !== 200) return;
      while (held.length >= 4 && held.length >= held.readUInt32BE(0)) {
        const size = held.readUInt32BE(0);
        const { headers, body } = codec.decode(held.subarray(0, size));
        held = held.subarray(size);
        say({ type: (headers[":event-type"] || headers[":exception-type"]).value, body: Buffer.from(body).toString("utf8") });
        answered();
      }
    });
    answer.on("end", () => say({ end: true, left: answer.statusCode === 200 ? held.length : held.toString("utf8") }));
    answer.on("error", (error) => say({ error: error.code || String(error) }));
    answer.on("close", () => process.exit(0));
  });
  await send();
}

main(JSON.parse(fs.readFileSync(0, "utf8"))).catch((error) => {
  say({ error: String(error) });
  process.exit(1);
});
