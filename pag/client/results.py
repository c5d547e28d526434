"""The results of a client: maps as arrays with their units, what they cost, and the server's models.

A map is identified by its name; its kind says what the array holds:

labels       uint8 [H,W]: class ids; `MapInfo.void` where there is no class
probability  float32 [H,W] in 0..1
metric       float32 [H,W] in metres, NaN where not known
vectors      float32 [H,W,3]: unit vectors, in the axes that `MapInfo.frame` describes
share        float32 [H,W] in 0..1
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pag.client.errors import PagError, Refused
from pag.client.pictures import PICTURES, PointCloud, as_html, picture
from pag.printable import printable


@dataclass(frozen=True)
class ClassEntry:
    """One class of a labels map: label id, name, palette colour (red, green, blue)."""

    id: int
    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True)
class MapInfo:
    """A map as the server describes it; what does not belong to its kind is None or empty."""

    name: str
    #: labels, probability, metric, vectors or share; a newer server may know more.
    kind: str
    unit: str | None = None
    #: Axes of the vectors, in words.
    frame: str | None = None
    #: Of a labels map, by id.
    classes: tuple[ClassEntry, ...] = ()
    #: Of a labels map: id of pixels without a class.
    void: int | None = None


@dataclass(frozen=True)
class FigureInfo:
    """A figure of accuracy as the model describes it; rows of `Model.curves` hold its values by name."""

    title: str
    #: The short form of `title`.
    heading: str
    #: Stands behind the values.
    unit: str = ""
    #: Whether more of it is better, or less.
    more_is_better: bool = True
    #: Whether it is one of the few that sum the model up.
    main: bool = False


@dataclass(frozen=True)
class Budget:
    """The requested budget, the one used, and why; shares are of the full network's multiply-adds."""

    requested: float
    used: float
    #: client: as requested; default: none was requested; deadline, brownout: lowered; floor: raised.
    reason: str
    #: Size at which the photograph was worked on, per side, as a share of the working size.
    scale: float
    #: Exact share of the full network's multiply-adds that was computed.
    share: float
    multiply_adds: int


@dataclass(frozen=True)
class Photograph:
    """The photograph as the server read it, upright; height and width in pixels."""

    height: int
    width: int
    format: str


