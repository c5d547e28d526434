"""One training step and the loop around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from model_export.networks.losses import Batch, gate_divergence
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise
from model_export.networks.tasks import Maps, distillation_terms, task_terms
from model_export.training.checkpoint import TrainingState
from model_export.training.config import TrainingConfig


class NonFiniteLossError(RuntimeError):
    """A loss term or the gradient became NaN or infinite; the message names every term and its value."""


def draw_ratios(network: DenseParser, images: int, config: TrainingConfig) -> dict[str, Tensor]:
    """Gate name -> [images], from U[floor, 1]: for half of the images one ratio for all gates, else one each.

    Drawn each for itself, they prepare the network for any allocation of a budget. A batch's first image has
    every gate at the floor. With a fixed ratio, that one for every gate and image.
    """
    if config.fixed_ratio is not None:
        return dict.fromkeys(network.gates(), torch.full((images,), config.fixed_ratio))
    shared = torch.empty(images).uniform_(config.ratio_floor, 1.0)
    alike = torch.rand(images) < 0.5
    alike[0], shared[0] = True, config.ratio_floor
    return {
        name: torch.where(alike, shared, torch.empty(images).uniform_(config.ratio_floor, 1.0))
        for name in network.gates()
    }


def learning_rate_factor(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then (1 - step/steps)^0.9."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    return warmup * float((1 - step / config.steps) ** 0.9)


def loss_terms(
    network: DenseParser,
    batch: Batch,
    config: TrainingConfig,
    teacher: DenseParser | None = None,
) -> Iterator[dict[str, Tensor]]:
    """The weighted terms of each pass of one step; the caller runs backward before it asks for the next.

    With a teacher there is one pass, drawn to the teacher's dense one; targets are not looked at.
    """
    image = normalise(batch["image"])
    if teacher is not None:
        with torch.no_grad():
            dense = _forward(teacher, image, None)
    else:
        dense = _forward(network, image, None)
        yield _weighted(task_terms(dense, batch), config)
    if config.gated:
        student = _forward(network, image, draw_ratios(network, image.shape[0], config))
        terms = distillation_terms(student, dense)
        if teacher is None:
            terms = task_terms(student, batch) | terms
        terms["gates"] = gate_divergence(gate.record for gate in network.gates().values() if gate.record)
        yield {f"gated_{name}": value for name, value in _weighted(terms, config).items()}


def _forward(network: DenseParser, image: Tensor, ratios: dict[str, Tensor] | None) -> Maps:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps: Maps = network(image, ratios)
    return maps


def _weighted(terms: Mapping[str, Tensor], config: TrainingConfig) -> dict[str, Tensor]:
    return {name: value * config.loss_weights[name] for name, value in terms.items()}


def train_step(state: TrainingState, batch: Batch, config: TrainingConfig) -> dict[str, float]:
    """One optimiser step; returns the weighted terms.

    Raises:
        NonFiniteLossError: naming the terms; no weight is changed.
    """
    network = state.network
    assert isinstance(network, DenseParser), "the loop trains a DenseParser"
    state.optimizer.zero_grad(set_to_none=True)
    values: dict[str, float] = {}
    if state.adjustment is not None:
        batch = {**batch, "adjustment": state.adjustment}
    for terms in loss_terms(network, batch, config, state.teacher):
        values |= {name: float(value.detach()) for name, value in terms.items()}
        if not all(math.isfinite(value) for value in values.values()):
            raise NonFiniteLossError(f"step {state.step}: a loss term is not finite: {values}")
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_norm))
    if not math.isfinite(norm):
        raise NonFiniteLossError(f"step {state.step}: the gradient is not finite; the terms are {values}")
    _set_learning_rate(state.optimizer, learning_rate_factor(state.step, config))
    state.optimizer.step()
    state.average.update(network)
    state.step += 1
    return values


def _set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def train(
    state: TrainingState, batches: Iterable[Batch], config: TrainingConfig
) -> Iterator[dict[str, float]]:
    """Runs the steps of the batches, yielding each step's terms."""
    state.network.train()
    for batch in batches:
        yield train_step(state, batch, config)
