"""Labels at full resolution: the argmax of bilinearly interpolated logits, without interpolating all of them.

Between four output pixels every interpolated logit is a convex combination of theirs. So where all four have
the same winner it wins everywhere between them, and where they differ only classes can win that no corner's
winner beats at all four corners: a few of forty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.model_folder.geometry import Sampling, crop_to_needed

PIXELS_AT_A_TIME = 1 << 16


@dataclass(frozen=True)
class Axis:
    """Lower neighbour of each target position along one axis and the weight of the upper one."""

    low: NDArray[np.intp]
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class Blocks:
    """Squares between four output pixels with differing winners.

    `number` int32 [h,w] numbers them (-1 elsewhere); `count` [B] is how many classes can win in each, K at
    most; `candidates` uint8 [K,B] lists them in ascending order, padded with others; `corners` float32
    [4,K,B] are their logits at the four corners, row by row.
    """

    number: NDArray[np.int32]
    count: NDArray[np.uint8]
    candidates: NDArray[np.uint8]
    corners: NDArray[np.float32]


def resample_labels(logits: NDArray[np.float32], sampling: Sampling) -> NDArray[np.uint8]:
    """Label map uint8 [H,W] of logits float32 [h,w,C], C <= 255; ties go to the lower label."""
    logits = crop_to_needed(logits, sampling)
    winners: NDArray[np.intp] = logits.argmax(axis=-1)
    rows, columns = (
        sample_axis(cells, target, scale)
        for cells, target, scale in zip(winners.shape, sampling.target, sampling.scale, strict=True)
    )
    labels: NDArray[np.uint8] = winners.astype(np.uint8)[rows.low].take(columns.low, axis=1)
    blocks = _find_blocks(logits, winners)
    band = max(1, PIXELS_AT_A_TIME // len(columns.low))
    for top in range(0, len(rows.low), band):
        _decide_band(labels, blocks, rows, columns, slice(top, top + band))
    return labels


def sample_axis(cells: int, target: int, scale: float) -> Axis:
    """Neighbours of positions (i + 0.5) * scale - 0.5, kept within the `cells` output pixels."""
    position = np.clip((np.arange(target) + 0.5) * scale - 0.5, 0, cells - 1)
    low = position.astype(np.intp)
    return Axis(low, (position - low).astype(np.float32))


def _find_blocks(logits: NDArray[np.float32], winners: NDArray[np.intp]) -> Blocks:
    framed = np.pad(winners, ((0, 1), (0, 1)), mode="edge")
    first = framed[:-1, :-1]
    mixed = (first != framed[:-1, 1:]) | (first != framed[1:, :-1]) | (first != framed[1:, 1:])
    top, left = np.nonzero(mixed)
    number = np.full(winners.shape, -1, np.int32)
    number[mixed] = np.arange(len(top))
    bottom = np.minimum(top + 1, winners.shape[0] - 1)
    right = np.minimum(left + 1, winners.shape[1] - 1)
    places = ((top, left), (top, right), (bottom, left), (bottom, right))
    corners = tuple(logits[place] for place in places)
    beaten = np.zeros(corners[0].shape, bool)
    for place in places:
        beaten |= _beaten_by(corners, winners[place])
    count = (~beaten).sum(axis=1)
    candidates = np.argsort(beaten, axis=1, kind="stable")[:, : count.max(initial=1)]
    of_candidates = np.stack([np.take_along_axis(corner, candidates, axis=1).T for corner in corners])
    return Blocks(number, count.astype(np.uint8), candidates.T.astype(np.uint8), of_candidates)


def _beaten_by(corners: tuple[NDArray[np.float32], ...], winner: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Classes bool [B,C] that `winner` [B] beats at all four corners, equality going to the lower label."""
    below: NDArray[np.bool_] = np.ones(corners[0].shape, bool)
    not_above = below.copy()
    for corner in corners:
        best = np.take_along_axis(corner, winner[:, None], axis=1)
        below &= corner < best
        not_above &= corner <= best
    return below | (not_above & (winner[:, None] < np.arange(corners[0].shape[1])))


def _decide_band(labels: NDArray[np.uint8], blocks: Blocks, rows: Axis, columns: Axis, band: slice) -> None:
    """Set the labels of the rows in `band` wherever the four corners differ."""
    number = blocks.number[rows.low[band]].take(columns.low, axis=1).ravel()
    mixed = np.flatnonzero(number >= 0).astype(np.int32)
    y, x = np.divmod(mixed, np.int32(len(columns.low)))
    number = number[mixed]
    down, across = rows.weight[band][y], columns.weight[x]
    labels[band].reshape(-1)[mixed] = _decide(blocks, number, down, across)


def _decide(
    blocks: Blocks,
    number: NDArray[np.int32],
    down: NDArray[np.float32],
    across: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Winners uint8 [P] at P pixels lying `down` and `across` in the blocks `number`."""
    best = np.full(len(number), -np.inf, np.float32)
    chosen = np.zeros(len(number), np.uint8)
    count = blocks.count[number]
    contested = np.arange(len(number))
    for rank, candidate in enumerate(blocks.candidates):
        contested = contested[count[contested] > rank]
        block, y, x = number[contested], down[contested], across[contested]
        nw, ne, sw, se = (corner[rank].take(block) for corner in blocks.corners)
        logit = (1 - y) * ((1 - x) * nw + x * ne) + y * ((1 - x) * sw + x * se)
        better = logit > best[contested]
        winning = contested[better]
        best[winning] = logit[better]
        chosen[winning] = candidate.take(block[better])
    return chosen
