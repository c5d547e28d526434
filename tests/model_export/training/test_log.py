"""The log is JSON a line, survives a resumed run, and is drawn."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from model_export.training.log import TrainingLog, plot, read_log


def test_lines_are_appended_by_a_run_taken_up_again(tmp_path: Path) -> None:
    for step in (1, 2):
        TrainingLog(tmp_path / "run").write("step", step=step, values={"semantics": 0.5})
    path = tmp_path / "run" / "log.jsonl"
    assert [json.loads(line) for line in path.read_text().splitlines()] == read_log(path)
    assert [line["step"] for line in read_log(path)] == [1, 2]


def test_a_line_that_a_killed_run_did_not_finish_is_none(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path)
    log.write("step", step=1)
    with log.path.open("a") as file:
        file.write('{"kind": "st')
    assert [line["step"] for line in read_log(log.path)] == [1]
    TrainingLog(tmp_path).write("step", step=2)
    assert [line["step"] for line in read_log(log.path)] == [1, 2]


def test_the_plot_is_drawn_with_and_without_a_validation(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path)
    log.write("start", step=0)
    for step in range(1, 30):
        log.write("step", step=step, values={"semantics": 1 / step, "gated_gates": 0.0})
    with Image.open(plot(tmp_path)) as drawn:
        assert drawn.size == (1300, 500)
    log.write("validation", step=29, values={"miou40@1": 0.2})
    assert plot(tmp_path) == tmp_path / "progress.png"
