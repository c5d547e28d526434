"""The machine's measured peaks, and the least time that they leave to a piece of work."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path("build/bench/bench/roofline")


@dataclass(frozen=True)
class Roofline:
    """Peaks of native/bench/roofline.cc on a number of threads, 1e9 operations or bytes a second.

    A multiply-add is two operations. None: the CPU has no such instruction.
    """

    threads: int
    fma_instructions_per_ns: float | None
    f32_gflops: float | None
    bf16_dot_gflops: float | None
    bf16_matrix_gflops: float | None
    read_gbytes: float
    write_gbytes: float
    l2_read_gbytes: float
    l3_read_gbytes: float
    l2_bytes: int
    l3_bytes: int

    def peak(self, precision: str) -> float:
        """GFLOP/s at f32 or bf16; of a CPU without bf16 instructions the f32 peak, NaN if not known."""
        best = self.f32_gflops
        if precision == "bf16":
            best = self.bf16_matrix_gflops or self.bf16_dot_gflops or best
        return best or float("nan")

    def least_milliseconds(self, gflop: float, gbytes: float, precision: str) -> float:
        """What computing and reading take at their peaks, the longer of the two.

        Bytes come from the last cache if it can hold them all, since layers are timed warm.
        """
        bandwidth = self.l3_read_gbytes if gbytes * 1e9 <= self.l3_bytes else self.read_gbytes
        return 1e3 * max(gflop / self.peak(precision), gbytes / bandwidth)

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)

    def __str__(self) -> str:
        matrix = f", bf16 tiles {self.bf16_matrix_gflops:.0f}" if self.bf16_matrix_gflops else ""
        return (
            f"peaks of {self.threads} threads: f32 {self.peak('f32'):.0f}, "
            f"bf16 dot product {self.bf16_dot_gflops or float('nan'):.0f}{matrix} GFLOP/s; memory read "
            f"{self.read_gbytes:.0f}, write {self.write_gbytes:.0f}, L3 read {self.l3_read_gbytes:.0f}, "
            f"L2 read {self.l2_read_gbytes:.0f} GB/s"
        )


def measure_roofline(threads: int, program: Path = PROGRAM) -> Roofline:
    """Runs the program, some seconds."""
    if not program.is_file():
        raise SystemExit(f"{program} is missing: `make {PROGRAM}` builds it, --roofline names another")
    output = subprocess.run([program, str(threads)], capture_output=True, text=True, check=True).stdout
    return Roofline(**json.loads(output))
