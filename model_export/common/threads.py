"""The number of torch's threads."""

from __future__ import annotations

import torch

SMALL_PIXELS = 128 * 128


def one_for_small(height: int, width: int) -> None:
    """One thread for images so small that a second is only waited for, and for long on a busy machine."""
    if height * width <= SMALL_PIXELS:
        torch.set_num_threads(1)
