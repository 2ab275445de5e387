"""Publishes the request in FILE, follows its progress, prints its portfolio: request.py FILE [SERVER [SEED CA]]."""

import asyncio, contextlib, json, ssl, sys
from pathlib import Path

import nats


async def main(file, server="nats://127.0.0.1:4222", seed=None, ca=None):
    async def show(told):  # a message of the progress, or an error
        print(told.data.decode() if hasattr(told, "data") else f"request.py: {told}", file=sys.stderr)

    request = json.loads(data := Path(file).read_bytes())
    user = {"nkeys_seed": seed, "tls": ca and ssl.create_default_context(cafile=ca), "tls_handshake_first": bool(ca)}
    nc = await nats.connect(server, inbox_prefix="_INBOX_requester", max_reconnect_attempts=3, error_cb=show, **user)
    async with asyncio.timeout(request.get("deadline_s", 30) + 15):
        await nc.subscribe(f"podfolio_progress.v1.{request['request_id']}", cb=show)
        await nc.jetstream().publish(f"podfolio.v1.request.{request['request_id']}", data)
        query = json.dumps({"last_by_subj": f"podfolio.v1.final.{request['request_id']}"}).encode()
        final = None
        while not final or "Nats-Sequence" not in final.headers:
            await asyncio.sleep(0.1)
            with contextlib.suppress(nats.errors.TimeoutError):  # a server that is slow to answer is asked again
                final = await nc.request("$JS.API.DIRECT.GET.PODFOLIO", query, 5)
    try:
        event = json.loads(final.data)
        good = {1: event["type"] == "MasterPortfolioOptimized"}[event["version"]]
        told = event["weights"].items() if good else f"{event['reason']}: {event['message']}"
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        where = f"message {final.headers['Nats-Sequence']}, the final event"
        sys.stderr.write(f"request.py: {where}, cannot be read ({error!r}): tell an administrator\n")
        sys.exit(3)
    print(*(f"{etf} {weight}" for etf, weight in told), sep="\n") if good else sys.exit(f"request.py: {told}")


try:
    asyncio.run(main(*sys.argv[1:]))
except (OSError, ValueError, LookupError, TypeError, nats.errors.Error) as error:
    sys.exit(f"request.py: {str(error) or type(error).__name__}")
