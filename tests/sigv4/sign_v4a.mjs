// For cross_sign_v4a.py: signs what stands on standard input, one JSON object a line, with smithy's SigV4A.
// Usage: node sign_v4a.mjs PACKAGE_JSON, whose folder holds node_modules.
import { createHash, createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2]);
const { SignatureV4a } = require("@smithy/signature-v4a");

class Sha256 {
  constructor(secret) {
    this.hash = secret ? createHmac("sha256", secret) : createHash("sha256");
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return new Uint8Array(this.hash.digest());
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  const [path, query] = ask.target.split("?");
  const signer = new SignatureV4a({
    applyChecksum: true,
    credentials: { accessKeyId: ask.key_id, secretAccessKey: ask.secret, sessionToken: ask.token || undefined },
    region: ask.region_set,
    service: ask.service,
    sha256: Sha256,
    uriEscapePath: !["s3", "s3express"].includes(ask.service),
  });
  const request = {
    method: ask.method,
    protocol: "https:",
    hostname: ask.headers.Host,
    path,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: ask.headers,
  };
  const made = await signer.sign(request, { signingDate: new Date("2026-11-23T06:20:00Z") });
  console.log(JSON.stringify(made.headers));
}
