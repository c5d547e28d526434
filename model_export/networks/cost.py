"""Multiply-adds, counted exactly per layer, and the budget they make: share <-> gate ratios."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model_export.common.sizes import REFERENCE_SIZE
from model_export.networks.gates import BlockGate, LayerGate
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.networks.pooling import MultiPool


@dataclass(frozen=True)
class LayerCost:
    """One layer's multiply-adds at full computation.

    Attributes:
        name: the layer's path in the network.
        multiply_adds: with every pixel computed.
        gate: name of the gated block whose mask the layer obeys; None: always computed.
    """

    name: str
    multiply_adds: int
    gate: str | None


@dataclass(frozen=True)
class NetworkCost:
    """Multiply-adds of a network at one input size.

    Attributes:
        layers: in the order of execution.
        floors: gate name -> smallest ratio (the coarse grid, or 0).
    """

    layers: tuple[LayerCost, ...]
    floors: dict[str, float]

    @property
    def total(self) -> int:
        """Multiply-adds with every pixel computed."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def always(self) -> int:
        """Multiply-adds that no gate can save."""
        return sum(layer.multiply_adds for layer in self.layers if layer.gate is None)

    def gated(self) -> dict[str, int]:
        """Gate name -> multiply-adds under it with every pixel computed."""
        sums = dict.fromkeys(self.floors, 0)
        for layer in self.layers:
            if layer.gate is not None:
                sums[layer.gate] += layer.multiply_adds
        return sums

    def share(self, ratios: Mapping[str, float]) -> float:
        """Share of the full network's multiply-adds at these gate ratios."""
        return (self.always + sum(macs * ratios[name] for name, macs in self.gated().items())) / self.total

    @property
    def floor(self) -> float:
        """The smallest share."""
        return self.share(self.floors)

    def ratios(self, budget: float) -> dict[str, float]:
        """Equal gate ratios (raised to their floors) that spend exactly the budget, a share in (0, 1].

        A budget below the floor gives the floor's ratios.

        Raises:
            ValueError: the budget is not in (0, 1].
        """
        if not 0 < budget <= 1:
            raise ValueError(f"a budget lies in (0, 1], got {budget}")
        low, high = 0.0, 1.0
        for _ in range(60):  # bisection: the share grows with the common ratio
            middle = (low + high) / 2
            low, high = (middle, high) if self.share(self._raised(middle)) <= budget else (low, middle)
        return self._raised(1.0 if budget == 1 else low)

    def _raised(self, ratio: float) -> dict[str, float]:
        return {name: max(ratio, floor) for name, floor in self.floors.items()}


def count(
    network: DenseParser, height: int = REFERENCE_SIZE[0], width: int = REFERENCE_SIZE[1]
) -> NetworkCost:
    """Counts a network's multiply-adds at an input size (multiples of SIZE_MULTIPLE).

    Convolutions count; batch norms, activations, interpolation and upsampling do not (the talk's convention).
    MultiPool in mode "pag" counts one branch a pixel, also where it copies: a ceiling that does not depend on
    the image.
    """
    counter = _Counter(copy.deepcopy(network).to("meta").eval())
    return counter.run(height, width)


class _Counter:
    """Runs the network on the meta device; a layer belongs to the gate whose mask it is given."""

    def __init__(self, network: DenseParser) -> None:
        self.network = network
        self.gate_of_mask: dict[int, str] = {}
        self.kept: list[Tensor] = []  # ids stay unique while their tensors live
        self.layers: list[LayerCost] = []

    def run(self, height: int, width: int) -> NetworkCost:
        gates = self.network.gates()
        for name, gate in gates.items():
            gate.register_forward_hook(self._gate_hook(name))
        branches = tuple(branch for pool in self.network.multipools() for branch in pool.branches)
        for name, module in self.network.named_modules():
            if isinstance(module, PerforatedConv2d) and module not in branches:
                module.register_forward_hook(self._conv_hook(name))
            elif isinstance(module, MultiPool):
                module.register_forward_hook(self._pool_hook(name))
        ratios = {name: torch.ones(1, device="meta") for name in gates}
        self.network(torch.empty(1, 3, height, width, device="meta"), ratios)
        return NetworkCost(tuple(self.layers), {name: gate.floor() for name, gate in gates.items()})

    def _add(self, name: str, multiply_adds: int, mask: Tensor | None) -> None:
        gate = None if mask is None else self.gate_of_mask[id(mask)]
        self.layers.append(LayerCost(name, multiply_adds, gate))

    def _gate_hook(self, name: str) -> Any:
        def hook(gate: BlockGate, _: Any, mask: Tensor) -> None:
            self.kept.append(mask)
            self.gate_of_mask[id(mask)] = name
            decisions = 1 if isinstance(gate, LayerGate) else mask.numel()
            self.layers.append(LayerCost(f"{name}.gate", gate.weight.shape[1] * decisions, None))

        return hook

    def _conv_hook(self, name: str) -> Any:
        def hook(layer: PerforatedConv2d, arguments: tuple[Any, ...], output: Tensor) -> None:
            mask = arguments[1] if len(arguments) > 1 else None
            self._add(name, _filter_size(layer) * output.shape[2] * output.shape[3], mask)

        return hook

    def _pool_hook(self, name: str) -> Any:
        def hook(pool: MultiPool, arguments: tuple[Any, ...], output: Tensor) -> None:
            branches = 1 if pool.mode == "pag" else len(pool.branches)
            per_pixel = branches * _filter_size(pool.branches[0])
            self._add(name, per_pixel * output.shape[2] * output.shape[3], arguments[1])

        return hook


def _filter_size(layer: nn.Module) -> int:
    weight: Tensor = layer.weight  # type: ignore[assignment]
    return weight.numel()
