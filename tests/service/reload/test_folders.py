"""Folders that come, go, take each other's name, or are links: what serves afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.publishing import cut_off, publish, reloading_process, reloads, versions
from tests.support.servers import running_server, until

pytestmark = pytest.mark.slow

LOOKS = 0.5
"""Time for several looks, after which what did not happen will not."""


def default(client: httpx.Client) -> list[str]:
    return [each["name"] for each in client.get("/models").json()["models"] if each["default"]]


def stays(happened: Callable[[], bool]) -> None:
    time.sleep(LOOKS)
    assert happened()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """A service over the folder `tiny`."""
    publish(tmp_path / "tiny", "1.0.0")
    with running_server(weights=tmp_path, reload_seconds=0.05) as client:
        yield client


def test_models_are_added_and_removed(client: httpx.Client, tmp_path: Path) -> None:
    publish(tmp_path / "other", "2.0.0")
    until(lambda: versions(client) == {"tiny": "1.0.0", "other": "2.0.0"})
    assert default(client) == ["tiny"], "who named no model is answered as before"
    (tmp_path / "other").rename(tmp_path / ".other")
    until(lambda: versions(client) == {"tiny": "1.0.0"})
    assert (reloads(client, "loaded"), reloads(client, "removed")) == (1, 1)
    (tmp_path / ".other").rename(tmp_path / "other")
    until(lambda: versions(client) == {"tiny": "1.0.0", "other": "2.0.0"})


@pytest.mark.parametrize("others", [(), ("other",)])
def test_the_default_model_stays(client: httpx.Client, tmp_path: Path, others: tuple[str, ...]) -> None:
    for name in others:
        publish(tmp_path / name, "1.0.0")
    until(lambda: set(versions(client)) == {"tiny", *others})
    shutil.rmtree(tmp_path / "tiny")
    stays(lambda: set(versions(client)) == {"tiny", *others})
    publish(tmp_path / "tiny", "1.0.1")
    until(lambda: versions(client)["tiny"] == "1.0.1")


def test_without_a_default_the_last_one_becomes_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        publish(tmp_path / name, "1.0.0")
    with running_server(weights=tmp_path, reload_seconds=0.05) as client:
        assert default(client) == []
        shutil.rmtree(tmp_path / "b")
        until(lambda: default(client) == ["a"])


def test_what_is_equal_is_not_loaded_again(client: httpx.Client, tmp_path: Path) -> None:
    publish(tmp_path / "tiny", "1.0.0")
    (tmp_path / "tiny" / "card.md").write_text("# Tiny\n")
    stays(lambda: reloads(client, "loaded") == reloads(client, "refused") == 0)


def test_a_renamed_folder_serves_on(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "tiny").rename(tmp_path / "renamed")
    stays(lambda: versions(client) == {"tiny": "1.0.0"})
    publish(tmp_path / "renamed", "1.0.1", name="tiny")
    until(lambda: versions(client) == {"tiny": "1.0.1"})


def test_a_folder_may_change_the_name_of_its_model(client: httpx.Client, tmp_path: Path) -> None:
    publish(tmp_path / "other", "1.0.0", name="first")
    until(lambda: set(versions(client)) == {"tiny", "first"})
    publish(tmp_path / "other", "1.0.0", name="second")
    until(lambda: set(versions(client)) == {"tiny", "second"})


def test_a_namesake_is_refused_until_its_name_is_free(client: httpx.Client, tmp_path: Path) -> None:
    publish(tmp_path / "twin", "3.0.0", name="tiny")
    until(lambda: reloads(client, "refused") == 1)
    stays(lambda: versions(client) == {"tiny": "1.0.0"} and reloads(client, "refused") == 1)
    shutil.rmtree(tmp_path / "tiny")
    until(lambda: versions(client) == {"tiny": "3.0.0"})


def test_a_broken_one_is_refused_once_and_then_mended(client: httpx.Client, tmp_path: Path) -> None:
    publish(tmp_path / "tiny", "1.0.1", damage=cut_off)
    until(lambda: reloads(client, "refused") == 1)
    stays(lambda: reloads(client, "refused") == 1 and versions(client) == {"tiny": "1.0.0"})
    publish(tmp_path / "tiny", "1.0.1")
    until(lambda: versions(client) == {"tiny": "1.0.1"})


def test_a_folder_that_is_lost_as_a_whole_changes_nothing(client: httpx.Client, tmp_path: Path) -> None:
    publish(tmp_path / "other", "1.0.0")
    until(lambda: len(versions(client)) == 2)
    hidden = tmp_path.with_name(f"{tmp_path.name}-unmounted")
    tmp_path.rename(hidden)
    try:
        stays(lambda: len(versions(client)) == 2)
    finally:
        hidden.rename(tmp_path)
    publish(tmp_path / "tiny", "1.0.1")
    until(lambda: versions(client) == {"tiny": "1.0.1", "other": "1.0.0"})


def test_links_are_followed_as_kubernetes_exchanges_them(tmp_path: Path) -> None:
    mount = tmp_path / "weights" / "tiny"
    for number in (0, 1):
        publish(mount / f"..{number}", f"1.0.{number}", name="tiny")
        for path in (mount / f"..{number}").iterdir():
            # Equal in all but their content: only where the link leads tells them apart.
            os.utime(path, (0, 0))
    (mount / "..data").symlink_to("..0")
    for name in ("model.onnx", "manifest.json"):
        (mount / name).symlink_to(f"..data/{name}")
    with running_server(weights=tmp_path / "weights", reload_seconds=0.05) as client:
        assert versions(client) == {"tiny": "1.0.0"}
        (mount / "..data_tmp").symlink_to("..1")
        (mount / "..data_tmp").replace(mount / "..data")
        until(lambda: versions(client) == {"tiny": "1.0.1"})
    assert (mount / "manifest.json").is_symlink()


@pytest.mark.process
def test_a_signal_asks_for_a_look_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "weights" / "tiny"
    publish(folder, "1.0.0")
    with reloading_process(folder.parent, PAG_RELOAD_SECONDS="0") as process:
        publish(folder, "1.0.1")
        stays(lambda: versions(process.client) == {"tiny": "1.0.0"})
        process.send(signal.SIGHUP)
        process.until(lambda: versions(process.client) == {"tiny": "1.0.1"})
