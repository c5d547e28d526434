"""Every example of the guide and of the README runs, in the order in which a reader meets it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest

from tests.support.code_blocks import blocks_of, run
from tests.support.servers import running_server

REPOSITORY = Path(__file__).parents[2]
GUIDE = REPOSITORY / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
# It changes the models that are served, so it has a server of its own.
BRINGING = GUIDE / "own_network.md"
README = REPOSITORY / "README.md"
# As a reader meets them.
FIRST = [README, GUIDE / "quick_start.md", GUIDE / "command_line.md"]
ASKING = [*FIRST, *(page for page in PAGES if page not in (*FIRST, BRINGING) and blocks_of(page))]
SAMPLE = REPOSITORY / "service" / "page" / "samples" / "room.jpg"
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
PATTERNS = ("*.md", "docs/**/*.md", "weights/**/*.md", "benchmarks/*.md")
DOCUMENTS = sorted(page for pattern in PATTERNS for page in REPOSITORY.glob(pattern))
# The changelog names files of former days too.
OF_TODAY = [page for page in DOCUMENTS if page.name != "CHANGELOG.md"]
NAMED = re.compile(r"`((?:service|model_export|pag|native|tests|benchmarks|scripts|docker)/[\w/.]+)`")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder, the same for all pages: a photograph, a folder of them, and the models."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copy(SAMPLE, folder / "photo.jpg")
    photographs = folder / "photographs"
    photographs.mkdir()
    for name in ("kitchen.jpg", "hall.jpg"):
        shutil.copy(SAMPLE, photographs / name)
    shutil.copytree(REPOSITORY / "weights", folder / "weights")
    return folder


@pytest.fixture(scope="module")
def server(shipped_server: httpx.Client) -> str:
    """Host and port of a service over the shipped model."""
    return address(shipped_server)


def address(client: httpx.Client) -> str:
    """Host and port of a client's server."""
    return f"{client.base_url.host}:{client.base_url.port}"


def check_examples(page: Path, folder: Path, server: str) -> None:
    """Run the examples of a page in order; the first that fails ends it."""
    for block in blocks_of(page):
        if block.run:
            done = run(block, folder, server)
            said = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
            assert done.returncode == 0, f"{page.name}:{block.line}\n{said}"


@pytest.mark.process
@pytest.mark.parametrize("page", ASKING, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_in_order(page: Path, folder: Path, server: str) -> None:
    check_examples(page, folder, server)


@pytest.mark.process
def test_a_reader_brings_a_network_of_their_own(folder: Path) -> None:
    knobs = {"weights": folder / "weights", "model": "efficientnet_lite0-nyuv2", "reload_seconds": 0.2}
    with running_server(**knobs) as client:
        check_examples(BRINGING, folder, address(client))


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", OF_TODAY, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_that_are_named_exist(page: Path) -> None:
    names = NAMED.findall(page.read_text(encoding="utf-8"))
    assert [name for name in names if not (REPOSITORY / name).exists()] == []


def test_the_readme_is_read_in_one_go() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").split()) <= 900


def test_most_examples_are_run() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page)]
    assert blocks
    assert sum(block.run for block in blocks) > len(blocks) / 2
