"""The schema of `weights/<name>/manifest.json`, checked on reading, and the exact cost of a budget."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.model_folder.base import Count, ManifestPart, Positive
from service.model_folder.budget import SHARE_TOLERANCE, BudgetSpec, Gate
from service.model_folder.geometry import ResizePlan, plan_resize
from service.model_folder.maps import MapEntry, map_problems

MANIFEST_NAME = "manifest.json"
MODEL_NAME = "model.onnx"
LABELS_MODEL_NAME = "labels.onnx"


class FileEntry(ManifestPart):
    """Digest and size of one file beside the manifest."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Positive


class Operator(ManifestPart):
    """Version of the operators the graph calls; the native library must speak the same."""

    domain: Literal["pag"]
    version: Literal[1]


class InputSpec(ManifestPart):
    """The graph's input: uint8 [N,H,W,3] RGB, H and W multiples of `size_multiple`."""

    image: str
    budget: str
    layout: Literal["NHWC"]
    dtype: Literal["uint8"]
    channels: Literal["RGB"]
    size_multiple: Positive
    working_pixels: Positive
    normalisation: str


class MultiplyAdds(ManifestPart):
    """Multiply-adds of the full network at `reference_size` (height, width); `always` are never gated."""

    reference_size: tuple[Positive, Positive]
    total: Positive
    always: Count


class Figure(ManifestPart):
    """What one figure of the rows is; `heading` is the short form of `title`, `main` one of the model's few.

    Beside a figure `x` the rows may hold its 95 % interval, `x_low` and `x_high`.
    """

    title: str
    heading: str
    unit: str = ""
    better: Literal["more", "less"] = "more"
    main: bool = False


