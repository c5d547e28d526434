"""A small study on disk: made evaluations of six images, made times, and the list of networks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.evaluation import stored
from model_export.evaluation.evaluate import Evaluation
from model_export.evaluation.points import Point
from model_export.evaluation.statistics import Statistics

IMAGES = tuple(f"{number:04}" for number in range(901, 907))
BUDGETS = (1.0, 0.86, 0.5)
ABOUT = {
    "split": "test",
    "protocol": "Made images.",
    "machine": "a machine",
    "runtime": "a runtime",
    "date": "2026-01-02T03:04:05+00:00",
}


def made_statistics(points: int, seed: int, images: int = len(IMAGES)) -> Statistics:
    """Random contributions, without any pixel of the last class."""
    rng = np.random.default_rng(seed)
    confusion = rng.poisson(2, (points, images, 40, 40)) + 90 * np.eye(40, dtype=np.int64)
    confusion[..., 39, :] = 0
    depth = np.sort(rng.integers(500, 1000, (points, images, 6)))[..., [5, 0, 1, 2, 3, 4]]
    angles = rng.poisson(3, (points, images, 360))
    normals = np.stack(
        [angles.sum(-1), angles.sum(-1) * 30, *[angles[..., :k].sum(-1) for k in (22, 45, 60)]], -1
    )
    sums = {"confusion": confusion.astype(np.int32), "angles": angles, "normals": normals.astype(float)}
    return Statistics(sums | dict.fromkeys(("depth", "depth_aligned"), depth.astype(float)))


def write_evaluation(folder: Path, name: str, points: dict[Point, float], seed: int, asked=()) -> None:
    """NAME.json and NAME.npz; points with their shares; asked: budgets, of the first points."""
    evaluation = Evaluation(tuple(points), IMAGES, made_statistics(len(points), seed))
    costs = {point: stored.Cost(round(4.98e9 * share), share) for point, share in points.items()}
    requests = [{"budget": budget, "point": number} for number, budget in enumerate(asked)]
    content = stored.described(evaluation, costs, ABOUT | {"name": name, "requests": requests})
    stored.save(folder, name, evaluation, content)


def entry(name: str, kind: str, evaluation: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "title": f"the {name}", "kind": kind, "evaluation": f"{evaluation}.json", **options}


NETWORKS = [
    entry("front", "budgeted", "gated", line=True),
    entry("small images", "dense", "dense", line=True),
    entry("short", "truncated", "short", line=True),
    entry("whole", "multipool", "dense", points=["1:1"], also=["truncated"]),
    entry("pag", "multipool", "short", points=["1:1"]),
    entry("ratio 0.5", "ratio", "ratio", points=["1:0.5"]),
]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results, to be left as it is; times are 20 ms times the share."""
    folder = tmp_path_factory.mktemp("made") / "quality"
    gated = {Point(1, 1): 1.0, Point(1, 0.86): 0.86, Point(0.8, 0.75): 0.48, Point(1, 0.7): 0.7}
    dense = {Point(1, 1): 0.98, Point(0.8, 1): 0.63, Point(0.5, 1): 0.25}
    short, ratio = {Point(1, 1): 0.6}, {Point(1, 0.5): 0.5}
    write_evaluation(folder, "gated", gated, 1, BUDGETS)
    write_evaluation(folder, "dense", dense, 2)
    write_evaluation(folder, "short", short, 3)
    write_evaluation(folder, "ratio", ratio, 4)
    files = {"gated": gated, "dense": dense, "short": short, "ratio": ratio}
    _write_times(folder / "front_latency.json", files)
    (folder / "failures.md").write_text("Mirrors are taken for windows.\n")
    study = {"networks": NETWORKS, "failures": "failures.md"}
    (folder / "study.json").write_text(json.dumps(study))
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """A copy of `made`."""
    return shutil.copytree(made, tmp_path / "quality")


def _write_times(path: Path, files: dict[str, dict[Point, float]]) -> None:
    rows = [
        {
            "evaluation": f"{name}.json",
            "scale": point.scale,
            "budget": point.budget,
            "milliseconds": {
                "lower_quartile": 19 * share,
                "median": 20 * share,
                "upper_quartile": 22 * share,
            },
        }
        for name, points in files.items()
        for point, share in points.items()
    ]
    about = {
        "machine": "a machine", "threads": 2, "precision": "bf16", "size": [480, 640], "commit": "abc",
        "date": "2026-01-02", "bystanders": 0.01, "noise": {"median_spread": 0.02}, "points": rows,
    }  # fmt: skip
    path.write_text(json.dumps(about))


@pytest.fixture
def change(results: Path) -> Callable[..., None]:
    """Changes keys of a JSON file of the results."""

    def replace(name: str, **values: Any) -> None:
        path = results / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return replace
