"""The kernel levels of this machine, and layers run in a process per level or precision.

As a program, `python -m tests.support.operators.layers RESULT.npz` writes Y of every layer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.operators.nodes import Array, conv_tensors, run_conv

SAME = {"pads": (1,) * 4}

# name: (shape of X, shape of W, density of the mask, residual, attributes); odd sizes at every scale.
LAYERS: dict[str, tuple[Any, Any, float | None, bool, dict[str, Any]]] = {
    "one term": ((2, 9, 11, 1), (5, 1, 1, 1), 0.5, False, {}),
    "odd depth": ((1, 13, 12, 33), (47, 1, 1, 33), 0.5, True, {}),
    "3x3": ((2, 11, 13, 29), (31, 3, 3, 29), 0.4, True, {"activation": "relu", **SAME}),
    "interpolated": ((1, 15, 14, 40), (24, 3, 3, 40), 0.2, False, {"fill": "interpolate", **SAME}),
    "several blocks": ((1, 8, 9, 150), (64, 3, 3, 150), None, False, {"dilations": (2, 2), "pads": (2,) * 4}),
    "strided": (
        (2, 17, 15, 3),
        (32, 3, 3, 3),
        None,
        False,
        {"strides": (2, 2), "activation": "relu6", **SAME},
    ),
    "depthwise": ((1, 12, 13, 77), (77, 5, 5, 1), 0.6, False, {"group": 77, "pads": (2,) * 4}),
}

CAP, PRECISION = "PERFORATED_CONV_MAX_ISA", "PERFORATED_CONV_PRECISION"

# Levels, worst first, and what /proc/cpuinfo must list for each. A new level joins here.
LEVELS = {
    "portable": set(),
    "avx2": {"avx2", "fma"},
    "avx512": {"avx512f", "avx512vl"},
    "avx512_bf16": {"avx512_bf16"},
    "amx": {"amx_tile", "amx_bf16"},
}


def levels_here() -> list[str]:
    """Levels that this machine has and the processes of this run do not use by themselves."""
    text = Path("/proc/cpuinfo").read_text()
    flags = set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
    return [level for level, needed in LEVELS.items() if needed <= flags][:-1]


def tensors_of(name: str) -> dict[str, Array]:
    x, w, density, residual, attributes = LAYERS[name]
    return conv_tensors(11, x, w, density, residual, attributes=attributes)


def attributes_of(name: str) -> dict[str, Any]:
    return LAYERS[name][-1]


def run_layers(result: Path, environment: Mapping[str, str]) -> dict[str, Array]:
    """Y of each layer, from a process with this environment beside the present one."""
    command = [sys.executable, "-m", "tests.support.operators.layers", str(result)]
    root = Path(__file__).parents[3]
    run = subprocess.run(
        command,
        env={**os.environ, **environment},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return dict(np.load(result))


if __name__ == "__main__":
    np.savez(sys.argv[1], **{name: run_conv(tensors_of(name), **attributes_of(name)) for name in LAYERS})
