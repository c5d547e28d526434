"""Downloads and the command line: the same that a client of the service gets."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.page.visiting import (
    MAPS,
    ROOM,
    answered,
    choose_budget,
    command_line,
    parsed_directly,
    visit,
)
from tests.support.photographs import encoded, picture

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="no curl: install it (apt-get install curl)"
)


def fetched(page: Page, file: str, folder: Path) -> tuple[str, bytes]:
    """Name and content of what the link saves."""
    with page.expect_download() as caught:
        page.locator(f"#downloads [data-file='{file}']").click()
    path = folder / caught.value.suggested_filename
    caught.value.save_as(path)
    return path.name, path.read_bytes()


def decoded(content: bytes) -> np.ndarray:
    """Pixels as stored."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_each_download_is_the_servers_file(shown: Page, server: httpx.Client, tmp_path: Path) -> None:
    page = shown
    maps = parsed_directly(server, ROOM.read_bytes())
    for name in ("semantics", "depth", "normals", "computed"):
        file, content = fetched(page, f"{name}.png", tmp_path)
        direct = server.post(
            "/parse",
            params={"budget": "0.5", "maps": name},
            content=ROOM.read_bytes(),
            headers={"Accept": "image/png"},
        )
        assert file == f"room-{name}.png"
        assert content == direct.content
    assert (decoded((tmp_path / "room-semantics.png").read_bytes()) == maps["semantics"]).all()
    _, overlay = fetched(page, "overlay.png", tmp_path)
    assert decoded(overlay).shape == (*maps["semantics"].shape, 3)


def test_all_maps_can_be_taken_in_one_file(shown: Page, server: httpx.Client, tmp_path: Path) -> None:
    page = shown
    _, archive = fetched(page, "maps.npz", tmp_path)
    maps = parsed_directly(server, ROOM.read_bytes())
    with np.load(io.BytesIO(archive)) as arrays:
        for name in MAPS.split(","):
            np.testing.assert_array_equal(arrays[name], maps[name])
    _, archive = fetched(page, "maps.zip", tmp_path)
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert set(files.namelist()) == {f"{name}.png" for name in MAPS.split(",")} | {"meta.json"}


def run(command: str, folder: Path, **environment: str) -> None:
    """What a person does who pastes the line into a shell."""
    subprocess.run(
        command,
        shell=True,
        cwd=folder,
        check=True,
        env=os.environ | environment,
        capture_output=True,
        timeout=60,
    )


@needs_curl
def test_the_copied_line_gives_the_same_maps(page: Page, server: httpx.Client, tmp_path: Path) -> None:
    visit(page, server)
    choose_budget(page, "0.35")
    page.locator("#copy-curl").click()
    expect(page.locator("#copy-curl")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == command_line(page)
    run(copied, tmp_path)
    maps = parsed_directly(server, ROOM.read_bytes(), budget="0.35")
    with np.load(tmp_path / "maps.npz") as arrays:
        for name in MAPS.split(","):
            np.testing.assert_array_equal(arrays[name], maps[name])


@needs_curl
def test_the_line_survives_any_name_and_uses_the_key_of_the_environment(
    page: Page, guarded: httpx.Client, tmp_path: Path
) -> None:
    name, content = 'it\'s $HOME; `photo` "1".png', encoded(picture(64, 96))
    page.goto(str(guarded.base_url))
    page.locator("#key").fill("secret")
    page.locator("#key").press("Enter")
    answered(page)
    page.locator("#file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
    expect(page.locator("#curl")).to_contain_text("photo")
    (tmp_path / name).write_bytes(content)
    run(command_line(page), tmp_path, PAG_KEY="secret")
    with np.load(tmp_path / "maps.npz") as arrays:
        assert arrays["depth"].shape == (64, 96)
