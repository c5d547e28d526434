"""Every example of the guide and of the README runs, in the order in which a reader meets it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import blocks_of, run
from tests.service.conftest import _logs, serving

__all__ = ["_logs"]

REPOSITORY = Path(__file__).parents[2]
GUIDE = REPOSITORY / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
SAMPLE = REPOSITORY / "service" / "page" / "samples" / "room.jpg"
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
DOCUMENTS = [*PAGES, *(REPOSITORY / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reader's folder: a photograph, a folder of them, and the models."""
    shutil.copy(SAMPLE, tmp_path / "photo.jpg")
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for name in ("kitchen.jpg", "hall.jpg"):
        shutil.copy(SAMPLE, photographs / name)
    shutil.copytree(REPOSITORY / "weights", tmp_path / "weights")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """Host and port of a service over the reader's models."""
    with serving(weights=folder / "weights", reload_seconds=0.2, model="efficientnet_lite0-nyuv2") as client:
        yield f"{client.base_url.host}:{client.base_url.port}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_in_order(page: Path, folder: Path, server: str) -> None:
    for block in blocks_of(page):
        if block.run:
            done = run(block, folder, server)
            assert done.returncode == 0, (
                f"{page.name}:{block.line}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
            )


def test_the_examples_of_the_readme_run(folder: Path, server: str) -> None:
    for block in blocks_of(REPOSITORY / "README.md"):
        if block.run:
            done = run(block, folder, server)
            assert done.returncode == 0, f"README.md:{block.line}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_links_lead_to_files(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_most_examples_are_run() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page)]
    assert blocks
    assert sum(block.run for block in blocks) > len(blocks) / 2
