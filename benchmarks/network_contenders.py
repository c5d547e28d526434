"""A whole network in every engine: with its gates by the native operators, and without them by the peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from benchmarks import engines
from benchmarks.engines import Builders, Engine, LeftOut
from benchmarks.peers import feeds_of, openvino_run, relative_error, ungated
from benchmarks.runtimes import LEVELS, Level, NativeLibrary, session
from benchmarks.subjects import Setting, Subject
from benchmarks.timing import Run
from model_export.op.functions import inlined

LARGEST_ERROR = {"f32": 1e-3, "bf16": 0.2}
"""Of the logits at full computation, relative to the largest one: a check that the same was computed. Fifty
layers of bf16 with random weights add up; what bf16 costs a trained network is for its metrics to say."""

UNGATED = "ungated"


@dataclass(frozen=True)
class Contender:
    """An engine at one setting of the gates, or without them."""

    engine: Engine
    setting: str = UNGATED

    @property
    def name(self) -> str:
        """As in tables: "native bf16 budget 0.7"."""
        return f"{self.engine} {self.setting}"


Runs = dict[Contender, Run]

OPENVINO = {precision: Contender(engine) for precision, engine in engines.OPENVINO.items()}
ORT, ONEDNN = Contender(engines.ORT), Contender(engines.ONEDNN)


def contenders(
    subject: Subject, image: NDArray[np.uint8], library: NativeLibrary, threads: int, left_out: LeftOut
) -> Runs:
    """Each gives the semantic logits of image uint8 [1, H, W, 3]."""
    dense = ungated(subject.model)
    peers = _peers(subject, inlined(dense), image, threads)
    runs: Runs = {Contender(engine): build() for engine, build in peers.items() if engine not in left_out}
    if subject.network is None:
        runs |= _body(subject, image, threads)
    for level in LEVELS:
        if engines.NATIVE[level.precision] not in left_out:
            runs |= _native(subject, dense, image, level, library, threads)
    return runs


def _native(
    subject: Subject,
    dense: onnx.ModelProto,
    image: NDArray[np.uint8],
    level: Level,
    library: NativeLibrary,
    threads: int,
) -> Runs:
    engine = engines.NATIVE[level.precision]
    gated = library.session(subject.model, level, threads)
    runs = {
        Contender(engine, setting.label): _session_run(gated, _values(image, setting))
        for setting in subject.settings
    }
    free = library.session(dense, level, threads)
    values = _values(image, subject.settings[0])
    return runs | {Contender(engine): _session_run(free, feeds_of(dense, values))}


def _body(subject: Subject, image: NDArray[np.uint8], threads: int) -> Runs:
    full = subject.settings[0]
    opened = session(subject.model.SerializeToString(), threads)
    return {Contender(engines.BODY, full.label): _session_run(opened, _values(image, full))}


def _peers(subject: Subject, standard: onnx.ModelProto, image: NDArray[np.uint8], threads: int) -> Builders:
    feeds = feeds_of(standard, _values(image, subject.settings[0]))

    def openvino(precision: str) -> Run:
        return openvino_run(standard, feeds, precision, threads)

    return {
        engines.ORT: lambda: _session_run(session(standard.SerializeToString(), threads), feeds),
        **{engine: partial(openvino, p) for p, engine in engines.OPENVINO.items()},
        **({engines.ONEDNN: lambda: _onednn(subject.network, image, threads)} if subject.network else {}),
    }


def _onednn(network: Any, image: NDArray[np.uint8], threads: int) -> Run:
    import torch  # noqa: PLC0415 - for this peer alone

    from benchmarks.onednn import onednn_network  # noqa: PLC0415 - as above

    return onednn_network(network, torch.from_numpy(image), threads)


def _values(image: NDArray[np.uint8], setting: Setting) -> dict[str, NDArray[Any]]:
    return {"image": image, "budget": np.array([setting.budget], np.float32)}


def _session_run(opened: onnxruntime.InferenceSession, feeds: Mapping[str, NDArray[Any]]) -> Run:
    return lambda: opened.run(None, dict(feeds))[0]


def errors(subject: Subject, runs: Runs) -> dict[str, float]:
    """Each contender's largest error of the logits against ONNX Runtime's, where nothing is skipped.

    Raises:
        AssertionError: an error is larger than the precision explains, or a value is not finite.
    """
    full = {UNGATED, subject.settings[0].label}
    reference, found = np.array(runs[ORT]()), {}
    for contender, run in runs.items():
        result = np.asarray(run())
        assert np.isfinite(result).all(), f"{contender.name}: not finite"
        if contender.setting in full:
            error = relative_error(result, reference)
            assert error < LARGEST_ERROR[contender.engine.precision], f"{contender.name}: error {error:.1e}"
            found[contender.name] = float(f"{error:.2g}")
    return found