@dataclass(frozen=True, eq=False, repr=False)
class Parsing:
    """The maps of one photograph, all of one height and width.

    `parsing.maps[name]` or, where no other attribute has that name, `parsing.<name>` is a map's array;
    `parsing.map_info[name]` describes it.
    """

    #: Arrays by name, in the server's order: [H,W] or [H,W,3], as the kind says.
    maps: Mapping[str, NDArray[Any]]
    #: Descriptions of the same maps.
    map_info: Mapping[str, MapInfo]
    budget: Budget
    #: Milliseconds that the server took for each stage.
    milliseconds: Mapping[str, float]
    model: str
    model_version: str
    image: Photograph
    #: Height and width of the maps in pixels.
    size: tuple[int, int]
    #: The request's id in the server's log.
    request_id: str
    #: The W3C trace that the request belongs to, if the server said.
    traceparent: str | None = None

    def __getattr__(self, name: str) -> NDArray[Any]:
        # Copies and pickles look for methods before there are maps.
        maps = {} if name.startswith("_") else self.__dict__.get("maps", {})
        if name not in maps:
            raise AttributeError(_missing(name, maps))
        array: NDArray[Any] = maps[name]
        return array

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *self.maps})

    def require(self, name: str) -> NDArray[Any]:
        """The array of the map `name`; ValueError if it is not in this parsing."""
        if name not in self.maps:
            raise ValueError(_missing(name, self.maps))
        return self.maps[name]

    def kind(self, name: str) -> str:
        """The kind of the map `name`; ValueError if it is not in this parsing."""
        self.require(name)
        return self.map_info[name].kind

    @property
    def classes(self) -> tuple[ClassEntry, ...]:
        """Classes of the labels map, by id; empty without one. ValueError if there are several such maps."""
        return _classes(self.map_info)

    @property
    def void(self) -> int | None:
        """Id of pixels without a class in the labels map. ValueError if there are several such maps."""
        found = _only(self.map_info, "labels")
        return None if found is None else found.void

    def class_shares(self, name: str | None = None) -> dict[str, float]:
        """Share of all pixels, in (0, 1], of each class that is seen, largest first.

        `name`: the labels map; may be left out where there is one alone. ValueError if there is none.
        """
        info = self._info("labels", name)
        labels = self.maps[info.name]
        counts = np.bincount(labels.ravel(), minlength=256)
        seen = [entry for entry in info.classes if counts[entry.id]]
        seen.sort(key=lambda entry: -counts[entry.id])
        return {entry.name: float(counts[entry.id]) / labels.size for entry in seen}

    def points(self, horizontal_degrees: float = 60.0, name: str | None = None) -> NDArray[np.float32]:
        """float32 [H,W,3]: each pixel's position in metres; x right, y down, z away from the camera.

        For a pinhole camera with this field of view, which a photograph alone does not show. `name`: the
        metric map; may be left out where there is one alone. ValueError if there is none.
        """
        z = self.maps[self._info("metric", name).name]
        height, width = z.shape
        focal = width / 2 / math.tan(math.radians(horizontal_degrees) / 2)
        x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / focal
        y = (np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2) / focal
        return np.stack([x * z, y * z, z], -1).astype(np.float32, copy=False)

    def mask(self, class_name: str, name: str | None = None) -> NDArray[np.bool_]:
        """bool [H,W]: where the class of this name is.

        `name`: the labels map; may be left out where there is one alone. ValueError for an unknown class.
        """
        info = self._info("labels", name)
        ids = [entry.id for entry in info.classes if entry.name == class_name]
        if not ids:
            known = ", ".join(entry.name for entry in info.classes)
            raise ValueError(f"no class {class_name!r}; there are {known}")
        found: NDArray[np.bool_] = self.maps[info.name] == ids[0]
        return found

    def picture(self, name: str) -> NDArray[np.uint8]:
        """Picture uint8 [H,W,3] RGB of the map `name`; ValueError for a map that cannot be shown."""
        values = self.require(name)
        pixels = picture(self.map_info[name], values)
        if pixels is None:
            raise ValueError(f"the map {name} is of kind {self.kind(name)}, which this client cannot show")
        return pixels

    def point_cloud(
        self,
        image: NDArray[np.uint8] | None = None,
        horizontal_degrees: float = 60.0,
        name: str | None = None,
    ) -> PointCloud:
        """The points of `points` whose depth is known, with the colours of `image` uint8 [H,W,3] RGB.

        `image` is the photograph at the size of the maps; without it the points have the labels' colours, or
        else those of their depth. `name`: the metric map. ValueError for an image of another size.
        """
        metric = self._info("metric", name).name
        points = self.points(horizontal_degrees, metric)
        if image is None:
            shown = next((info.name for info in self.map_info.values() if info.kind == "labels"), metric)
            image = self.picture(shown)
        if image.shape != (*self.size, 3) or image.dtype != np.uint8:
            height, width = self.size
            raise ValueError(
                f"the image must be uint8 [{height},{width},3], the size of the maps, not {image.dtype} "
                f"{list(image.shape)}: resize it, or parse with size='input'"
            )
        known = np.isfinite(points).all(-1)
        return PointCloud(points[known], image[known])

    def save(self, path: str | Path) -> None:
        """Write the arrays as NAME.npz for numpy.load, or as a folder the picture of each map, NAME.png."""
        path = Path(path)
        if path.suffix.lower() == ".npz":
            np.savez(path, **self.maps)  # type: ignore[arg-type]
            return
        if path.suffix and not path.is_dir():
            raise ValueError(f"maps are saved as .npz, or into a folder as PNGs, not as {path.suffix}")
        path.mkdir(parents=True, exist_ok=True)
        for name in self.maps:
            if self.kind(name) in PICTURES:
                Image.fromarray(self.picture(name)).save(path / f"{name}.png")

    def plot(self) -> Any:
        """A matplotlib figure with the picture of each map; PagError without matplotlib."""
        try:
            from matplotlib.figure import Figure  # noqa: PLC0415
        except ImportError as error:
            raise PagError("plot() needs matplotlib: pip install matplotlib") from error
        shown = [name for name in self.maps if self.kind(name) in PICTURES]
        figure = Figure(figsize=(4 * len(shown), 4), layout="constrained")
        for place, name in enumerate(shown, 1):
            axes = figure.add_subplot(1, len(shown), place)
            axes.imshow(self.picture(name))
            axes.set_title(name)
            axes.set_axis_off()
        return figure

    def _repr_html_(self) -> str:
        return as_html(repr(self).strip("<>"), self.maps, self.map_info)

    def _info(self, kind: str, name: str | None) -> MapInfo:
        """The map `name`, or the only one of its kind; ValueError says which there are."""
        if name is None:
            found = _only(self.map_info, kind)
            if found is None:
                raise ValueError(f"this parsing has no map of kind {kind}: {_listed(self.maps)}")
            return found
        if self.kind(name) != kind:
            raise ValueError(f"the map {name} is of kind {self.kind(name)}, not {kind}")
        return self.map_info[name]

    def __repr__(self) -> str:
        height, width = self.size
        return printable(
            f"<Parsing {height}x{width} {'+'.join(self.maps)}, {self.model} {self.model_version}, "
            f"budget {self.budget.used:g} ({self.budget.reason})>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Frame:
    """The answer to one frame of a stream: its maps in the requested form, or the problem with it."""

    #: Index of the frame among all that were given to the stream, from 0.
    number: int
    #: Frames given since the answer before this one and never computed, since a newer one came.
    dropped: int
    #: Answers per second over the last two seconds or so; None at the start.
    frames_per_second: float | None
    parsing: Parsing | None = None
    #: PNG of the frame in its classes' colours, with answer="overlay".
    overlay: bytes | None = None
    #: PNG of each map and meta.json, by file name, with answer="zip".
    files: Mapping[str, bytes] | None = None
    #: Why this frame has no answer; the stream goes on.
    problem: Refused | None = None

    def __repr__(self) -> str:
        content = self.problem or self.parsing or ("overlay" if self.files is None else "+".join(self.files))
        return f"<Frame {self.number}, {self.dropped} dropped: {content}>"


@dataclass(frozen=True, repr=False)
class Model:
    """One loaded model: its maps, its least budget, and what each budget buys."""

    name: str
    version: str
    description: str
    #: Whether it answers when a request names no model.
    default: bool
    #: All that the option `maps` may name, in the order of answers.
    maps: Mapping[str, MapInfo]
    #: Names of the maps that are returned when a request names none.
    default_maps: tuple[str, ...]
    #: Least budget that is served.
    budget_floor: float
    budget_default: float
    #: Measured accuracy by split of the data: one row per budget, with its share of multiply-adds.
    curves: Mapping[str, tuple[Mapping[str, float | None], ...]]
    #: All that the server says, as JSON.
    document: Mapping[str, Any] = field(compare=False)
    #: Figures of the curves by name, as far as the model describes them.
    figures: Mapping[str, FigureInfo] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[ClassEntry, ...]:
        """Classes of the labels map, by id; empty without one. ValueError if there are several such maps."""
        return _classes(self.maps)

    def __repr__(self) -> str:
        default = ", default" if self.default else ""
        return f"<Model {self.name} {self.version} {'+'.join(self.maps)}{default}>"


def _classes(maps: Mapping[str, MapInfo]) -> tuple[ClassEntry, ...]:
    found = _only(maps, "labels")
    return () if found is None else found.classes


def _only(maps: Mapping[str, MapInfo], kind: str) -> MapInfo | None:
    """The only map of the kind, None if there is none; ValueError if there are several."""
    found = [info for info in maps.values() if info.kind == kind]
    if len(found) > 1:
        names = ", ".join(info.name for info in found)
        raise ValueError(f"there are {len(found)} maps of kind {kind}: name one of {names}")
    return found[0] if found else None


def _missing(name: str, maps: Iterable[str]) -> str:
    return f"this parsing has no map {name!r}: {_listed(maps)}"


def _listed(maps: Iterable[str]) -> str:
    return f"it has {', '.join(maps) or 'none'}; request others with maps=[...], models() lists them"
