"""CPUs are counted by affinity and quota, of either version of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.engine.resources import resolve_resources, usable_cpus, warn_of_fewer_threads
from service.settings import Settings

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ALL),
        ({"cpu.max": "max 100000"}, ALL),
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "9900000 100000"}, ALL),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, ALL),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ],
)
def test_quotas(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert usable_cpus(tmp_path) == expected


def test_no_more_threads_than_cpus(capsys: pytest.CaptureFixture[str]) -> None:
    many = Settings(threads=1000, codec_threads=1000)
    found = resolve_resources(many)
    assert (found.threads, found.codec_threads) == (usable_cpus(), usable_cpus())
    warn_of_fewer_threads(many)
    said = capsys.readouterr().err
    assert "PAG_THREADS" in said and "PAG_CODEC_THREADS" in said
    warn_of_fewer_threads(Settings(threads=1))
    assert capsys.readouterr().err == ""
    assert resolve_resources(Settings(threads=1)).threads == 1
