"""Surface normals from a depth map by robust plane fits over a depth-aware neighbourhood.

How it is done. Along a plane the inverse depth q = 1/Z is linear in the pixel coordinates:
q = A x' + B y' + C with x' = (u - cx)/fx, y' = (v - cy)/fy, so a plane fit is a linear regression on pixels.

1. Depth is halved to 240x320 (means of 2x2 pixels where they agree within two steps, else the nearest one).
2. Every pixel regresses q on a 9x9 grid of samples around it. The spacing of the grid grows as 1/Z, so the
   window has about the same metric size everywhere and spans `WINDOW_STEPS` depth steps: fewer steps leave
   the staircase of 8-bit depth visible, more round off small objects.
3. Three rounds of weights: by similarity of depth to the centre first, then twice by the distance from the
   plane of the round before (Geman-McClure form 1/(1 + r^2)^2), which cuts off other surfaces.
4. Masked as invalid: missing depth, the frame of the image without picture, pixels whose samples mostly lie
   off the plane (poor fit, too few neighbours), pixels within two of a jump of depth (there image and depth
   disagree), and planes seen at more than about 87 degrees.

What 8 bits cost: against normals of true depth (16 bits) the mean angle is 0.8 degrees; a smooth plane whose
slant changes depth by less than a step over the window comes out up to 2 degrees too frontal.

A global factor on depth scales A, B and C alike, so normals do not need the metric scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

FRAME = 10
GRID_RADIUS = 4
WINDOW_STEPS = 16.0
SPACING_RANGE = (1.5, 6.0)
INITIAL_RELATIVE_TOLERANCE = 0.08
RELATIVE_TOLERANCE = 0.01
STEP_TOLERANCE = 1.2
MIN_SUPPORT = 0.2
MIN_NEAR_SUPPORT = 0.3
MIN_COSINE = 0.05
JUMP_RELATIVE, JUMP_STEPS = 0.06, 3.0
MIN_SPREAD = 0.01

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera in pixels: focal lengths fx, fy, principal point cx, cy; pixel centres at integers."""

    fx: float
    fy: float
    cx: float
    cy: float


NYU_INTRINSICS = Intrinsics(fx=518.86, fy=519.47, cx=325.58, cy=253.74)


@dataclass(frozen=True)
class _Plane:
    """Per pixel of the halved map: inverse depth at the pixel and its slope a pixel right and down."""

    q: Array
    slope_x: Array
    slope_y: Array


def normals_from_depth(
    depth: npt.NDArray[np.generic],
    valid: Mask,
    step: float,
    camera: Intrinsics = NYU_INTRINSICS,
    frame: int = FRAME,
) -> tuple[Array, Mask]:
    """Fit a plane around every pixel and return its unit normal.

    depth: [H, W], H and W even, z-depth in any unit; valid: bool [H, W], false where depth is missing;
    step: the quantisation step of depth in the same unit (> 0); frame: border pixels without picture.
    Returns normals float32 [H, W, 3] in the frame x right, y down, z towards the camera (a wall facing the
    camera is (0, 0, 1), a floor (0, -1, 0)), zero where invalid, and the mask bool [H, W] of valid pixels.
    Raises ValueError for odd sizes or shapes that differ.
    """
    if depth.shape != valid.shape or depth.ndim != 2 or depth.shape[0] % 2 or depth.shape[1] % 2:
        raise ValueError(f"depth {depth.shape} and valid {valid.shape} must be equal, 2-D and of even size")
    metric = np.where(valid, depth, 0).astype(np.float32) / np.float32(step)
    half, half_valid = _halve(metric, valid)
    plane, support, near = _fit_planes(half, half_valid)
    normals = _plane_normals(plane, camera)
    good = half_valid & (support > MIN_SUPPORT) & (near > MIN_NEAR_SUPPORT)
    good &= _facing(normals, camera) > MIN_COSINE
    return _full_size(normals, good, valid & ~_jumps(metric), frame)


def normals_from_depth8(
    values: npt.NDArray[np.uint8], camera: Intrinsics = NYU_INTRINSICS
) -> tuple[Array, Mask]:
    """Normals of an 8-bit depth map [H, W] whose value v stands for (v + 0.5)/255 of the image's maximum.

    v = 0 counts as missing. Returns as `normals_from_depth`.
    """
    return normals_from_depth(values.astype(np.float32) + 0.5, values > 0, 1.0, camera)


