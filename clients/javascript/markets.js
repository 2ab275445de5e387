// Prints the id and the hash of each market that is published on a server: node markets.js [SERVER [SEED CA]]
import { readFileSync } from "node:fs";
import { connect, createInbox, nkeyAuthenticator } from "@nats-io/transport-node";

const [servers = "nats://127.0.0.1:4222", seed, caFile] = process.argv.slice(2);
const list = JSON.stringify({ multi_last: ["$KV.podfolio_markets.id.*"] });
let client;
try {
  const user = seed && { authenticator: nkeyAuthenticator(Buffer.from(readFileSync(seed, "utf8").trim())),
    tls: { caFile, handshakeFirst: true } };
  client = await connect({ servers, inboxPrefix: "_INBOX_observer", ...user });
  const reply = createInbox("_INBOX_observer"), answers = client.subscribe(reply, { timeout: 5000 });
  client.publish("$JS.API.DIRECT.GET.KV_podfolio_markets", list, { reply });
  // One message per market, then one with a status: 204 after the last, 404 if there is no market.
  for await (const answer of answers) {
    const code = answer.headers?.code;
    if (!code) console.log(answer.headers.get("Nats-Subject").split(".").pop(), answer.string());
    else if (![204, 404].includes(code)) throw new Error(`the server says ${code}: run podfolio setup once`);
    else break;
  }
} catch (error) {
  console.error(`markets.js: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client?.close();
}
