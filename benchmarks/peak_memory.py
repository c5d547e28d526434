"""Peak memory of one process that loads a model and runs it: `growth` starts it, and reads two numbers.

python -m benchmarks.peak_memory MODEL LIBRARY PRECISION HEIGHT WIDTH BUDGET THREADS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from perforated_conv import configure

from benchmarks.memory import OWN, PEAK, mebibytes
from benchmarks.runtimes import session

RUNS = 3


def main() -> None:
    """Runs the command line."""
    model, library, precision, height, width, budget, threads = sys.argv[1:]
    configure(precision=precision, library=Path(library))
    opened = session(Path(model), int(threads), Path(library))
    loaded = mebibytes(OWN, PEAK)
    image = np.random.default_rng(0).integers(0, 256, (1, int(height), int(width), 3), np.uint8)
    for _ in range(RUNS):
        opened.run(None, {"image": image, "budget": np.array([budget], np.float32)})
    print(f"{loaded:.1f} {mebibytes(OWN, PEAK):.1f}")


if __name__ == "__main__":
    main()
