"""The stream of batches: reproducible, resumable, mixed as planned."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.data.loader import Batch, BatchPlan, batches, positions
from model_export.data.nyuv2 import NyuV2
from model_export.data.transforms import Augmentation

PLAN = BatchPlan(seed=5, labelled=2, unlabelled=1, augmentation=Augmentation(crop=(96, 128)))


def sets(cache: Path) -> tuple[NyuV2, NyuV2]:
    return NyuV2(cache, ["0001", "0003", "0007"]), NyuV2(cache, ["0004"])


def assert_same(one: Batch, other: Batch) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_batches_hold_what_is_promised(made_cache: Path) -> None:
    batch = next(batches(*sets(made_cache), PLAN, 1, workers=0))
    assert {name: (tuple(value.shape), value.dtype) for name, value in batch.items()} == {
        "image": ((3, 96, 128, 3), torch.uint8),
        "labels": ((3, 96, 128), torch.int64),
        "depth": ((3, 96, 128), torch.float32),
        "depth_metric": ((3,), torch.bool),
        "normals": ((3, 96, 128, 3), torch.float32),
    }
    assert (batch["labels"][2] == 255).all()
    assert (batch["labels"][:2] != 255).any(dim=(1, 2)).all()


def test_a_stream_resumed_in_worker_processes_goes_on_as_the_first_would_have(made_cache: Path) -> None:
    whole = list(batches(*sets(made_cache), PLAN, 5, workers=0))
    resumed = list(batches(*sets(made_cache), PLAN, 5, start_step=3, workers=2))
    assert len(whole) == 5 and len(resumed) == 2
    for one, other in zip(whole[3:], resumed, strict=True):
        assert_same(one, other)


def test_seeds_differ_and_steps_differ(made_cache: Path) -> None:
    first, second = batches(*sets(made_cache), PLAN, 2, workers=0)
    other = next(batches(*sets(made_cache), BatchPlan(6, 2, 1, PLAN.augmentation), 1, workers=0))
    assert not torch.equal(first["depth"], second["depth"])
    assert not torch.equal(first["depth"], other["depth"])


def test_labelled_alone_needs_no_second_set(made_cache: Path) -> None:
    plan = BatchPlan(labelled=2, unlabelled=0, augmentation=PLAN.augmentation)
    assert len(next(batches(sets(made_cache)[0], None, plan, 1, workers=0))["image"]) == 2
    with pytest.raises(ValueError, match="wants 1 unlabelled"):
        next(batches(sets(made_cache)[0], None, PLAN, 1, workers=0))


@given(st.integers(1, 20), st.integers(1, 8), st.integers(0, 1000))
def test_every_round_uses_every_sample_once(count: int, per_step: int, seed: int) -> None:
    # `count` steps take per_step whole rounds.
    used = Counter(place for step in range(count) for place in positions(count, step, per_step, (seed,)))
    assert used == dict.fromkeys(range(count), per_step)
