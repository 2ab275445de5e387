"""Prints the id and the hash of each market that is published on a server: markets.py [SERVER [SEED CA]]."""

import asyncio, json, ssl, sys

import nats

LIST = json.dumps({"multi_last": ["$KV.podfolio_markets.id.*"]}).encode()


async def main(server="nats://127.0.0.1:4222", seed=None, ca=None):
    user = {"nkeys_seed": seed, "tls": ca and ssl.create_default_context(cafile=ca), "tls_handshake_first": bool(ca)}
    nc = await nats.connect(server, inbox_prefix="_INBOX_observer", max_reconnect_attempts=3, **user)
    answers = await nc.subscribe(inbox := nc.new_inbox())
    await nc.publish("$JS.API.DIRECT.GET.KV_podfolio_markets", LIST, reply=inbox)
    # One message per market, then one with a status: 204 after the last, 404 if there is no market.
    while "Status" not in (answer := await answers.next_msg(timeout=5)).headers:
        print(answer.headers["Nats-Subject"].rpartition(".")[2], answer.data.decode())
    if answer.headers["Status"] not in {"204", "404"}:
        sys.exit(f"markets.py: the server says {answer.headers['Status']}: run podfolio setup once")
    await nc.close()


try:
    asyncio.run(main(*sys.argv[1:]))
except (OSError, ValueError, nats.errors.Error) as error:
    sys.exit(f"markets.py: {str(error) or type(error).__name__}")
