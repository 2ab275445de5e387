"""The images have every package of the product, and what each needs."""

from __future__ import annotations

import re
import tomllib

from support.requests_made import ROOT

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
    extras = set(PROJECT["project"]["optional-dependencies"])
    (named,) = re.findall(r"for extra in \(([^)]*)\)", DOCKERFILE)

    assert [name for _, name in stages] == ["build", "replica", "people", ""]
    assert stages[-1][0] == "replica"
    assert set(re.findall(r"'(\w+)'", named)) == extras - {"otel", "dev", "fuzz"}
