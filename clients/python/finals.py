"""Takes each final event once, with others that run this, and prints it, until Ctrl-C: finals.py [SERVER [SEED CA]]."""

import asyncio, json, ssl, sys
from contextlib import suppress

import nats
from nats.errors import TimeoutError as NoAnswer


async def main(server="nats://127.0.0.1:4222", seed=None, ca=None):
    async def show(error):
        print(f"finals.py: {error}", file=sys.stderr)

    user = {"nkeys_seed": seed, "tls": ca and ssl.create_default_context(cafile=ca), "tls_handshake_first": bool(ca)}
    nc = await nats.connect(server, inbox_prefix="_INBOX_observer", max_reconnect_attempts=-1, error_cb=show, **user)
    finals = await nc.jetstream().pull_subscribe_bind("finals", stream="PODFOLIO")
    me = asyncio.current_task()
    while not me.cancelling():  # Ctrl-C cancels once, and wait_for of Python 3.11 can lose that
        with suppress(
            NoAnswer
        ):  # no event yet, or a slow acknowledgement: the server hands out again what it does not know
            # The request waits at the server, which sends each event the moment it is stored.
            for message in await finals.fetch(100, timeout=30):
                try:
                    event = json.loads(message.data)
                    outcome = {1: event.get("reason") or f"{len(event['weights'])} ETFs"}[event["version"]]
                    print(event["request_id"], outcome, flush=True)  # here: keep the event, under its request_id
                except (ValueError, LookupError, TypeError, AttributeError) as error:
                    where = f"message {message.metadata.sequence.stream} of the stream"
                    await show(f"{where} cannot be read ({error!r}): tell an administrator")
                await message.ack_sync(timeout=30)  # only now: without this, the event comes again after 30 s


try:
    asyncio.run(main(*sys.argv[1:]))
except KeyboardInterrupt:
    pass
except (OSError, ValueError, nats.errors.Error) as error:
    sys.exit(f"finals.py: {str(error) or type(error).__name__}")
