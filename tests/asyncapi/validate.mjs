// node validate.mjs asyncapi.yaml: what AsyncAPI's own parser finds, as one JSON object; exit code 1 where it refuses.
import { Parser, fromFile } from "@asyncapi/parser";

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
const found = {
  channels: document ? document.allChannels().all().map((channel) => channel.address()) : [],
  messages: document ? document.allMessages().all().map((message) => message.name()) : [],
  // 0 is an error, 1 a warning, 2 and 3 are hints.
  diagnostics: diagnostics.map(({ severity, code, path, message }) => ({ severity, code, path: path.join("."), message })),
};
console.log(JSON.stringify(found));
process.exitCode = document ? 0 : 1;
