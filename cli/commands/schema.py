"""``podfolio schema``."""

from __future__ import annotations

from pathlib import Path

import click

from cli.help import Command


@click.command(cls=Command, examples=("podfolio schema --out docs",))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("docs"), show_default=True)
def schema(out: Path) -> None:
    """Write JSON Schemas, AsyncAPI and a page of all messages."""
    from cli.wire_documents.files import wire_files

    for name, text in wire_files().items():
        file = out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        click.echo(f"wrote {file}")
