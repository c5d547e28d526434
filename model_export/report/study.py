"""The form of `study.json`, which lists the networks that a report compares.

Evaluations are files of `evaluation.stored`, times a file of `benchmarks.front_latency`, both below the
folder of results, where study.json itself lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from model_export.evaluation.points import Point

STUDY_NAME = "study.json"
CLOSE = 1e-4
"""Points written by hand may be rounded by so much."""

Kind = Literal[
    "budgeted", "gates", "dense", "truncated", "layer_skip", "identity_skip", "ratio", "multipool", "other"
]
"""budgeted: the network whose budget is chosen per request, as served, just one; gates: the same at scale 1;
dense: without gates, at several scales; ratio: one network per ratio; multipool: ways to mix dilations."""


class ReportError(Exception):
    """The results do not make a report; says what is missing or wrong."""


def _is_point(text: str) -> str:
    Point.parse(text)
    return text


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NetworkEntry(_Form):
    """One network, or some points of one, under a title.

    Attributes:
        name: unique.
        title: in tables; in legends for a kind that is a line, by its first network.
        kind: networks of a kind make one curve.
        evaluation: the JSON file.
        model: folder of the exported network, below that of models; if not given, the evaluation's stem.
        points: "scale:budget" of the evaluation that count; if not given, those of requested budgets, and
            where there are none, all.
        line: draw the kind's points as a line and compare the front with it.
        also: further kinds whose curve passes through these points.
    """

    name: str
    title: str
    kind: Kind
    evaluation: str
    model: str | None = None
    points: tuple[Annotated[str, AfterValidator(_is_point)], ...] | None = None
    line: bool = False
    also: tuple[Kind, ...] = ()

    def model_folder(self, models: Path) -> Path:
        """Where the exported network lies."""
        return models / (self.model or Path(self.evaluation).stem)

    def chosen(self, content: Mapping[str, Any]) -> list[int]:
        """Numbers of the points of an evaluation, the content of its JSON, that count.

        Raises:
            ReportError: it has no such point.
        """
        there = [Point(each["scale"], each["budget"]) for each in content["points"]]
        if self.points is None:
            requested = sorted({request["point"] for request in content.get("requests", [])})
            return requested or list(range(len(there)))
        return [self._number(Point.parse(text), there) for text in self.points]

    def _number(self, wanted: Point, there: list[Point]) -> int:
        for number, point in enumerate(there):
            if max(abs(point.scale - wanted.scale), abs(point.budget - wanted.budget)) < CLOSE:
                return number
        raise ReportError(f"{self.evaluation} has no point {wanted}, but {', '.join(map(str, there))}")


class Study(_Form):
    """study.json.

    Attributes:
        networks: in the order of tables and legends.
        latency: the JSON file of times.
        failures: a Markdown file, taken into the page as it is.
    """

    networks: tuple[NetworkEntry, ...]
    latency: str = "front_latency.json"
    failures: str | None = None

    @property
    def budgeted(self) -> NetworkEntry:
        """The one network of kind budgeted."""
        return self.of_kind("budgeted")[0]

    def of_kind(self, kind: Kind) -> list[NetworkEntry]:
        """The networks of a kind."""
        return [entry for entry in self.networks if entry.kind == kind]

    def lines(self) -> dict[Kind, str]:
        """Title of each kind drawn as a line, the budgeted network aside."""
        titles: dict[Kind, str] = {}
        for entry in self.networks:
            if entry.line and entry.kind != "budgeted":
                titles.setdefault(entry.kind, entry.title)
        return titles

    def evaluations(self) -> list[str]:
        """The JSON files, each once."""
        return list(dict.fromkeys(entry.evaluation for entry in self.networks))


def read_study(results: Path) -> Study:
    """study.json of the folder.

    Raises:
        ReportError: it is absent or malformed, or has other than one budgeted network.
    """
    path = results / STUDY_NAME
    try:
        study = Study.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ReportError(f"no {path}: it lists the networks of the report") from error
    except ValidationError as error:
        raise ReportError(f"{path}: {error}") from error
    names = [entry.name for entry in study.networks]
    if len(set(names)) != len(names) or len(study.of_kind("budgeted")) != 1:
        raise ReportError(f"{path}: names must be unique, and just one network be of kind budgeted")
    return study


def check_files(results: Path, names: list[str]) -> None:
    """Raises ReportError naming every absent one of these files of the folder."""
    missing = [name for name in names if not (results / name).is_file()]
    if missing:
        raise ReportError(f"{results} lacks {', '.join(missing)}, named in {STUDY_NAME}")


def read_content(results: Path, evaluation: str) -> dict[str, Any]:
    """The content of an evaluation's JSON."""
    content: dict[str, Any] = json.loads((results / evaluation).read_text(encoding="utf-8"))
    return content
