"""The gates of a network that was trained densely, learned from photographs without labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from model_export.common.errors import FixableError
from model_export.common.sizes import SIZE_MULTIPLE
from model_export.common.threads import one_for_small
from model_export.data.loader import Samples
from model_export.data.photographs import Photographs, read_image, working_size
from model_export.networks.cost import count
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise
from model_export.networks.tasks import TASKS
from model_export.training import train
from model_export.training.config import TrainingConfig, View
from model_export.training.saved import StoredNetwork, load_network

LARGEST_CROP = (320, 416)
ZOOM = (0.85, 1.6)
"""Of a crop against the whole image in it, log-uniform."""
STEPS = 200
COMPARED = 8
BUDGET = 0.5


def configuration(checkpoint: Path, photographs: Path, *, steps: int, batch: int) -> TrainingConfig:
    """Stage 2 of a stored network, its gates drawn to its own dense pass and nothing else trained.

    Without labels there is nothing to hold other weights: trained as well, they came nearer to the dense maps
    at equal ratios and lost four points of mIoU at every budget, 1 included.

    Raises:
        FixableError: no photograph, or a checkpoint that will not do.
    """
    stored = StoredNetwork.read(checkpoint)
    if steps < 1 or batch < 1:
        raise FixableError(f"steps and batch must be 1 or more, got {steps} and {batch}")
    return TrainingConfig(
        stored.name, {**stored.options, "gated": True}, gated=True, supervised=False,
        multipool=stored.options.get("multipool") or "pag", steps=steps,
        views=(_view(Photographs(photographs, COMPARED), batch),),
        only_gates=True, learning_rate=0.01, warmup_steps=min(30, steps // 10), average_decay=0.98,
        freeze_all_statistics=True,
    )  # fmt: skip


def _view(photographs: Photographs, batch: int) -> View:
    """Crops of about two thirds of the photographs' median working size, or all of small ones."""
    sizes = [working_size(*read_image(path).shape[:2]) for path in photographs.paths]
    middle = np.median(sizes, axis=0)
    crop = [
        min(limit, int(side) // SIZE_MULTIPLE * SIZE_MULTIPLE)
        for side, limit in zip(middle, LARGEST_CROP, strict=True)
    ]
    part = float(max(crop[0] / middle[0], crop[1] / middle[1]))
    return View((crop[0], crop[1]), (part * ZOOM[0], part * ZOOM[1]), labelled=0, unlabelled=batch)


@torch.no_grad()
def agreement(
    network: DenseParser, teacher: DenseParser, samples: Samples, budget: float
) -> dict[str, float]:
    """Task -> how its maps at a budget agree with the teacher's dense ones, mean over samples.

    All gates have one ratio. The number is that of the task's `agreement`, at stride 8.
    """
    network.eval()
    ratios = {name: torch.full((1,), ratio) for name, ratio in count(network).ratios(budget).items()}
    rows = []
    for position in range(len(samples)):
        image = normalise(torch.from_numpy(samples[position].image)[None])
        dense, sparse = teacher(image), network(image, ratios)
        rows.append({task: float(TASKS[task].agreement.compare(sparse[task], dense[task])) for task in dense})
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def learn_gates(
    checkpoint: Path,
    photographs: Path,
    folder: Path,
    *,
    steps: int = STEPS,
    batch: int = 4,
    save_minutes: float = 3.0,
) -> Path:
    """Trains the gates; returns the checkpoint's path. Run again after an interruption, it goes on.

    Says how maps at a middling budget agreed with the dense ones of `checkpoint` before, and do after, on
    COMPARED of the photographs.

    Raises:
        FixableError: no photograph, no gates to learn, or a checkpoint that will not do.
    """
    config = configuration(checkpoint, photographs, steps=steps, batch=batch)
    options = train.RunOptions(
        folder, checkpoint, save_minutes, validate_steps=0, workers=0, photographs=photographs
    )
    one_for_small(*config.views[0].crop)
    teacher, seen = load_network(checkpoint), Photographs(photographs, COMPARED, cropped=True)
    fresh = train.fresh_network(config, options)
    budget = _middling(count(fresh).floor)
    print(_told("before", budget, agreement(fresh, teacher, seen, budget)))
    path = train.run(config, options)
    print(_told("after", budget, agreement(load_network(path), teacher, seen, budget)))
    return path


def _middling(floor: float) -> float:
    """BUDGET, or halfway to 1 where it is hardly above the floor, at which no gate has a choice."""
    return BUDGET if floor < BUDGET - 0.1 else round((1 + floor) / 2, 2)


def _told(when: str, budget: float, figures: Mapping[str, float]) -> str:
    said = ", ".join(TASKS[task].agreement.words.format(value) for task, value in figures.items())
    return f"{when}: maps at budget {budget:g}, all gates alike, against the dense ones: {said}"
