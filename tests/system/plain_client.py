"""Publish a request and wait for its final event with plain nats-py: nothing of this project.

``python plain_client.py nats://127.0.0.1:4222 request.json`` prints the final event.
"""

import asyncio
import json
import sys
from pathlib import Path

import nats


async def main(server: str, file: str) -> None:
    data = Path(file).read_bytes()
    request_id = json.loads(data)["request_id"]
    client = await nats.connect(server)
    stream = client.jetstream()
    await stream.publish(f"podfolio.v1.request.{request_id}", data)
    finals = await stream.pull_subscribe(f"podfolio.v1.final.{request_id}", stream="PODFOLIO")
    message = (await finals.fetch(1, timeout=60))[0]
    sys.stdout.write(message.data.decode())
    await client.close()


asyncio.run(main(sys.argv[1], sys.argv[2]))
