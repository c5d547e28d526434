"""One thread of torch, and random networks whose every part matters to the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from model_export.networks.gates import Gate, LayerGate
from model_export.networks.layers import PerforatedConv2d


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """The maps are tiny: a second thread of torch would only be waited for, minutes on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random numbers in every test, in whatever order they run."""
    torch.manual_seed(0)


def _randomise(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            nn.init.normal_(part.running_mean, std=0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.2)
        elif isinstance(part, (Gate, LayerGate)):
            nn.init.normal_(part.weight, std=part.weight.shape[1] ** -0.5)
            nn.init.normal_(part.bias)
        elif isinstance(part, PerforatedConv2d) and part.bias is not None:
            # Maps of the size that trained ones have: depth within its range, logits of order ten.
            nn.init.normal_(part.weight, std=0.3 * part.weight.shape[1] ** -0.5)
            nn.init.normal_(part.bias, std=0.2)


@pytest.fixture(scope="session")
def randomise() -> Callable[[nn.Module], None]:
    """Gives norms, gates and heads values that differ from those they start with, in place."""
    return _randomise
