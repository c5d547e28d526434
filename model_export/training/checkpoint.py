"""Checkpoints: the whole state of a run, from which it resumes exactly; in plain form a network alone."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model_export.common.errors import FixableError
from model_export.common.writing import replacing
from model_export.networks.parser import DenseParser


class WeightAverage:
    """Exponential moving average of a network's parameters and buffers.

    Args:
        network: whose values it starts from.
        decay: weight of the old average per update, reached gradually over the first updates.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Takes in the network's present values."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)


@dataclass
class TrainingState:
    """The live objects of a run.

    Not saved: adjustment [K], added to semantic logits in the loss; teacher, the network whose dense pass
    the gated ones are drawn to in place of targets.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage
    step: int = 0
    adjustment: Tensor | None = None
    teacher: DenseParser | None = None


def save(path: Path, state: TrainingState, config: dict[str, Any]) -> None:
    """Writes a checkpoint; the file appears whole or not at all."""
    content = {
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "average": state.average.values,
        "average_updates": state.average.updates,
        "step": state.step,
        "random": torch.get_rng_state(),
        "config": config,
    }
    with replacing(path) as partial:
        torch.save(content, partial)


def save_plain(path: Path, name: str, options: dict[str, Any], weights: dict[str, Tensor]) -> None:
    """Writes the plain form: {"network": name, "options": options, "weights": state dict}."""
    with replacing(path) as partial:
        torch.save({"network": name, "options": options, "weights": weights}, partial)


def is_plain(content: dict[str, Any]) -> bool:
    """Whether the content is of the plain form."""
    return {"network", "options", "weights"} <= content.keys() and isinstance(content["network"], str)


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's content.

    Raises:
        FileNotFoundError: naming the path.
        FixableError: it is no file of torch.save, or holds more than tensors and plain values.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; train one, or give --checkpoint another path")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise FixableError(
            f"{path} cannot be read as tensors and plain values; write it with save_network of "
            f"model_export.training.saved ({str(error).splitlines()[0]})"
        ) from error
    return content if isinstance(content, dict) else {type(content).__name__: content}


def restore(content: dict[str, Any], state: TrainingState) -> None:
    """Puts a checkpoint's content back into the live objects and the random generator."""
    state.network.load_state_dict(content["network"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.average.values = content["average"]
    state.average.updates = content["average_updates"]
    state.step = content["step"]
    torch.set_rng_state(content["random"])


def averaged_weights(content: dict[str, Any]) -> dict[str, Tensor]:
    """The moving average of a checkpoint: the weights to evaluate and export."""
    weights: dict[str, Tensor] = content["average"]
    return weights
