"""`evaluate` from the command line, of a made model folder on a made split."""

from __future__ import annotations

import argparse
import json
import shutil

import numpy as np
import pytest

from model_export.commands import evaluate
from model_export.data.sample import Sample
from model_export.evaluation import stored, truth
from model_export.evaluation.points import Point
from service.model_folder.files import load_manifest


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Three images of noise with targets of noise."""
    rng = np.random.default_rng(3)
    return [
        Sample(
            image=rng.integers(0, 256, (64, 96, 3), np.uint8),
            labels=rng.integers(0, 40, (64, 96), np.uint8),
            depth=rng.uniform(1, 3, (64, 96)).astype(np.float32),
            depth_metric=True,
            normals=np.full((64, 96, 3), 3**-0.5, np.float32),
        )
        for _ in range(3)
    ]


def run(monkeypatch, samples, *words: object) -> None:
    monkeypatch.setattr(truth, "open_split", lambda _: samples)
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    given = [str(word) for word in words]
    monkeypatch.setattr("sys.argv", ["model_export", "evaluate", *given])
    evaluate.run(parser.parse_args(given))


@pytest.fixture
def folder(exported, tmp_path, native):
    copy = tmp_path / "efficientnet_lite0"
    shutil.copytree(exported("efficientnet_lite0").folder, copy)
    return copy


def test_budgets_go_into_the_folder_and_points_beside_them_into_the_output(
    folder, samples, monkeypatch, tmp_path
) -> None:
    words = ("--model", folder, "--split", "test", "--budgets", 1, 0.7, "--points", "0.7:1", "1:1")
    run(monkeypatch, samples, *words, "--output", tmp_path / "quality", "--name", "made")
    content, evaluation = stored.load(tmp_path / "quality" / "made.json")
    assert evaluation.points == (Point(1, 1), Point(1, 0.7), Point(0.7, 1))
    assert content["requests"] == [{"budget": 1.0, "point": 0}, {"budget": 0.7, "point": 1}]
    assert [point["share"] for point in content["points"]] == pytest.approx([1, 0.7, 0.4907], abs=0.03)
    assert str(tmp_path) not in json.dumps(content), "no folder of this machine"
    manifest = load_manifest(folder)
    assert content["sha256"] == manifest.files["model.onnx"].sha256
    rows = manifest.metrics.splits["test"]
    assert [row.budget for row in rows] == [0.7, 1.0]
    first = content["points"][0]
    assert rows[1].figure("miou40") == pytest.approx(first["figures"]["miou40"], abs=1e-5)
    assert rows[1].figure("miou40_low") == pytest.approx(first["intervals"]["miou40"][0], abs=1e-5)
    low, high = (f"{value:.3f}" for value in first["intervals"]["miou40"])
    assert f"{first['figures']['miou40']:.3f} [{low}, {high}]" in (folder / "card.md").read_text()


def test_points_alone_leave_the_folder_as_it_is(folder, samples, monkeypatch) -> None:
    before = (folder / "manifest.json").read_bytes()
    run(monkeypatch, samples, "--model", folder, "--points", "0.5:1")
    assert (folder / "manifest.json").read_bytes() == before


def test_a_budget_goes_to_the_scale_at_which_the_manifest_serves_it(folder, samples, monkeypatch) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    content["budget"]["floor"] = 0.3
    content["budget"]["scales"] = [{"budget": 0.3, "scale": 0.6}, {"budget": 0.9, "scale": 1.0}]
    path.write_text(json.dumps(content))
    run(monkeypatch, samples, "--model", folder, "--split", "val", "--budgets", 0.3, 1)
    rows = load_manifest(folder).metrics.splits["val"]
    assert [row.budget for row in rows] == [0.3, 1.0]
    assert rows[0].share <= 0.3 + 1e-4


def test_torch_and_the_exported_file_agree(exported, folder, samples, monkeypatch, tmp_path) -> None:
    checkpoint = exported("efficientnet_lite0").checkpoint
    common = ("--points", "1:1", "0.6:1", "--output", tmp_path, "--name")
    run(monkeypatch, samples, "--checkpoint", checkpoint, *common, "torch")
    run(monkeypatch, samples, "--model", folder, *common, "onnx")
    torch, onnx = (stored.load(tmp_path / f"{name}.json")[0]["points"] for name in ("torch", "onnx"))
    for a, b in zip(torch, onnx, strict=True):
        assert a["share"] == pytest.approx(b["share"], abs=1e-4)
        assert a["figures"] == pytest.approx(b["figures"], abs=2e-3, rel=2e-3)