class MetricsRow(BaseModel):
    """Accuracy at one budget: the share spent there, and figures by name."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float | None]

    budget: float
    share: float = Field(description="Of the full network's multiply-adds, as spent at this budget.")
    scale: float | None = Field(default=None, description="Of the working size, per side; none stated: 1.")

    def figure(self, name: str) -> float | None:
        """The figure `name`; None if it was not measured."""
        return self.__pydantic_extra__.get(name)


class Metrics(ManifestPart):
    """The measured accuracy/compute curve, one list of rows per data split; `figures` names what they hold.

    A figure that is not named there is shown under its own name, without a unit.
    """

    protocol: str
    splits: dict[str, tuple[MetricsRow, ...]]
    figures: dict[str, Figure] = Field(default_factory=dict)


class Training(ManifestPart):
    """Where the weights come from, so that they can be made again; what is not known is left out."""

    commands: tuple[str, ...]
    commit: str | None = None
    date: str | None = None
    machine: str | None = None
    seed: int | None = None


class Licence(ManifestPart):
    """Terms of the weights and of the data they were trained on."""

    weights: str
    data_terms: str


class ModelManifest(ManifestPart):
    """All that `manifest.json` says about one exported model; answers hold maps in the order of `maps`."""

    schema_version: Literal[2]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    description: str
    created: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    files: dict[str, FileEntry]
    operator: Operator
    input: InputSpec
    budget: BudgetSpec
    multiply_adds: MultiplyAdds
    maps: tuple[MapEntry, ...]
    metrics: Metrics
    training: Training
    licence: Licence

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = list(_manifest_problems(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def map_names(self) -> tuple[str, ...]:
        """Names of all maps, in their order."""
        return tuple(entry.name for entry in self.maps)

    def default_map_names(self) -> tuple[str, ...]:
        """Names of the maps that are returned when none are requested, in their order."""
        return tuple(entry.name for entry in self.maps if entry.by_default)

    def map(self, name: str) -> MapEntry:
        """The map `name`; KeyError if there is none."""
        return {entry.name: entry for entry in self.maps}[name]

    def outputs(self, names: Iterable[str]) -> list[str]:
        """The graph's output behind each of the maps `names`; KeyError if one is not there."""
        return [self.map(name).output for name in names]

    def plan_resize(self, height: int, width: int, scale: float = 1.0) -> ResizePlan:
        """Sizes at which a photograph of `height` x `width` is fed at `scale` of its working size."""
        return plan_resize(height, width, self.input.working_pixels, self.input.size_multiple, scale)

    # A budget of the graph is a share of the work at the size that it is fed: scales are no matter of these.

    @property
    def gates_floor(self) -> float:
        """Smallest budget that the graph keeps to at the size it is fed."""
        return self.budget.table[0].budget

    def used_budget(self, budget: float) -> float:
        """Budget in [gates_floor, 1] that the graph serves when it is fed `budget`."""
        return min(max(budget, self.gates_floor), 1.0)

    def ratios_for(self, budget: float) -> tuple[float, ...]:
        """Ratio of each gate when the graph is fed `budget`: linear between rows, clamped at the ends."""
        # The graph is fed a float32, so the exact cost is that of the float32.
        wanted = float(np.float32(budget))
        rows = self.budget.table
        upper = bisect_right([row.budget for row in rows], wanted)
        if upper == 0:
            return rows[0].ratios
        if upper == len(rows):
            return rows[-1].ratios
        low, high = rows[upper - 1], rows[upper]
        weight = (wanted - low.budget) / (high.budget - low.budget)
        return tuple(a + weight * (b - a) for a, b in zip(low.ratios, high.ratios, strict=True))

    def share(self, budget: float, height: int, width: int) -> float:
        """Share in (0,1] of the full network's multiply-adds at one size that the graph fed `budget` spends.

        `height` and `width` are the padded size in pixels, multiples of `input.size_multiple`.
        """
        multiple = self.input.size_multiple
        if height <= 0 or width <= 0 or height % multiple or width % multiple:
            raise ValueError(f"height {height} and width {width} must be positive multiples of {multiple}")
        spent: float = self.multiply_adds.always
        for gate, ratio in zip(self.budget.gates, self.ratios_for(budget), strict=True):
            spent += gate.multiply_adds * _computed_share(gate, ratio, height, width)
        return spent / self.multiply_adds.total

    def gate_pixels(self, budget: float, height: int, width: int) -> tuple[int, int]:
        """Pixels of all gates together that the graph fed `budget` computes at one padded size, and all."""
        computed = total = 0
        for gate, ratio in zip(self.budget.gates, self.ratios_for(budget), strict=True):
            pixels = (height // gate.stride) * (width // gate.stride)
            computed += round(pixels * _computed_share(gate, ratio, height, width))
            total += pixels
        return computed, total

    def multiply_adds_at(self, budget: float, height: int, width: int) -> int:
        """Multiply-adds that the graph fed `budget` spends at the padded size `height` x `width`."""
        reference_height, reference_width = self.multiply_adds.reference_size
        scale = (height * width) / (reference_height * reference_width)
        return round(self.share(budget, height, width) * self.multiply_adds.total * scale)


def json_schema() -> dict[str, Any]:
    """JSON schema of the manifest, for editors and for writers in other languages."""
    return ModelManifest.model_json_schema()


def _computed_share(gate: Gate, ratio: float, height: int, width: int) -> float:
    rows, columns = height // gate.stride, width // gate.stride
    pixels = rows * columns
    grid = -(-rows // 2) * -(-columns // 2) if gate.coarse_stride == 2 else 0
    # The float32 product is the operator's own rounding (BudgetMask); a double would differ by a pixel.
    chosen = int(np.floor(np.float32(ratio) * np.float32(pixels)))
    return min(pixels, max(chosen, grid)) / pixels


def _manifest_problems(manifest: ModelManifest) -> Iterator[str]:
    if MODEL_NAME not in manifest.files:
        yield f"files must list {MODEL_NAME}"
    yield from map_problems(manifest.maps, manifest.files, manifest.input.size_multiple)
    for name in manifest.files:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            yield f"files: {name!r} must be a plain file name"
    counts = manifest.multiply_adds
    if counts.total != counts.always + sum(gate.multiply_adds for gate in manifest.budget.gates):
        yield "multiply_adds.total must equal always + the sum over gates"
        return
    multiple = manifest.input.size_multiple
    if any(multiple % gate.stride for gate in manifest.budget.gates):
        yield f"every gate's stride must divide input.size_multiple {multiple}"
        return
    if any(size % multiple for size in counts.reference_size):
        yield f"multiply_adds.reference_size must be multiples of {multiple}"
        return
    for row in manifest.budget.table:
        spent = manifest.share(row.budget, *counts.reference_size)
        if spent > row.budget + SHARE_TOLERANCE:
            yield f"budget {row.budget} is a ceiling, but its ratios spend {spent:.4f}"
    yield from _scale_problems(manifest)


def _scale_problems(manifest: ModelManifest) -> Iterator[str]:
    size, floor = manifest.multiply_adds.reference_size, manifest.gates_floor
    whole = manifest.plan_resize(*size)
    for row in manifest.budget.scales:
        left = manifest.plan_resize(*size, row.scale).network_budget(row.budget, whole)
        if left < floor - SHARE_TOLERANCE:
            yield (
                f"budget {row.budget} at scale {row.scale} leaves the gates {left:.4f}, "
                f"below their floor {floor:.4f}"
            )
