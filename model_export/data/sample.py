"""One sample of dense parsing: an image and its targets, on one pixel grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VOID = 255
_COMPONENT = (np.arange(256, dtype=np.float32) - 128) / 127
_COMPONENT[0] = 0


@dataclass(frozen=True)
class Sample:
    """An image with targets of the same H x W.

    image uint8 [H, W, 3] RGB; labels uint8 [H, W], 0..39 or 255 = void; depth float32 [H, W] metres,
    0 = invalid; depth_metric: whether depth can be trusted as metres (false: right up to one factor);
    normals float32 [H, W, 3] unit vectors (x right, y down, z towards the camera), zero = invalid.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    depth_metric: bool
    normals: npt.NDArray[np.float32]


def encode_normals(normals: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Unit normals [H, W, 3] -> uint8 round(127 n) + 128 (1..255); (0, 0, 0) where invalid."""
    coded = np.rint(normals * 127 + 128).clip(1, 255).astype(np.uint8)
    return np.where(valid[..., None], coded, 0).astype(np.uint8)


def decode_normals(coded: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """uint8 [..., 3] of `encode_normals` -> unit normals float32 [..., 3], zero where invalid."""
    normals = _COMPONENT.take(coded)
    length = np.sqrt(np.einsum("...c,...c->...", normals, normals))
    normals /= np.maximum(length, np.float32(1e-6))[..., None]
    return np.asarray(normals, np.float32)
