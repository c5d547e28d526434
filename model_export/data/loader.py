"""Batches for training: a stream that depends on seed and step alone, so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model_export.data.sample import Sample
from model_export.data.transforms import Augmentation, augment

Batch = dict[str, Tensor]


class Samples(Protocol):
    """A data set by position; NyuV2 and NyuV2Mat are such."""

    def __len__(self) -> int: ...
    def __getitem__(self, position: int, /) -> Sample: ...


@dataclass(frozen=True)
class BatchPlan:
    """What a batch is made of: so many samples of the labelled set, then of the unlabelled one, augmented."""

    labelled: int = 6
    unlabelled: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)


def batches(
    labelled: Samples,
    unlabelled: Samples | None,
    plans: Sequence[BatchPlan],
    steps: int,
    *,
    seed: int = 0,
    start_step: int = 0,
    workers: int = 2,
) -> Iterator[Batch]:
    """Batches of the steps start_step .. steps - 1, in order, made by `workers` processes (0: in this one).

    The plans are taken in turn. The batch of a step is a function of (plans, seed, step): every set is gone
    through in a shuffled order, anew each round, and each sample's augmentation is seeded by (seed, step,
    place in the batch).
    Yields the dictionary of `collate`. Raises ValueError when the plan asks for samples of a set not given.
    """
    wanted = max(plan.unlabelled for plan in plans)
    if wanted and not unlabelled:
        raise ValueError(f"a plan wants {wanted} unlabelled samples a batch and no set is given")
    loader = DataLoader(
        _Steps(labelled, unlabelled, plans, seed),
        batch_size=None,
        sampler=range(start_step, steps),
        num_workers=workers,
        worker_init_fn=_single_thread if workers else None,
        prefetch_factor=2 if workers else None,
        # Its own generator: seeding the workers would draw from the run's, and a resumed run draw once more.
        generator=torch.Generator(),
        # A forked child of a process whose OpenCV runs threads waits for ever; a spawned one does not.
        multiprocessing_context="spawn" if workers else None,
    )
    yield from loader


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples of one size -> tensors.

    image uint8 [B, H, W, 3] RGB; labels int64 [B, H, W], 255 void; depth float32 [B, H, W] metres, 0 invalid;
    depth_metric bool [B]; normals float32 [B, H, W, 3], zero vector invalid.
    """
    return {
        "image": torch.from_numpy(np.stack([sample.image for sample in samples])),
        "labels": torch.from_numpy(np.stack([sample.labels for sample in samples]).astype(np.int64)),
        "depth": torch.from_numpy(np.stack([sample.depth for sample in samples])),
        "depth_metric": torch.tensor([sample.depth_metric for sample in samples]),
        "normals": torch.from_numpy(np.stack([sample.normals for sample in samples])),
    }


def positions(count: int, taken: range, seed: Sequence[int]) -> list[int]:
    """Places in a set of `count` of the draws number `taken`: consecutive ones of endless shuffles."""
    rounds = {number // count for number in taken}
    shuffled = {round_: np.random.default_rng([*seed, round_]).permutation(count) for round_ in rounds}
    return [int(shuffled[number // count][number % count]) for number in taken]


class _Steps(Dataset[Batch]):
    """Item number `step` is the whole batch of that step."""

    def __init__(
        self, labelled: Samples, unlabelled: Samples | None, plans: Sequence[BatchPlan], seed: int
    ) -> None:
        self._plans, self._seed = plans, seed
        self._pools = [(labelled, [plan.labelled for plan in plans])]
        if unlabelled is not None:
            self._pools.append((unlabelled, [plan.unlabelled for plan in plans]))

    def __getitem__(self, step: int) -> Batch:
        turn, place = divmod(step, len(self._plans))
        samples: list[Sample] = []
        for pool_number, (pool, numbers) in enumerate(self._pools):
            first = turn * sum(numbers) + sum(numbers[:place])
            taken = range(first, first + numbers[place])
            for position in positions(len(pool), taken, (self._seed, pool_number)):
                rng = np.random.default_rng([self._seed, step, len(samples)])
                samples.append(augment(pool[position], self._plans[place].augmentation, rng))
        return collate(samples)


def _single_thread(_worker: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
