// Requests and hosts of the services that botocore leaves out, made by their clients for JavaScript. Reads {"credentials",
// "region", "places": [{"Region", "UseFIPS", "UseDualStack"}]}, prints a JSON line for each operation, as it would be sent,
// and for each place that the client has a host for. An operation without an input below ends the run.
const fs = require("fs");

const audio = { MediaSampleRateHertz: 16000, MediaEncoding: "pcm", LanguageCode: "en-US" };
async function* silence() {
  yield { AudioEvent: { AudioChunk: Buffer.alloc(1) } };
}
const CLIENTS = {
  "transcribe-streaming": ["@aws-sdk/client-transcribe-streaming", "TranscribeStreamingClient", {
    GetMedicalScribeStream: { SessionId: "00000000-0000-0000-0000-000000000000" },
    StartCallAnalyticsStreamTranscription: { ...audio, AudioStream: silence() },
    StartMedicalScribeStream: { ...audio, InputStream: silence() },
    StartMedicalStreamTranscription: { ...audio, Specialty: "PRIMARYCARE", Type: "DICTATION", AudioStream: silence() },
    StartStreamTranscription: { ...audio, AudioStream: silence() },
  }],
  rekognitionstreaming: ["@aws-sdk/client-rekognitionstreaming", "RekognitionStreamingClient", {
    StartFaceLivenessSession: {
      SessionId: "x", VideoWidth: "1", VideoHeight: "1", ChallengeVersions: "1", LivenessRequestStream: silence(),
    },
  }],
};
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const asked = JSON.parse(fs.readFileSync(0, "utf8"));

async function sent(client, command) {
  let request;
  client.config.requestHandler.handle = (made) => {
    request = made;
    throw new Error("it goes nowhere");
  };
  await client.send(command).catch(() => {});
  return request;
}

async function main() {
  for (const [service, [name, kind, inputs]] of Object.entries(CLIENTS)) {
    const sdk = require(name);
    const client = new sdk[kind]({ region: asked.region, credentials: asked.credentials, maxAttempts: 1 });
    for (const command of Object.keys(sdk).filter((each) => /^[A-Z]\w+Command$/.test(each))) {
      const operation = command.slice(0, -"Command".length);
      if (!inputs[operation]) throw new Error(`${service} has an operation ${operation} by now: give it an input here`);
      const { method, path, query, headers } = await sent(client, new sdk[command](inputs[operation]));
      if (Object.keys(query).length) throw new Error(`${operation} has a query: it would be lost here`);
      say({ service, operation, method, target: path, headers });
    }
    for (const place of asked.places) {
      try {
        say({ service, place, host: client.config.endpointProvider(place).url.hostname });
      } catch (error) {  // the place has none
        if (!/FIPS|DualStack/.test(error.message)) throw error;
      }
    }
  }
}

main().then(() => process.exit(0), (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
