"""``podfolio schema``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("docs/schemas"), show_default=True
)
def schema(out: Path) -> None:
    """Write the JSON Schema of every message, one file each."""
    from bus.messages import BODIES

    out.mkdir(parents=True, exist_ok=True)
    for name, body in BODIES.items():
        file = out / f"{name}.json"
        file.write_text(json.dumps(body.model_json_schema(), indent=2) + "\n", encoding="utf-8")
        click.echo(f"wrote {file}")
