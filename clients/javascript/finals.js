// Takes each final event once, with all others that run this, and prints it, until Ctrl-C: node finals.js [SERVER [SEED CA]]
import { readFileSync } from "node:fs";
import { jetstream } from "@nats-io/jetstream";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const [servers = "nats://127.0.0.1:4222", seed, caFile] = process.argv.slice(2);
let client;
try {
  const user = seed && { authenticator: nkeyAuthenticator(Buffer.from(readFileSync(seed, "utf8").trim())),
    inboxPrefix: "_INBOX_observer", tls: { caFile, handshakeFirst: true } };
  client = await connect({ servers, maxReconnectAttempts: -1, ...user });
  const finals = await jetstream(client).consumers.get("PODFOLIO", "finals");
  // A request waits at the server, which sends each event the moment it is stored.
  const messages = await finals.consume({ max_messages: 100, expires: 30_000 });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => messages.close());
  for await (const message of messages) {
    try {
      const event = message.json();
      if (event.version !== 1) throw new Error(`version ${event.version}`);
      // Here: keep the event, under its request_id.
      console.log(event.request_id, event.reason ?? `${Object.keys(event.weights).length} ETFs`);
    } catch (error) {
      console.error(`finals.js: message ${message.seq} cannot be read (${error.message}): tell an administrator`);
    }
    // Only now, and without an answer go on: an event comes again that the server does not know acknowledged after 30 s.
    await message.ackAck({ timeout: 30_000 }).catch((error) => console.error(`finals.js: ${error.message}`));
  }
} catch (error) {
  console.error(`finals.js: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client?.close();
}
