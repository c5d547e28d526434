"""A release of uvicorn or websockets whose internals nobody here has read is refused with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from service.transport.versions import RELEASES, check_versions
from tests.support.servers import bare_environment


@pytest.fixture(params=sorted(RELEASES))
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Name of a library, and a folder that says that its version 99.1.2 is installed."""
    name: str = request.param
    metadata = tmp_path / "packages" / f"{name}-99.1.2.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.1.2\n")
    return name, metadata.parents[1]


def test_the_installed_releases_are_those_needed() -> None:
    check_versions()


@pytest.mark.process
def test_another_release_keeps_the_service_from_starting(foreign: tuple[str, Path], weights: Path) -> None:
    name, folder = foreign
    environment = bare_environment()
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
    environment["PAG_WEIGHTS"] = str(weights)
    ended = subprocess.run(
        [sys.executable, "-m", "service"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert f"cannot start: {name} 99.1.2 is installed" in ended.stderr
    assert f"pip install '{name}=={RELEASES[name]}.*'" in ended.stderr


def test_a_longer_number_is_another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RELEASES, "uvicorn", "0.5")
    with pytest.raises(RuntimeError, match=r"internals of 0\.5\.\*"):
        check_versions()


def test_the_package_asks_for_these_releases() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    asked = project["optional-dependencies"]["serve-without-runtime"]
    assert {f"{name}=={release}.*" for name, release in RELEASES.items()} <= set(asked)
