"""What a parsed photograph is to a caller: arrays with units, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from pag.client.errors import Refused

MAPS = ("semantics", "depth", "normals", "computed")


@dataclass(frozen=True)
class ClassEntry:
    """One semantic class: label id, name, palette colour (red, green, blue)."""

    id: int
    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True)
class Budget:
    """What was asked for, what was spent, and why; shares are of the full network's multiply-adds."""

    requested: float
    used: float
    #: client: as asked; default: none was asked for; deadline, brownout: lowered; floor: raised.
    reason: str
    #: Size at which the photograph was worked on, per side, as a share of the working size.
    scale: float
    #: Exact share of the full network's multiply-adds that was computed.
    share: float
    multiply_adds: int


@dataclass(frozen=True)
class Photograph:
    """The photograph as the server read it, upright."""

    height: int
    width: int
    format: str


@dataclass(frozen=True, eq=False, repr=False)
class Parsing:
    """The maps of one photograph, all of one height and width; those not asked for are None.

    `require` gives a map that was asked for without the None.
    """

    #: uint8 [H,W]: class ids, `void` where there is none.
    semantics: NDArray[np.uint8] | None
    #: float32 [H,W]: metres along the camera's axis, NaN where not known.
    depth: NDArray[np.float32] | None
    #: float32 [H,W,3]: unit vectors; x right, y down, z towards the camera.
    normals: NDArray[np.float32] | None
    #: float32 [H,W] in 0..1: share of the gated work that was computed at each pixel.
    computed: NDArray[np.float32] | None
    #: Of the semantics, by id; empty without them.
    classes: tuple[ClassEntry, ...]
    #: Id of pixels without a class.
    void: int | None
    budget: Budget
    #: Milliseconds that the server took for each stage.
    milliseconds: Mapping[str, float]
    model: str
    model_version: str
    image: Photograph
    #: Height and width of the maps.
    size: tuple[int, int]
    #: Under which the server's log names the request.
    request_id: str
    #: The W3C trace that the request belongs to, if the server said.
    traceparent: str | None = None

    @property
    def maps(self) -> dict[str, NDArray[np.generic]]:
        """The maps that are there, by name."""
        named = {name: getattr(self, name) for name in MAPS}
        return {name: values for name, values in named.items() if values is not None}

    @overload
    def require(self, name: Literal["semantics"]) -> NDArray[np.uint8]: ...

    @overload
    def require(self, name: Literal["depth", "normals", "computed"]) -> NDArray[np.float32]: ...

    def require(self, name: str) -> NDArray[Any]:
        """The map `name`, never None: ValueError if it was not asked for. For code that is type-checked."""
        if name not in MAPS:
            raise ValueError(f"there is no map {name!r}: there are {', '.join(MAPS)}")
        values: NDArray[Any] | None = getattr(self, name)
        if values is None:
            raise ValueError(f"this parsing has no {name}: ask for tasks='{name}' too")
        return values

    def class_shares(self) -> dict[str, float]:
        """Share of all pixels that each class covers, largest first; without classes that are not seen."""
        semantics = self.require("semantics")
        counts = np.bincount(semantics.ravel(), minlength=256)
        seen = [entry for entry in self.classes if counts[entry.id]]
        seen.sort(key=lambda entry: -counts[entry.id])
        return {entry.name: float(counts[entry.id]) / semantics.size for entry in seen}

    def points(self, horizontal_degrees: float = 60.0) -> NDArray[np.float32]:
        """float32 [H,W,3]: each pixel's place in metres; x right, y down, z away from the camera.

        For a pinhole camera with this field of view, which a photograph alone does not tell.
        """
        depth = self.require("depth")
        height, width = depth.shape
        focal = width / 2 / math.tan(math.radians(horizontal_degrees) / 2)
        x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / focal
        y = (np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2) / focal
        return np.stack([x * depth, y * depth, depth], -1).astype(np.float32, copy=False)

    def __repr__(self) -> str:
        height, width = self.size
        return (
            f"<Parsing {height}x{width} {'+'.join(self.maps)}, {self.model} {self.model_version}, "
            f"budget {self.budget.used:g} ({self.budget.reason})>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Frame:
    """The answer to one frame of a stream: what was asked for, or the problem with it."""

    #: Place of the frame among all that were given to the stream, from 0.
    number: int
    #: Frames given since the answer before this one and never computed, since a newer one came.
    dropped: int
    #: Answers in the last two seconds or so, per second; None at the start.
    frames_per_second: float | None
    parsing: Parsing | None = None
    #: PNG of the frame in its classes' colours, with answer="overlay".
    overlay: bytes | None = None
    #: PNG of each map and meta.json, by file name, with answer="zip".
    files: Mapping[str, bytes] | None = None
    #: Why this frame has no answer; the stream goes on.
    problem: Refused | None = None

    def __repr__(self) -> str:
        held = self.problem or self.parsing or ("overlay" if self.files is None else "+".join(self.files))
        return f"<Frame {self.number}, {self.dropped} dropped: {held}>"
