"""``podfolio report``, as advisers and scripts use it."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
from lxml import html
from pptx import Presentation
from pypdf import PdfReader
from support.commands import beside, here
from support.programs import CHROMIUM
from support.reported import event, optimised
from support.requests_made import REFERENCE, body

from bus.language.messages import encode
from bus.topology.roles import COORDINATOR, OBSERVER, REQUESTER
from report.page.html import page

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import SecureSystem, Site

PATIENCE_S = 240.0


def kept(tmp_path: Path, name: str) -> Path:
    file = tmp_path / f"{name}.json"
    file.write_bytes(encode(event(name)))
    return file


async def run_in(folder: Path, code: str, *arguments: str) -> tuple[int, str]:
    """Run Python code in *folder*; returns its exit status and what it says of errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, cwd=folder, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


def test_a_saved_event_becomes_a_page_and_slides(tmp_path: Path) -> None:
    file, out, deck = kept(tmp_path, "existing-investor"), tmp_path / "out.html", tmp_path / "out.pptx"

    status, said, errors = here("report", str(file), "-o", str(out))
    slides, _, _ = here("report", str(file), "--deck", "-o", str(deck))

    assert (status, slides, errors) == (0, 0, "")
    assert f"the report is in {out}" in said
    text = out.read_text(encoding="utf-8")
    assert "Before this was written, the event was checked again: rules and figures hold: 11 ETFs" in text
    assert text.startswith("<!doctype html>")
    assert 11 <= len(Presentation(io.BytesIO(deck.read_bytes())).slides) <= 15


def test_a_saved_event_becomes_a_pdf_with_the_words_of_the_page(tmp_path: Path) -> None:
    CHROMIUM.path()
    file, out = kept(tmp_path, "existing-investor"), tmp_path / "out.PDF"

    status, said, errors = here("report", str(file), "-o", str(out))

    assert (status, errors) == (0, "")
    assert f"the report is in {out}" in said
    sheets = PdfReader(out).pages
    words = " ".join(" ".join(sheet.extract_text() for sheet in sheets).split())
    for heading in html.fromstring(page(event("existing-investor"))).iter("h1", "h2"):
        assert " ".join(heading.text_content().split()) in words
    assert f"{len(sheets)} of {len(sheets)}" in words


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (("-o", "out.doc"), "out.doc ends in .doc: end it in one of .html, .pdf, .pptx"),
        (("-o", "out"), "out has no suffix: end it in one of .html, .pdf, .pptx"),
        (("--deck", "-o", "out.pdf"), "--deck writes slides, and out.pdf ends in .pdf: end it in .pptx"),
    ],
)
def test_a_name_that_says_no_format_is_refused_before_anything_is_read(arguments: tuple[str, ...], mend: str) -> None:
    status, _, errors = here("report", "no-such-request", "--server", "nats://127.0.0.1:1", *arguments)

    assert status == 2
    assert mend in " ".join(errors.split())


def test_without_a_browser_a_pdf_is_refused_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, out = kept(tmp_path, "conflict"), tmp_path / "out.pdf"
    monkeypatch.setenv("PATH", "nowhere")

    status, _, errors = here("report", str(file), "-o", str(out))

    assert status == 1
    assert "neither Chromium, Chrome nor Edge is on the PATH: install one (on Debian, apt-get install" in errors
    assert not out.exists()


def test_a_browser_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, broken = kept(tmp_path, "conflict"), tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho No usable sandbox >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    status, _, errors = here("report", str(file), "-o", str(tmp_path / "out.pdf"))

    assert status == 1
    assert f"{broken} wrote no PDF: No usable sandbox; write a page (.html), and print that" in errors


async def test_without_a_name_it_goes_by_the_request_and_with_a_dash_to_standard_output(
    tmp_path: Path,
) -> None:
    file = kept(tmp_path, "conflict")

    status, _ = await run_in(tmp_path, "from cli.__main__ import main; main()", "report", str(file))
    _, shown, _ = here("report", str(file), "-o", "-")

    assert status == 0, "a report of a failure is a report"
    assert (tmp_path / "test.html").read_text(encoding="utf-8") == shown
    assert "There is no portfolio" in shown


def test_an_event_that_does_not_hold_gets_no_report(tmp_path: Path) -> None:
    forged = json.loads(encode(optimised("existing-investor")))
    forged["trading"]["gains"]["tax_aud"] = 12.34
    file, out = tmp_path / "forged.json", tmp_path / "out.html"
    file.write_text(json.dumps(forged), encoding="utf-8")

    status, _, errors = here("report", str(file), "-o", str(out))

    assert status == 1
    assert "no report is written of an event that does not hold" in errors
    assert "podfolio verify" in errors
    assert not out.exists()


def test_what_is_neither_a_file_nor_an_id_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    for event_name in (str(tmp_path / "missing.json"), "missing.json", "no id"):
        status, _, errors = here("report", event_name, "--server", "nats://127.0.0.1:1")

        assert status == 2
        assert "give a final event's file, or the id of a request" in " ".join(errors.split())


async def test_the_final_event_of_a_request_is_read_from_the_server(shared: Site, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    command = ("report", "reported", "--server", shared.url, "-o", str(out))
    early, _, errors = await beside(*command)
    await beside("request", str(REFERENCE), "--request-id", "reported", "--server", shared.url)

    status, _, _ = await beside(*command)

    assert early == 1
    assert "the server has no request reported" in errors
    assert status == 0
    text = out.read_text(encoding="utf-8")
    assert page(await shared.final("reported")).split("</main>")[0].count("<table") == text.count("<table")
    assert "reference-customer" in text


async def test_an_observer_has_the_signature_checked_too(secure: SecureSystem, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(body("observed")), encoding="utf-8")
    await secure.request("observed", *secure.as_role(REQUESTER), file=request)
    reader = ("report", "observed", "--server", secure.url, *secure.as_role(OBSERVER), "-o", "-")
    key = secure.keys.public(COORDINATOR).read_text(encoding="ascii").strip()

    status, checked, errors = await beside(*reader, "--key", str(secure.keys.public(COORDINATOR)))
    _, unchecked, _ = await beside(*reader)
    other, nothing, refused = await beside(*reader, "--key", str(secure.keys.public(REQUESTER)))
    secret, _, warned = await beside(*reader, "--key", str(secure.keys.seed(COORDINATOR)))

    assert (status, errors) == (0, "")
    assert f"The event is signed with the key {key}" in checked
    assert f"is that of the given key, {key}." in checked
    assert "The owner of the key was not checked." in unchecked
    assert (other, nothing) == (1, "")
    assert "not by the key given" in refused
    assert secret == 2
    assert "holds a secret" in warned


async def test_a_library_that_is_missing_is_named_with_what_to_install(tmp_path: Path) -> None:
    file = kept(tmp_path, "conflict")
    code = "import sys; sys.modules['jinja2'] = None; from cli.__main__ import main; main()"

    status, errors = await run_in(tmp_path, code, "report", str(file))

    assert status == 1
    assert "reports need jinja2, which is not installed: run `make setup` in the checkout" in errors
    assert "Traceback" not in errors
