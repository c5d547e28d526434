"""The kinds of maps: what all maps of a kind have in common, one row each.

A model's manifest names its maps and says of which kind they are. Nothing in the service knows more of a map
than its entry there and its kind here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from service.model_folder.geometry import (
    Sampling,
    resample,
    resample_nearest,
    resample_vectors,
    unscale_metric,
    unscale_vectors,
)
from service.model_folder.labels import resample_labels
from service.model_folder.maps import LabelsMap, MapEntry, VectorsMap

Floats = NDArray[np.float32]
Datatype = Literal["UINT8", "FP32"]

MILLIMETRE = 0.001
PNG_LEVEL = 1
# Few values in large areas compress best as runs.
RUNS, MIXED = cv2.IMWRITE_PNG_STRATEGY_RLE, cv2.IMWRITE_PNG_STRATEGY_DEFAULT


@dataclass(frozen=True)
class Stored:
    """The storage of values in an array or a PNG.

    Attributes:
        dtype: of the stored values v.
        unit: of the quantity, or of v where there is no formula.
        formula: from v to the quantity; None: v is the quantity.
        invalid: the v of a pixel without a value; None: all have one.
    """

    dtype: str
    unit: str
    formula: str | None = None
    invalid: int | str | None = None


@dataclass(frozen=True)
class Kind:
    """One row of the table: what all maps of a kind have in common.

    Attributes:
        array: how the canonical arrays [H,W] + `channels` store values; `png`: the same of PNGs.
        datatype: of the array in the Open Inference Protocol.
        unscale: from an output [h,w,...] of an image fed at a scale of its working size to that of the whole.
        resample: from an output [h,w,...] to the map of a `Sampling`, float32, or uint8 ids.
        canonical: from a map to the array that is returned.
        encode: from a map to a PNG.
        facts: of one entry, the members of its metadata that are not the same for all maps of the kind.
    """

    array: Stored
    png: Stored
    encode: Callable[[NDArray[Any]], bytes]
    resample: Callable[[Floats, Sampling], NDArray[Any]]
    unscale: Callable[[Floats, float], Floats] = lambda values, scale: values
    canonical: Callable[[NDArray[Any]], NDArray[Any]] = lambda values: values
    facts: Callable[[Any], Mapping[str, Any]] = lambda entry: {}
    datatype: Datatype = "FP32"
    channels: tuple[int, ...] = ()

    def stored(self, canonical: bool) -> Stored:
        """The storage of values in the canonical array, or in a PNG."""
        return self.array if canonical else self.png


def kind_of(entry: MapEntry) -> Kind:
    """The row of the kind of `entry`."""
    return KINDS[entry.kind]


def ids_png(labels: NDArray[np.uint8]) -> bytes:
    """Grey PNG whose values are the class ids of uint8 [H,W]."""
    return png(labels, RUNS)


def fractions_png(fractions: Floats) -> bytes:
    """Grey PNG holding round(255 * v) of float32 [H,W], cut off at 0 and 1."""
    values = np.rint(np.clip(fractions, 0, 1) * np.float32(255))
    return png(values.astype(np.uint8), RUNS)


def millimetres_png(metres: Floats) -> bytes:
    """16-bit grey PNG of `millimetres`."""
    return png(millimetres(metres), MIXED)


def millimetres(metres: Floats) -> NDArray[np.uint16]:
    """REP 118 uint16 [H,W] millimetres of float32 metres; 0 where not in (0, 65.535]."""
    with np.errstate(invalid="ignore"):
        stored = np.rint(metres * np.float32(1 / MILLIMETRE))
        valid = (stored > 0) & (stored <= 65535)
    return np.where(valid, stored, 0).astype(np.uint16)


def valid_metres(metres: Floats) -> Floats:
    """REP 118: float32 [H,W] metres with NaN where not finite or not positive."""
    valid = np.isfinite(metres) & (metres > 0)
    return np.where(valid, metres, np.float32(np.nan))


def vectors_png(vectors: Floats) -> bytes:
    """RGB PNG holding round((n + 1) * 127.5) of the unit vectors' x, y, z, float32 [H,W,3]."""
    values = np.rint((vectors + np.float32(1)) * np.float32(127.5))
    return rgb_png(np.clip(values, 0, 255).astype(np.uint8))


def rgb_png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG of uint8 [H,W,3] RGB."""
    return png(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8), MIXED)


def png(pixels: NDArray[Any], strategy: int) -> bytes:
    """PNG of uint8 or uint16 [H,W], or of uint8 [H,W,3] BGR, at the cheapest level that pays."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL, cv2.IMWRITE_PNG_STRATEGY, strategy]
    done, encoded = cv2.imencode(".png", pixels, options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode {pixels.shape} {pixels.dtype} as PNG")
    return encoded.tobytes()


def resample_shares(shares: Floats, sampling: Sampling) -> Floats:
    """Map float32 [H,W] in 0..1, each pixel as the output's pixel that it lies in."""
    # A sum of the gates' shares, which rounding may carry past 1.
    return resample_nearest(np.clip(shares, 0, 1), sampling)


def _labels_facts(entry: LabelsMap) -> Mapping[str, Any]:
    return {"invalid": entry.void, "classes": entry.classes}


def _vectors_facts(entry: VectorsMap) -> Mapping[str, Any]:
    return {"frame": entry.frame}


SHARE_UNIT = "share of the gated multiply-adds"

KINDS: dict[str, Kind] = {
    "labels": Kind(
        array=Stored("uint8", "class id"),
        png=Stored("uint8", "class id"),
        encode=ids_png,
        resample=resample_labels,
        facts=_labels_facts,
        datatype="UINT8",
    ),
    "probability": Kind(
        array=Stored("float32", "probability"),
        png=Stored("uint8", "probability", "probability = v / 255"),
        encode=fractions_png,
        resample=resample,
    ),
    "metric": Kind(
        array=Stored("float32", "metre", invalid="NaN"),
        png=Stored("uint16", "millimetre", f"metres = v * {MILLIMETRE}", invalid=0),
        encode=millimetres_png,
        resample=resample,
        unscale=unscale_metric,
        canonical=valid_metres,
    ),
    "vectors": Kind(
        array=Stored("float32", "unit vector"),
        png=Stored("uint8", "unit vector", "n = v / 127.5 - 1, red green blue = x y z"),
        encode=vectors_png,
        resample=resample_vectors,
        unscale=unscale_vectors,
        facts=_vectors_facts,
        channels=(3,),
    ),
    "share": Kind(
        array=Stored("float32", SHARE_UNIT),
        png=Stored("uint8", SHARE_UNIT, "share = v / 255"),
        encode=fractions_png,
        resample=resample_shares,
    ),
}
