"""One geometric change for an image and all its targets, and a photometric one for the image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from model_export.data.sample import VOID, Sample

FILL = 127
_GREY = np.array([0.299, 0.587, 0.114])

Matrix = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Kind = TypeVar("Kind", np.uint8, np.float32)


@dataclass(frozen=True)
class Photometric:
    """Half-widths of the random changes of the image; each is drawn uniformly around no change.

    brightness: share of 255 added; contrast, gains (a colour) and gamma: log of the factor or exponent;
    saturation: log of the factor; hue: radians of rotation about the grey axis.
    """

    brightness: float = 0.08
    contrast: float = 0.2
    gamma: float = 0.2
    gains: float = 0.08
    saturation: float = 0.3
    hue: float = 0.1


@dataclass(frozen=True)
class Augmentation:
    """What `augment` draws from: crop (height, width), range of scales, degrees of rotation, share of flips.

    frame: border pixels of the source cut off first (NYUv2 images have a blank frame).
    """

    crop: tuple[int, int] = (320, 416)
    scale: tuple[float, float] = (0.6, 1.7)
    rotation: float = 10.0
    flip: float = 0.5
    frame: int = 10
    photometric: Photometric | None = field(default_factory=Photometric)


@dataclass(frozen=True)
class Similarity:
    """Zoom by `scale`, turn by `angle` (radians, positive turns x towards y: clockwise), after a mirror of x.

    Carries `centre` (x, y of the source, pixel centres at integers) to the centre of a crop (height, width).
    """

    scale: float
    angle: float
    flip: bool
    centre: tuple[float, float]
    crop: tuple[int, int]

    @property
    def turn(self) -> Matrix:
        """Mirror and rotation alone, [2, 2]; acts on image coordinates and on x, y of normals alike."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if self.flip else 1.0, 1.0])

    @property
    def matrix(self) -> Matrix:
        """Source pixel (x, y, 1) -> crop pixel, [2, 3]."""
        linear = self.scale * self.turn
        target = (np.array(self.crop[::-1]) - 1) / 2
        return np.column_stack([linear, target - linear @ np.array(self.centre)])


def augment(sample: Sample, settings: Augmentation, rng: np.random.Generator) -> Sample:
    """A random crop of the sample; all chance comes from rng, in a fixed order of draws."""
    inner = trim(sample, settings.frame)
    similarity = draw_similarity(inner.labels.shape, settings, rng)
    if settings.photometric is not None:
        inner = replace(inner, image=jitter(inner.image, settings.photometric, rng))
    return warp(inner, similarity)


def trim(sample: Sample, frame: int) -> Sample:
    """Cut `frame` pixels off every side (views, no copies)."""
    if frame == 0:
        return sample
    inner = (slice(frame, -frame), slice(frame, -frame))
    return replace(
        sample,
        image=sample.image[inner],
        labels=sample.labels[inner],
        depth=sample.depth[inner],
        normals=sample.normals[inner],
    )


def draw_similarity(shape: tuple[int, ...], settings: Augmentation, rng: np.random.Generator) -> Similarity:
    """Scale log-uniform, angle and place uniform: the crop within the image, or the image within the crop."""
    low, high = np.log(settings.scale)
    scale = float(np.exp(rng.uniform(low, high)))
    angle = float(np.radians(rng.uniform(-settings.rotation, settings.rotation)))
    flip = bool(rng.random() < settings.flip)
    y = _draw_centre(shape[0], settings.crop[0] / scale, rng)
    x = _draw_centre(shape[1], settings.crop[1] / scale, rng)
    return Similarity(scale, angle, flip, (x, y), settings.crop)


def _draw_centre(length: int, covered: float, rng: np.random.Generator) -> float:
    low, high = sorted((covered / 2, length - covered / 2))
    return float(rng.uniform(low, high)) - 0.5


def warp(sample: Sample, similarity: Similarity) -> Sample:
    """Apply one similarity to the image (linear) and to all targets (nearest).

    Seen by the same camera, an image zoomed by s shows the scene with z divided by s: depth is divided by s,
    and a normal (a, b, c) becomes (a, b, s c) renormalised (a plane aX + bY + cZ = 1 with Z = s Z'), after
    mirror and rotation of a, b as of image coordinates. Floors, walls facing the camera and walls along the
    line of sight keep their normals. Outside the source: image 127, void labels, depth and normals invalid.
    """
    image = _warp(sample.image, similarity, cv2.INTER_LINEAR, FILL)
    labels = _warp(sample.labels, similarity, cv2.INTER_NEAREST, VOID)
    depth = _warp(sample.depth, similarity, cv2.INTER_NEAREST, 0)
    normals = _warp(sample.normals, similarity, cv2.INTER_NEAREST, 0)
    return Sample(
        image=image,
        labels=labels,
        depth=depth / np.float32(similarity.scale),
        depth_metric=sample.depth_metric,
        normals=_turn_normals(normals, similarity),
    )


def _warp(values: npt.NDArray[Kind], similarity: Similarity, flags: int, fill: int) -> npt.NDArray[Kind]:
    height, width = similarity.crop
    warped = cv2.warpAffine(
        np.ascontiguousarray(values),
        similarity.matrix,
        (width, height),
        flags=flags,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill, fill, fill),
    )
    return np.asarray(warped, values.dtype)


def _turn_normals(normals: Floats, similarity: Similarity) -> Floats:
    change = np.zeros((3, 3))
    change[:2, :2] = similarity.turn
    change[2, 2] = similarity.scale
    turned: Floats = np.asarray(cv2.transform(normals, change), np.float32)
    length = np.sqrt(np.square(turned).sum(-1, keepdims=True))
    turned /= np.maximum(length, np.float32(1e-6))
    return turned


def jitter(
    image: npt.NDArray[np.uint8], amount: Photometric, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Random gains, gamma, contrast and brightness by a table, saturation and hue by a 3x3 matrix."""
    gains = np.exp(rng.uniform(-amount.gains, amount.gains, 3))
    gamma, contrast, saturation = np.exp(
        rng.uniform(-1, 1, 3) * [amount.gamma, amount.contrast, amount.saturation]
    )
    brightness = rng.uniform(-amount.brightness, amount.brightness)
    hue = rng.uniform(-amount.hue, amount.hue)
    level = (np.arange(256) / 255)[:, None] * gains
    level = (level**gamma - 0.5) * contrast + 0.5 + brightness
    table = np.rint(level * 255).clip(0, 255).astype(np.uint8)
    toned = cv2.LUT(np.ascontiguousarray(image), table[None])
    return np.asarray(cv2.transform(toned, _colour_matrix(saturation, hue)), np.uint8)


def _colour_matrix(saturation: float, hue: float) -> Matrix:
    """Rotation about the grey axis by hue, then mix with the luminance; greys stay as they are."""
    axis = np.full(3, 1 / np.sqrt(3))
    rotation = cv2.Rodrigues(axis * hue)[0]
    return saturation * rotation + (1 - saturation) * np.tile(_GREY, (3, 1))