def _halve(depth: Array, valid: Mask) -> tuple[Array, Mask]:
    """Depth in steps [H, W] -> [H/2, W/2]; never averages over a discontinuity."""
    blocks = depth.reshape(depth.shape[0] // 2, 2, depth.shape[1] // 2, 2).transpose(0, 2, 1, 3)
    flat = blocks.reshape(*blocks.shape[:2], 4)
    low, high = flat.min(-1), flat.max(-1)
    smooth = high - low <= 2 + 0.01 * low
    half_valid = np.asarray(valid.reshape(blocks.shape[0], 2, blocks.shape[1], 2).all((1, 3)))
    half = np.where(smooth, flat.mean(-1), low).astype(np.float32)
    return np.where(half_valid, half, 1).astype(np.float32), half_valid


def _jumps(depth: Array) -> Mask:
    """Where depth in steps [H, W] changes within 5x5 pixels by more than planes seen slantwise do."""
    window = np.ones((5, 5), np.uint8)
    low, high = cv2.erode(depth, window), cv2.dilate(depth, window)
    return np.asarray(high - low > JUMP_RELATIVE * low + JUMP_STEPS)


def _fit_planes(depth: Array, valid: Mask) -> tuple[_Plane, Array, Array]:
    """Three rounds of weighted regression: planes, share of samples on them, and that share nearby."""
    q = (1 / depth).astype(np.float32)
    confidence = valid.astype(np.float32)
    spacing = np.clip(WINDOW_STEPS * 518 / (2 * 2 * GRID_RADIUS) / depth, *SPACING_RANGE).astype(np.float32)
    zero = np.zeros_like(q)
    plane = _Plane(q, zero, zero)
    reach = GRID_RADIUS * spacing
    tolerance = q * (INITIAL_RELATIVE_TOLERANCE * reach / 16) + 3 * q**2
    for round_number in range(3):
        plane, support, near = _regress(q, confidence, spacing, plane, tolerance)
        if round_number == 0:
            tolerance = q * RELATIVE_TOLERANCE + STEP_TOLERANCE * q**2
            # A step of depth moves q by q^2. Not in round 0: deep samples would pull planes across edges.
            confidence = confidence * np.square(np.square(depth / depth.max()))
    return plane, support, near


def _regress(
    q: Array, confidence: Array, spacing: Array, plane: _Plane, tolerance: Array
) -> tuple[_Plane, Array, Array]:
    """One weighted least-squares fit of q on the sample grid of every pixel; maps [h, w], slopes a pixel."""
    height, width = q.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.int32)
    sums = np.zeros((9, height, width), np.float32)
    support, near = np.zeros((2, height, width), np.float32)
    flat_q, flat_confidence = q.ravel(), confidence.ravel()
    inverse_tolerance = 1 / tolerance
    for j in range(-GRID_RADIUS, GRID_RADIUS + 1):
        y = np.clip(rows + np.rint(j * spacing).astype(np.int32), 0, height - 1)
        dy = (y - rows).astype(np.float32)
        for i in range(-GRID_RADIUS, GRID_RADIUS + 1):
            x = np.clip(columns + np.rint(i * spacing).astype(np.int32), 0, width - 1)
            dx = (x - columns).astype(np.float32)
            at = y * width + x
            dq = flat_q.take(at) - plane.q
            residual = (dq - plane.slope_x * dx - plane.slope_y * dy) * inverse_tolerance
            # Planes at missing depth are meaningless and may lie anywhere: keep their squares finite.
            agreement = 1 / np.square(1 + np.square(np.clip(residual, -1e3, 1e3)))
            support += agreement
            if max(abs(i), abs(j)) <= 1:
                near += agreement
            weight = agreement * flat_confidence.take(at)
            wx, wy, wq = weight * dx, weight * dy, weight * dq
            terms = (weight, wx, wy, wq, wx * dx, wx * dy, wy * dy, wx * dq, wy * dq)
            for moment, term in enumerate(terms):
                sums[moment] += term
    samples = np.float32((2 * GRID_RADIUS + 1) ** 2)
    return _solve(sums, plane.q), support / samples, near / np.float32(9)


def _solve(sums: Array, centre: Array) -> _Plane:
    """Weighted moments [9, h, w] (1, x, y, q, xx, xy, yy, xq, yq; q relative to centre) -> planes."""
    n, x, y, q, xx, xy, yy, xq, yq = sums.astype(np.float64)
    n = np.maximum(n, 1e-12)
    cxx, cxy, cyy = xx - x * x / n, xy - x * y / n, yy - y * y / n
    cxq, cyq = xq - x * q / n, yq - y * q / n
    determinant = cxx * cyy - cxy * cxy
    # Samples on one point or line hold no plane: slope zero there, and too little support to count as valid.
    determinant = np.where(determinant > MIN_SPREAD * n * n, determinant, np.inf)
    slope_x = (cxq * cyy - cyq * cxy) / determinant
    slope_y = (cyq * cxx - cxq * cxy) / determinant
    offset = (q - slope_x * x - slope_y * y) / n
    q, slope_x, slope_y = (part.astype(np.float32) for part in (centre + offset, slope_x, slope_y))
    return _Plane(q, slope_x, slope_y)


def _rays(shape: tuple[int, ...], camera: Intrinsics) -> tuple[Array, Array]:
    """x' and y' of the centres of the halved map's pixels, which lie at 2i + 0.5 of the full map."""
    u = (2 * np.arange(shape[1]) + 0.5 - camera.cx) / camera.fx
    v = (2 * np.arange(shape[0]) + 0.5 - camera.cy) / camera.fy
    x, y = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
    return x, y


def _plane_normals(plane: _Plane, camera: Intrinsics) -> Array:
    """Planes of the halved map -> unit normals float32 [h, w, 3], z towards the camera."""
    x, y = _rays(plane.q.shape, camera)
    a = plane.slope_x * (camera.fx / 2)
    b = plane.slope_y * (camera.fy / 2)
    normals = np.stack([-a, -b, plane.q - a * x - b * y], axis=-1)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    return normals.astype(np.float32)


def _facing(normals: Array, camera: Intrinsics) -> Array:
    """Cosine between the normal and the direction to the camera, [h, w]."""
    x, y = _rays(normals.shape[:2], camera)
    towards = -normals[..., 0] * x - normals[..., 1] * y + normals[..., 2]
    return (towards / np.sqrt(1 + x * x + y * y)).astype(np.float32)


def _full_size(normals: Array, good: Mask, valid: Mask, frame: int) -> tuple[Array, Mask]:
    """Normals and mask of the halved map -> of the full one, invalid also where `valid` is false."""
    height, width = valid.shape
    full = cv2.resize(normals, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(good.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    length = np.linalg.norm(full, axis=-1)
    mask &= valid & (length > 0.9)
    if frame:
        mask[:frame], mask[-frame:], mask[:, :frame], mask[:, -frame:] = False, False, False, False
    full = np.where(mask[..., None], full / np.maximum(length, 1e-6)[..., None], 0)
    return full.astype(np.float32), mask
