// Publishes the request in FILE, follows its progress, prints its portfolio: node request.js FILE [SERVER [SEED CA]]
import { readFileSync } from "node:fs";
import { jetstream } from "@nats-io/jetstream";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const [file, servers = "nats://127.0.0.1:4222", seed, caFile] = process.argv.slice(2);
let client;
try {
  const data = readFileSync(file), { request_id: id, deadline_s: seconds = 30 } = JSON.parse(data);
  const user = seed && { authenticator: nkeyAuthenticator(Buffer.from(readFileSync(seed, "utf8").trim())),
    inboxPrefix: "_INBOX_requester", tls: { caFile, handshakeFirst: true } };
  client = await connect({ servers, ...user });
  client.subscribe(`podfolio_progress.v1.${id}`, { callback: (error, told) => console.error(error?.message ?? told.string()) });
  await jetstream(client).publish(`podfolio.v1.request.${id}`, data);
  const query = JSON.stringify({ last_by_subj: `podfolio.v1.final.${id}` }), ends = Date.now() + (seconds + 15) * 1000;
  const ask = () => client.request("$JS.API.DIRECT.GET.PODFOLIO", query, { timeout: 5000 })
    .catch((error) => { if (error.name !== "TimeoutError") throw error; }); // a server that is slow to answer is asked again
  let final, at;
  while (!(at = (final = await ask())?.headers?.get("Nats-Sequence"))) {
    if (Date.now() > ends) throw new Error(`no final event for ${id} in time: is a coordinator running?`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  let event, good;
  try {
    event = final.json(), good = event.type === "MasterPortfolioOptimized";
    if (event.version !== 1) throw new Error(`version ${event.version}`);
    if (good ? typeof event.weights !== "object" : !(event.reason && event.message)) throw new Error("fields are missing");
  } catch (error) {
    process.exitCode = 3;
    throw new Error(`message ${at}, the final event, cannot be read (${error.message}): tell an administrator`);
  }
  if (!good) throw new Error(`${event.reason}: ${event.message}`);
  for (const [etf, weight] of Object.entries(event.weights)) console.log(etf, weight);
} catch (error) {
  console.error(`request.js: ${error.message}`);
  process.exitCode ||= 1;
} finally {
  await client?.close();
}
