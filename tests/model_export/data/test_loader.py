"""The stream of batches: reproducible, resumable, mixed as planned."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.data.loader import Batch, BatchPlan, batches, positions
from model_export.data.nyuv2 import NyuV2
from model_export.data.sample import Sample
from model_export.data.transforms import Augmentation

PLAN = BatchPlan(labelled=2, unlabelled=1, augmentation=Augmentation(crop=(96, 128)))
OTHER = BatchPlan(labelled=1, unlabelled=2, augmentation=Augmentation(crop=(64, 96), scale=(0.5, 0.6)))
ALONE = BatchPlan(labelled=3, unlabelled=0, augmentation=Augmentation(crop=(32, 64)))
MIXED = (PLAN, OTHER, ALONE)


def sets(cache: Path) -> tuple[NyuV2, NyuV2]:
    return NyuV2(cache, ["0001", "0003", "0007"]), NyuV2(cache, ["0004"])


def assert_same(one: Batch, other: Batch) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_batches_hold_what_is_promised(made_cache: Path) -> None:
    batch = next(batches(*sets(made_cache), [PLAN], 1, workers=0))
    assert {name: (tuple(value.shape), value.dtype) for name, value in batch.items()} == {
        "image": ((3, 96, 128, 3), torch.uint8),
        "labels": ((3, 96, 128), torch.int64),
        "depth": ((3, 96, 128), torch.float32),
        "depth_metric": ((3,), torch.bool),
        "normals": ((3, 96, 128, 3), torch.float32),
    }
    assert (batch["labels"][2] == 255).all()
    assert (batch["labels"][:2] != 255).any(dim=(1, 2)).all()


@pytest.mark.slow
def test_a_stream_resumed_in_worker_processes_goes_on_as_the_first_would_have(made_cache: Path) -> None:
    whole = list(batches(*sets(made_cache), MIXED, 7, seed=5, workers=0))
    resumed = list(batches(*sets(made_cache), MIXED, 7, seed=5, start_step=4, workers=2))
    assert len(whole) == 7 and len(resumed) == 3
    for one, other in zip(whole[4:], resumed, strict=True):
        assert_same(one, other)


def test_plans_are_taken_in_turn(made_cache: Path) -> None:
    shapes = [tuple(batch["image"].shape) for batch in batches(*sets(made_cache), MIXED, 5, workers=0)]
    assert shapes == [(3, 96, 128, 3), (3, 64, 96, 3), (3, 32, 64, 3), (3, 96, 128, 3), (3, 64, 96, 3)]


class Recorded:
    """A data set that notes which of its samples are taken."""

    def __init__(self, samples: NyuV2) -> None:
        self.samples, self.taken = samples, Counter[int]()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, position: int) -> Sample:
        self.taken[position] += 1
        return self.samples[position]


def test_plans_of_several_sizes_share_one_round_of_each_set(made_cache: Path) -> None:
    labelled = Recorded(NyuV2(made_cache, ["0001", "0003", "0007"]))
    unlabelled = Recorded(NyuV2(made_cache, ["0004"]))
    list(batches(labelled, unlabelled, MIXED, 6, workers=0))
    # Twice 2 + 1 + 3 labelled samples are four rounds of three.
    assert labelled.taken == {0: 4, 1: 4, 2: 4} and unlabelled.taken == {0: 6}


def test_seeds_differ_and_steps_differ(made_cache: Path) -> None:
    first, second = batches(*sets(made_cache), [PLAN], 2, seed=5, workers=0)
    other = next(batches(*sets(made_cache), [PLAN], 1, seed=6, workers=0))
    assert not torch.equal(first["depth"], second["depth"])
    assert not torch.equal(first["depth"], other["depth"])


def test_labelled_alone_needs_no_second_set(made_cache: Path) -> None:
    plan = BatchPlan(labelled=2, unlabelled=0, augmentation=PLAN.augmentation)
    assert len(next(batches(sets(made_cache)[0], None, [plan], 1, workers=0))["image"]) == 2
    with pytest.raises(ValueError, match="wants 2 unlabelled"):
        next(batches(sets(made_cache)[0], None, [plan, OTHER], 1, workers=0))


@given(
    count=st.integers(1, 20),
    numbers=st.lists(st.integers(0, 8), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
def test_every_round_uses_every_sample_once(count: int, numbers: list[int], seed: int) -> None:
    starts = list(accumulate(numbers, initial=0))
    drawn = [
        place for start, end in pairwise(starts) for place in positions(count, range(start, end), (seed,))
    ]
    assert drawn == positions(count, range(sum(numbers)), (seed,)), "however the draws are split"
    rounds = [drawn[start : start + count] for start in range(0, len(drawn), count)]
    for places in rounds:
        assert len(set(places)) == len(places)
        assert len(places) < count or set(places) == set(range(count))
