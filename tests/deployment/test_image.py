"""The images have every package of the product, and what each needs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from support.packages import PACKAGES
from support.requests_made import ROOT

from cli.arguments import EXTRAS

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = ROOT / "deploy" / "image"

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_each_package_goes_in() -> None:
    packages = {name.removesuffix("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    let_in = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    (build, *_) = DOCKERFILE.split("\nFROM ", 2)[1:]

    assert packages == set(re.findall(r"^COPY (\w+) \1$", build, re.MULTILINE))
    assert packages <= let_in


def test_what_is_made_unless_somebody_says_otherwise_is_the_agents() -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", DOCKERFILE, re.MULTILINE)

    assert [name for _, name in stages] == ["build", "replica", "people", ""]
    assert stages[-1][0] == "${WITH}"
    assert re.findall(r"^ARG WITH=(.*)$", DOCKERFILE.partition("\nFROM ")[0], re.MULTILINE) == ["replica"]
    assert {image for image, _ in stages[:2]} == {"${PYTHON_IMAGE}"}, "so that one argument pins both by digest"


def test_the_argument_that_messages_and_documents_name_is_a_stage_of_the_image() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE))
    texts = [EXTRAS, *(file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "running.md", ROOT / "README.md"))]
    named = [name for text in texts for name in re.findall(r"WITH=(\w+)", text)]

    assert len(named) > 1
    assert set(named) <= stages


def test_the_image_for_people_has_every_extra_whose_absence_a_command_tells() -> None:
    known = PROJECT["project"]["optional-dependencies"]
    files = [(IMAGE / f"{name}.txt").read_text(encoding="utf-8") for name in ("replica", "people")]
    there = set(re.findall(r"^(\S+)==", "\n".join(files), re.MULTILINE))
    needed = {name for extra in known.keys() - {"dev", "fuzz"} for name in known[extra] if "[" not in name}

    assert {"pyarrow", "jinja2", "starlette", "scikit-learn"} <= needed
    assert needed <= there


def test_nothing_tells_people_to_install_a_package_that_is_not_published() -> None:
    # The catalogue of messages is made from the code.
    pages = (page for page in ROOT.glob("docs/*.md") if page.name != "messages.md")
    files = [*ROOT.glob("*.md"), *pages, ROOT / "Makefile", ROOT / "Dockerfile"]
    for room in (*PACKAGES, "clients"):
        files += [file for file in (ROOT / room).rglob("*.*") if file.suffix in {".py", ".js", ".html"}]
    wrong = re.compile(r"pip install [^\n]*\bpodfolio\b")

    assert [
        f"{file}: {line}"
        for file in files
        if "node_modules" not in file.parts
        for line in file.read_text(encoding="utf-8").splitlines()
        if wrong.search(line)
    ] == []


def test_pip_takes_nothing_without_a_hash_but_our_own_wheel() -> None:
    commands = [
        part for run in re.findall(r"^RUN (.*(?:\\\n.*)*)", DOCKERFILE, re.MULTILINE) for part in run.split("&&")
    ]
    installing = [command.strip() for command in commands if "pip install" in command or "pip wheel" in command]

    assert installing
    for command in installing:
        ours = "--no-deps" in command and ("/packages/*.whl" in command or "--wheel-dir /wheels ." in command)
        assert ours or {"--require-hashes", "--no-deps"} <= set(command.split()), command
        assert "--no-build-isolation" in command or ".whl" in command or not re.search(r"replica.txt| \.$", command)


def checked() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(IMAGE / "hashes.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def test_the_hashes_go_with_the_pinned_versions() -> None:
    done = checked()

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("numpy==", "numpy==9.", "numpy 9."),
        ("numpy==", "nampy==", "has numpy None"),
        ("--hash=sha256:", "--hash=md5:", "more than names, versions and sha256 hashes"),
        ("numpy==", "--index-url https://example.org\nnumpy==", "more than names"),
    ],
)
def test_hashes_of_something_else_are_noticed(tmp_path: Path, old: str, new: str, said: str) -> None:
    spec = importlib.util.spec_from_file_location("hashes", IMAGE / "hashes.py")
    assert spec is not None
    assert spec.loader is not None
    hashes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hashes)
    spoilt = tmp_path / "replica.txt"
    spoilt.write_text((IMAGE / "replica.txt").read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")

    found = list(hashes.faults(spoilt, hashes.closures()["replica"]))

    assert any(said in fault for fault in found), found
