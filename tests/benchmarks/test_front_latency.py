"""Which points of which networks are timed, and what is written of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.front_latency import cases, result_of
from benchmarks.timing import Timings
from model_export.report.study import ReportError, read_study


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A study of two evaluations, the second under two names; models lie below models/."""
    gated = [{"scale": scale, "budget": budget} for scale in (1.0, 0.8) for budget in (1.0, 0.64)]
    (tmp_path / "gated.json").write_text(
        json.dumps({"points": gated, "requests": [{"budget": 1.0, "point": 0}, {"budget": 0.4, "point": 3}]})
    )
    (tmp_path / "dense.json").write_text(json.dumps({"points": [{"scale": 1.0, "budget": 1.0}]}))
    networks = [
        {"name": "a", "title": "A", "kind": "budgeted", "evaluation": "gated.json", "model": "mine"},
        {"name": "b", "title": "B", "kind": "dense", "evaluation": "dense.json", "line": True},
        {"name": "c", "title": "C", "kind": "multipool", "evaluation": "dense.json", "points": ["1:1"]},
    ]
    (tmp_path / "study.json").write_text(json.dumps({"networks": networks}))
    for name in ("mine", "dense"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.onnx").touch()
    return tmp_path


def test_every_chosen_point_is_timed_once(results: Path) -> None:
    chosen = cases(read_study(results), results, results / "models")
    assert [(case.folder.name, str(case.point)) for case in chosen] == [
        ("mine", "1:1"), ("mine", "0.8:0.64"), ("dense", "1:1"),
    ]  # fmt: skip


def test_times_are_written_with_their_quartiles_and_noise(results: Path) -> None:
    chosen = cases(read_study(results), results, results / "models")
    timings = Timings(
        {case.name: np.array([8.0, 10.0, 10.0, 11.0]) * (1 + n) for n, case in enumerate(chosen)}
    )
    written = json.loads(json.dumps(result_of(chosen, timings)))
    assert [row["milliseconds"]["median"] for row in written["points"]] == [10, 20, 30]
    assert written["points"][1] | {"milliseconds": 0} == {
        "evaluation": "gated.json", "scale": 0.8, "budget": 0.64, "milliseconds": 0,
    }  # fmt: skip
    assert written["noise"]["median_spread"] == pytest.approx(timings.spread(chosen[0].name), abs=1e-4)


def test_absent_evaluations_and_models_are_named(results: Path) -> None:
    (results / "models" / "dense" / "model.onnx").unlink()
    with pytest.raises(ReportError, match=r"dense.model\.onnx"):
        cases(read_study(results), results, results / "models")
    (results / "dense.json").unlink()
    with pytest.raises(ReportError, match=r"lacks dense\.json"):
        cases(read_study(results), results, results / "models")
