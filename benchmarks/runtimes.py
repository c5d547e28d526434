"""ONNX Runtime sessions: with the native library at a chosen precision, or with standard kernels alone."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from perforated_conv import ISAS, configure, kernels_in_use, library_path

from benchmarks.engines import PRECISIONS, CannotRun
from benchmarks.timing import Run

SPIN_MICROSECONDS = "2000"
"""How long a session's idle threads wait for work before they sleep: longer than any gap within a run, and
shorter than timing.SETTLING_SECONDS. By default it is some 35 ms, which the next contender would pay for."""


BF16_ISAS = ISAS[ISAS.index("avx512_bf16") :]
"""Instruction sets that multiply bfloat16; the kernels of others do it in float32, slowly."""


@dataclass(frozen=True)
class Level:
    """The setting of a copy of the native library: the precision, f32 or bf16."""

    precision: str

    @property
    def name(self) -> str:
        """As in tables: "native bf16"."""
        return f"native {self.precision}"


LEVELS = tuple(Level(precision) for precision in PRECISIONS)


class NativeLibrary:
    """The native library at several levels within one process.

    The library chooses its kernels once, at the first use. A copy under another name is another library to
    the loader, so each level has a copy with a choice of its own, and levels alternate run by run.
    """

    def __init__(self, path: Path | None = None) -> None:
        found = path or library_path()
        if found is None:
            raise SystemExit("installed without the native library: nothing to measure; give --library")
        self.path = found
        self._folder = Path(tempfile.mkdtemp(prefix="perforated_conv-"))
        # Sessions may use the copies as long as the process lives.
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)

    @property
    def digest(self) -> str:
        """First digits of the file's SHA-256: names the library that was timed."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]

    def session(self, model: onnx.ModelProto, level: Level, threads: int) -> onnxruntime.InferenceSession:
        """The model with our operators run by the library at that level.

        Without their function bodies, to which ONNX Runtime would turn in silence where the library has no
        kernel: this way it refuses the model.
        """
        bare = onnx.ModelProto()
        bare.CopyFrom(model)
        del bare.functions[:]
        return session(bare.SerializeToString(), threads, self.copy(level))

    def require(self, level: Level) -> None:
        """Raises CannotRun if the kernels in use have no instructions for the level's precision."""
        kernels = kernels_in_use(self.copy(level))
        assert kernels is not None and kernels.precision == level.precision, kernels
        if level.precision == "bf16" and kernels.isa not in BF16_ISAS:
            raise CannotRun(f"the processor's best kernels, {kernels.isa}, do not multiply bf16")

    def best_level(self) -> Level:
        """bf16 where the processor multiplies it, else f32, with a line that says so."""
        try:
            self.require(Level("bf16"))
        except CannotRun as reason:
            print(f"native bf16 is left out: {reason}")
            return Level("f32")
        return Level("bf16")

    def copy(self, level: Level) -> Path:
        """The level's copy of the library."""
        copy = self._folder / f"{level.name.replace(' ', '-')}.so"
        if not copy.exists():
            shutil.copyfile(self.path, copy)
            configure(precision=level.precision, library=copy)
        return copy


def session(model: Path | bytes, threads: int, library: Path | None = None) -> onnxruntime.InferenceSession:
    """The model on the CPU; without a library our operators run by their function bodies."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)
    if library is not None:
        options.register_custom_ops_library(str(library))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def bound(session: onnxruntime.InferenceSession, feeds: Mapping[str, NDArray[Any]]) -> Run:
    """A run into one preallocated float32 output, which each call returns."""
    shape = session.run(None, dict(feeds))[0].shape
    result = onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(shape), np.float32, "cpu", 0)
    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    binding.bind_ortvalue_output(session.get_outputs()[0].name, result)

    def run() -> NDArray[np.float32]:
        session.run_with_iobinding(binding)
        values: NDArray[np.float32] = result.numpy()
        return values

    return run
