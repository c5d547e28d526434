"""Evaluations on disk: NAME.json for readers, NAME.npz with each image's contributions beside it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_export.common.writing import replacing, write_text
from model_export.data.classes import NYU40
from model_export.evaluation import bootstrap
from model_export.evaluation.evaluate import Evaluation
from model_export.evaluation.points import Point
from model_export.evaluation.statistics import Statistics, figures_of
from model_export.measures.classes import iou_per_class

FORM = 1


@dataclass(frozen=True)
class Cost:
    """Multiply-adds at a point, and their share of the full network's at the images' full size."""

    multiply_adds: int
    share: float


def described(
    evaluation: Evaluation, costs: Mapping[Point, Cost], about: Mapping[str, Any]
) -> dict[str, Any]:
    """What NAME.json says: `about` it, then per point its cost, figures, intervals and IoU per class.

    A figure for which no pixel counts is null.
    """
    content = {
        "form": FORM,
        **about,
        "images": len(evaluation.images),
        "bootstrap": {
            "resamples": bootstrap.RESAMPLES,
            "seed": bootstrap.SEED,
            "coverage": bootstrap.COVERAGE,
        },
        "classes": list(about.get("classes", NYU40)),
        "points": [_point(evaluation.at(point), point, costs[point]) for point in evaluation.points],
    }
    rounded: dict[str, Any] = _rounded(content)
    return rounded


def _point(statistics: Statistics, point: Point, cost: Cost) -> dict[str, Any]:
    resamples = bootstrap.resampled_figures(statistics)
    confusion = statistics.sums.get("confusion")
    iou = {} if confusion is None else {"iou": iou_per_class(confusion.sum(0)).tolist()}
    return {
        "scale": point.scale,
        "budget": point.budget,
        "share": cost.share,
        "multiply_adds": cost.multiply_adds,
        "figures": figures_of(statistics),
        "intervals": {name: list(bootstrap.interval(values)) for name, values in resamples.items()},
        **iou,
    }


def save(folder: Path, name: str, evaluation: Evaluation, content: Mapping[str, Any]) -> Path:
    """Writes NAME.json (content: of `described`) and NAME.npz into the folder; returns the former's path.

    NAME.json is the moment at which both are new: until then NAME.npz waits under a name of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    _take_over_arrays(path)
    arrays = _packed(evaluation)
    digest = hashlib.sha256(arrays).hexdigest()
    with replacing(_waiting(path, digest)) as partial:
        partial.write_bytes(arrays)
    leaf = r"[\[{][^\[\]{}]*[\]}]"
    text = json.dumps({**content, "arrays_sha256": digest}, indent=1, allow_nan=False)
    write_text(path, re.sub(leaf, lambda found: " ".join(found[0].split()), text) + "\n")
    _take_over_arrays(path)
    return path


def _packed(evaluation: Evaluation) -> bytes:
    points = np.array([[point.scale, point.budget] for point in evaluation.points])
    arrays: dict[str, Any] = {"points": points, "images": np.array(evaluation.images)}
    arrays |= evaluation.statistics.sums
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _waiting(path: Path, digest: str) -> Path:
    return path.with_name(f".{path.stem}.{digest[:16]}.npz")


def _take_over_arrays(path: Path) -> None:
    """Renames to NAME.npz the arrays that NAME.json names, and removes those of writers that were killed."""
    if (arrays := arrays_of(path)) != path.with_suffix(".npz"):
        arrays.replace(path.with_suffix(".npz"))
    pattern = re.compile(rf"\.?\.{re.escape(path.stem)}\.[0-9a-f]{{16}}(\.[0-9a-f]{{8}}\.partial)?\.npz")
    for left in path.parent.iterdir():
        if pattern.fullmatch(left.name):
            left.unlink(missing_ok=True)


def load(path: Path) -> tuple[dict[str, Any], Evaluation]:
    """The content of NAME.json and the evaluation of NAME.npz beside it, from the former's path.

    Raises:
        FileNotFoundError: one of the two is absent; it is named.
        ValueError: the file has another form, or the two are not of one evaluation.
    """
    content = json.loads(_read(path))
    if content.get("form") != FORM:
        raise ValueError(f"{path} has form {content.get('form')}, this code reads {FORM}: evaluate again")
    packed = _read(arrays_of(path))
    if content.get("arrays_sha256") not in (None, hashlib.sha256(packed).hexdigest()):
        raise ValueError(f"{path} was written with another .npz: evaluate again")
    with np.load(io.BytesIO(packed)) as arrays:
        points = tuple(Point(*map(float, row)) for row in arrays["points"])
        sums = {name: arrays[name] for name in arrays.files if name not in ("points", "images")}
        evaluation = Evaluation(points, tuple(arrays["images"].tolist()), Statistics(sums))
    if [(each["scale"], each["budget"]) for each in content["points"]] != [
        (p.scale, p.budget) for p in points
    ]:
        raise ValueError(f"{path} and its .npz tell of other points: evaluate again")
    return content, evaluation


def arrays_of(path: Path) -> Path:
    """The file of the arrays of NAME.json, whose path is given: NAME.npz, unless its writer was killed."""
    waiting = _waiting(path, _digest_of_arrays(path))
    return waiting if waiting.is_file() else path.with_suffix(".npz")


def _digest_of_arrays(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes())["arrays_sha256"])
    except (OSError, ValueError, KeyError):
        return ""


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"no evaluation {path}: run python -m model_export evaluate --output")
    return path.read_bytes()


def _rounded(value: Any) -> Any:
    """Floats with six digits after the point, NaN as null; budgets and scales are kept as they are."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: v if k in {"scale", "budget"} else _rounded(v) for k, v in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
