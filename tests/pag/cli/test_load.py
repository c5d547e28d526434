"""A batch loads its server by itself: what it asked for is what it gets, or it says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import run_pag, write_photo
from tests.support.servers import Serve
from tests.support.tiny_model import write_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def strained(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that lowers budgets as soon as anything waits."""
    weights = tmp_path_factory.mktemp("strained")
    write_model(weights, slow_nodes=20)
    with serve(weights=weights, brownout_wait_seconds=0.001, brownout_floor=0.3) as client:
        yield str(client.base_url)


def parse(server: str, tmp_path: Path, *words: str) -> tuple[list[float], str]:
    photos = [write_photo(tmp_path / "in" / f"{number}.jpg") for number in range(60)]
    ended = run_pag(
        "parse", *photos, "-o", tmp_path / "out", "--server", server, "--json", "--jobs", "16", *words
    )
    said = ended.stderr.decode()
    assert ended.returncode == 0, said
    return [json.loads(line)["budget"]["used"] for line in ended.stdout.splitlines()], said


def test_a_budget_that_is_asked_for_is_kept(strained: str, tmp_path: Path) -> None:
    used, said = parse(strained, tmp_path, "--budget", "0.8")
    assert set(used) == {0.8}
    assert "lowered" not in said


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_lowered_budget_is_said(strained: str, tmp_path: Path, quiet: list[str]) -> None:
    used, said = parse(strained, tmp_path, "--budget", "0.8", "--min-budget", "0.3", *quiet)
    lowered = sum(budget < 0.8 for budget in used)
    assert lowered > 0
    assert f"{lowered} lowered (brownout)" in said
