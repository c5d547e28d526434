"""The maps of a model: an entry of the manifest for each, one class per kind.

What an entry says is the model's own: its name, its output of the graph, its classes. What all maps of a kind
have in common (how they are resized and encoded) is a row of `service.maps.KINDS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from service.model_folder.base import Byte, ManifestPart, Positive

# Names of members beside the maps in archives and in queries, and of parameters of numpy.savez.
RESERVED = ("meta", "overlay", "file", "allow_pickle")


class ClassEntry(ManifestPart):
    """One class of a labels map: label id, name and palette colour (RGB)."""

    id: Byte
    name: str
    color: tuple[Byte, Byte, Byte]


class MapBase(ManifestPart):
    """The base of entries of every kind.

    `output` is the graph's, float32 [N,h,w] unless its kind says otherwise, and has one pixel for `stride` x
    `stride` pixels of the image.
    """

    by_default: ClassVar[bool] = True
    """Whether an answer holds the map when a request names none."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    output: str
    stride: Positive

    def problems(self, files: Collection[str]) -> Iterator[str]:
        """What is wrong with the entry, in a folder with `files`."""
        yield from ()


class LabelsMap(MapBase):
    """A class for each pixel, from logits float32 [N,h,w,C]: channel c is the class with id c.

    `void` marks pixels without a label. `labels_model`, if there, is a file beside the model whose graph is
    one node pag::UpsampledLabels: inputs `logits`, `size` and `extent`, output `labels`. The file
    carries no function body: only a native kernel runs it.
    """

    kind: Literal["labels"]
    classes: Annotated[tuple[ClassEntry, ...], Field(min_length=1)]
    void: Byte
    labels_model: str | None = None

    def problems(self, files: Collection[str]) -> Iterator[str]:
        """What is wrong with the entry, in a folder with `files`."""
        ids = [entry.id for entry in self.classes]
        if ids != list(range(len(ids))):
            yield "class ids must be 0, 1, 2, ... in this order: logits channel c is label c"
        elif self.void < len(ids):
            yield f"void id {self.void} is also the id of a class"
        if self.labels_model is not None and self.labels_model not in files:
            yield f"files must list {self.labels_model}, named as its labels_model"


class ProbabilityMap(MapBase):
    """The probability in 0..1 that something holds at each pixel."""

    kind: Literal["probability"]


class MetricMap(MapBase):
    """A distance along the camera's axis; `range` is what the network can say, in `unit`."""

    kind: Literal["metric"]
    unit: Literal["metre"]
    range: tuple[float, float]


class VectorsMap(MapBase):
    """Unit vectors float32 [N,h,w,3] in the `frame` described."""

    kind: Literal["vectors"]
    frame: str


class ShareMap(MapBase):
    """The share in 0..1 of the gated multiply-adds that was computed at each pixel."""

    by_default: ClassVar[bool] = False

    kind: Literal["share"]


MapEntry = Annotated[
    LabelsMap | ProbabilityMap | MetricMap | VectorsMap | ShareMap, Field(discriminator="kind")
]


def map_problems(maps: Collection[MapEntry], files: Collection[str], size_multiple: int) -> Iterator[str]:
    """What is wrong with the maps of one manifest, in a folder with `files`, as sentences."""
    if not any(entry.by_default for entry in maps):
        yield "maps: at least one is needed besides those of kind share, which are returned by name only"
    for field in ("name", "output"):
        counts = Counter(getattr(entry, field) for entry in maps)
        yield from (f"maps: the {field} {value} is there {n} times" for value, n in counts.items() if n > 1)
    for entry in maps:
        if entry.name in RESERVED:
            yield f"maps.{entry.name}: no map may be called {' or '.join(RESERVED)}"
        if size_multiple % entry.stride:
            yield f"maps.{entry.name}: its stride must divide input.size_multiple {size_multiple}"
        yield from (f"maps.{entry.name}: {problem}" for problem in entry.problems(files))
