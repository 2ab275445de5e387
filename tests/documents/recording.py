"""Make ``clients/recorded/stream.jsonl``: the messages of a real system that answers three requests.

``PYTHONPATH=tests python -m documents.recording`` writes the file anew; ``make recording`` does so.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import aclosing
from pathlib import Path

from support.processes import site_with_all
from support.requests_made import ROOT, body

from bus.language import subjects
from bus.language.subjects import MessageKind
from bus.transports.jetstream import Connection, connect
from cli.client import recording

FILE = ROOT / "clients" / "recorded" / "stream.jsonl"
# A portfolio from cash, orders of an account, and a request that no portfolio answers.
_EXAMPLES = ("reference-customer", "existing-investor")
_REQUESTS = [json.loads((ROOT / "examples" / f"{name}.json").read_text(encoding="utf-8")) for name in _EXAMPLES]
REQUESTS = [*_REQUESTS, body("rules-conflict", rules={"max_etfs": 4})]


async def record() -> str:
    """Have a system of real processes answer the requests, one after the other; return the lines."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        async with (
            site_with_all(Path(folder)) as site,
            connect(Connection(servers=site.url)) as bus,
            aclosing(bus.follow(everything=True)) as messages,
        ):
            for request in REQUESTS:
                name = request["request_id"]
                data = json.dumps(request).encode()
                await bus.publish_once(subjects.request(name), data, message_id=name, headers={"ce-id": name})
                async for message in messages:
                    lines.append(recording.line(message))
                    if subjects.parse(message.subject).kind is MessageKind.FINAL:
                        break
    return "".join(lines)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(asyncio.run(record()), encoding="utf-8")
