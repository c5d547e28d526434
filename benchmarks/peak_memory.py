"""Peak memory of one process that loads a model and runs it: `growth` starts it, and reads two numbers.

python -m benchmarks.peak_memory MODEL LIBRARY HEIGHT WIDTH BUDGET THREADS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.runtimes import session

RUNS = 3


def peak_mebibytes() -> float:
    """Of this program: the kernel's ru_maxrss would count the process that started it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Runs the command line."""
    model, library, height, width, budget, threads = sys.argv[1:]
    opened = session(Path(model), int(threads), Path(library))
    loaded = peak_mebibytes()
    image = np.random.default_rng(0).integers(0, 256, (1, int(height), int(width), 3), np.uint8)
    for _ in range(RUNS):
        opened.run(None, {"image": image, "budget": np.array([budget], np.float32)})
    print(f"{loaded:.1f} {peak_mebibytes():.1f}")


if __name__ == "__main__":
    main()
