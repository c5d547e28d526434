"""What a server says of its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pag.client.answers import read_classes
from pag.client.errors import BadAnswer
from pag.client.parsing import ClassEntry


@dataclass(frozen=True, repr=False)
class Model:
    """One loaded model: its maps and classes, its knob, and what each budget buys."""

    name: str
    version: str
    description: str
    #: Whether it answers when a request names no model.
    default: bool
    #: All that `tasks` may name.
    maps: tuple[str, ...]
    classes: tuple[ClassEntry, ...]
    #: Least budget that is served.
    budget_floor: float
    budget_default: float
    #: Measured accuracy by split of the data: one row per budget, with its share of multiply-adds.
    curves: Mapping[str, tuple[Mapping[str, float | None], ...]]
    #: All that the server says, as JSON.
    document: Mapping[str, Any] = field(compare=False)

    def __repr__(self) -> str:
        default = ", default" if self.default else ""
        return f"<Model {self.name} {self.version} {'+'.join(self.maps)}{default}>"


def read_models(document: Mapping[str, Any]) -> tuple[Model, ...]:
    """The models that GET /models tells of."""
    try:
        return tuple(_model(entry) for entry in document["models"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadAnswer(f"The list of models cannot be read: {type(error).__name__} {error}.") from error


def _model(entry: Mapping[str, Any]) -> Model:
    tasks = {name: task for name, task in entry["tasks"].items() if task is not None}
    return Model(
        name=entry["name"],
        version=entry["version"],
        description=entry["description"],
        default=entry["default"],
        maps=tuple(entry.get("maps", tasks)),
        classes=read_classes(tasks.get("semantics", {}).get("classes", ())),
        budget_floor=entry["budget_floor"],
        budget_default=entry["budget_default"],
        curves={split: tuple(rows) for split, rows in entry["metrics"]["splits"].items()},
        document=entry,
    )
