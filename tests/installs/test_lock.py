"""requirements/ holds exact versions, with hashes, of what is installed; images and actions are pinned."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

FOLDER = Path("requirements")
PROJECT = tomllib.loads(Path("pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
# Files that are installed one after the other, and the extras that they serve.
INSTALLS = {
    ("serve", "cpu"): ("serve", "tracing", "video"),
    ("serve", "gpu"): ("serve-gpu", "tracing"),
    ("build", "serve", "cpu", "dev", "torch"): ("dev", "export"),
    ("build", "serve", "cpu", "dev", "torch", "bench"): ("bench",),
}
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\n]+)( ; [^\\\n]+)?"
    r"(?P<hashes>( \\\n    --hash=sha256:[0-9a-f]{64})*)$",
    re.M,
)
ABSENT = Version("0")


def pins(*names: str) -> dict[str, Version]:
    """Version of each package in files of requirements/."""
    return {pin["name"]: Version(pin["version"]) for name in names for pin in PIN.finditer(read(name))}


def read(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text()


def required(extra: str) -> Iterator[Requirement]:
    """What an extra asks for, those that it names itself included."""
    for requirement in map(Requirement, EXTRAS[extra]):
        if requirement.name == PROJECT["project"]["name"]:
            for named in requirement.extras:
                yield from required(named)
        else:
            yield requirement


@pytest.mark.parametrize("files", INSTALLS, ids="+".join)
def test_what_is_asked_for_is_locked(files: tuple[str, ...]) -> None:
    locked = pins(*files)
    asked = [*map(Requirement, PROJECT["project"]["dependencies"])]
    asked += [requirement for extra in INSTALLS[files] for requirement in required(extra)]
    outside = [
        str(requirement)
        for requirement in asked
        if locked.get(canonicalize_name(requirement.name), ABSENT) not in requirement.specifier
    ]
    assert not outside, "make lock"


def test_what_builds_the_package_is_locked() -> None:
    groups = PROJECT["dependency-groups"]["build"]
    assert set(PROJECT["build-system"]["requires"]) <= set(groups)
    locked = pins("build")
    assert all(locked[requirement.name] in requirement.specifier for requirement in map(Requirement, groups))


@pytest.mark.parametrize("files", INSTALLS, ids="+".join)
def test_no_package_is_locked_twice(files: tuple[str, ...]) -> None:
    names = [pin["name"] for name in files if name != "build" for pin in PIN.finditer(read(name))]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_each_line_is_a_version_with_its_hashes(path: Path) -> None:
    lines = PIN.sub(lambda pin: "" if pin["hashes"] or pin["name"] == "torch" else pin[0], path.read_text())
    assert re.fullmatch(r"(#.*\n|\n)*", lines)


def test_the_base_image_and_the_actions_are_pinned_by_digest() -> None:
    bases = re.findall(r"^(?:ARG BASE=|FROM (?!\$\{BASE\}))(\S+)", Path("Dockerfile").read_text(), re.M)
    actions = re.findall(r"uses: *(\S+)", Path(".github/workflows/ci.yml").read_text())
    assert bases and all(re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", base) for base in bases), bases
    assert actions and all(re.fullmatch(r"\S+@[0-9a-f]{40}", action) for action in actions), actions
