// Calls one operation with the unmodified SDK and prints a JSON line for all that happens. Reads {"package", "client",
// "command", "input", "http1", "speech", "waits", "meanwhile"}. `speech`: [member, events] to stream; with `waits` each is
// said when the one before was answered. `meanwhile`: [command, input] that the same client sends after the first event
// of the answer. Bytes are {"$bytes": base64}.
const fs = require("fs");
const { NodeHttpHandler } = require("@smithy/node-http-handler");

const revive = (_, value) => (value && value.$bytes !== undefined ? Buffer.from(value.$bytes, "base64") : value);
function show(key, value) {
  const held = this[key];
  return held instanceof Uint8Array ? { $bytes: Buffer.from(held).toString("base64") } : value;
}
const say = (line) => process.stdout.write(JSON.stringify(line, show) + "\n");

const asked = JSON.parse(fs.readFileSync(0, "utf8"), revive);
const sdk = require(asked.package);
const client = new sdk[asked.client]({ maxAttempts: 1, ...(asked.http1 && { requestHandler: new NodeHttpHandler() }) });

let answered = () => {};
async function* speech(events) {
  for (const event of events) {
    const next = new Promise((resolve) => { answered = resolve; });
    say({ said: Object.keys(event)[0] });
    yield event;
    if (asked.waits) await next;
  }
}

async function main() {
  const input = { ...asked.input };
  if (asked.speech) input[asked.speech[0]] = speech(asked.speech[1]);
  const { $metadata, ...answer } = await client.send(new sdk[asked.command](input));
  say({ status: $metadata.httpStatusCode });
  const stream = Object.values(answer).find((value) => value && value[Symbol.asyncIterator]);
  if (!stream) return say({ answer });
  let first = true;
  for await (const event of stream) {
    say({ heard: event });
    if (asked.meanwhile && first) {
      const [command, more] = asked.meanwhile;
      say({ meanwhile: (await client.send(new sdk[command](more))).SequenceNumber });
    }
    first = false;
    answered();
  }
  say({ end: true });
}

main().catch((error) => say({ error: error.name, text: error.message, status: error.$metadata?.httpStatusCode }))
  .finally(() => process.exit(0));
