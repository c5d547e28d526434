"""A whole network in every runtime: with its gates by the native operators, and without them by the peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from benchmarks.peers import feeds_of, has_openvino, openvino_run, relative_error, ungated
from benchmarks.runtimes import LEVELS, NativeLibrary, session
from benchmarks.subjects import Setting, Subject
from benchmarks.timing import Run
from model_export.op.functions import inlined

LARGEST_ERROR = {"f32": 1e-3, "bf16": 0.2}
"""Of the logits at full computation, relative to the largest one: a check that the same was computed. Fifty
layers of bf16 with random weights add up; what bf16 costs a trained network is for its metrics to say."""

UNGATED = "ungated"


@dataclass(frozen=True)
class Contender:
    """A runtime at a precision, at one setting of the gates or without them."""

    runtime: str
    precision: str
    setting: str = UNGATED

    @property
    def name(self) -> str:
        """As in tables: "native bf16 budget 0.7"."""
        return f"{self.runtime} {self.precision} {self.setting}"


Runs = dict[Contender, Run]

ORT = Contender("ort", "f32")
OPENVINO = {precision: Contender("openvino", precision) for precision in ("f32", "bf16")}
ONEDNN = Contender("onednn", "bf16")


def contenders(subject: Subject, image: NDArray[np.uint8], library: NativeLibrary, threads: int) -> Runs:
    """Each gives the semantic logits of image uint8 [1, H, W, 3]."""
    dense = ungated(subject.model)
    runs = _peers(subject, inlined(dense), image, threads)
    for level in LEVELS:
        gated = library.session(subject.model, level, threads)
        for setting in subject.settings:
            run = _session_run(gated, _values(image, setting))
            runs[Contender("native", level.precision, setting.label)] = run
        free = library.session(dense, level, threads)
        values = _values(image, subject.settings[0])
        runs[Contender("native", level.precision)] = _session_run(free, feeds_of(dense, values))
    return runs


def _peers(subject: Subject, standard: onnx.ModelProto, image: NDArray[np.uint8], threads: int) -> Runs:
    values = _values(image, subject.settings[0])
    feeds = feeds_of(standard, values)
    runs: Runs = {ORT: _session_run(session(standard.SerializeToString(), threads), feeds)}
    if has_openvino():
        for precision, contender in OPENVINO.items():
            runs[contender] = openvino_run(standard, feeds, precision, threads)
    if subject.network is not None:
        import torch  # noqa: PLC0415 - for this peer alone

        from benchmarks.onednn import onednn_network  # noqa: PLC0415 - as above

        runs[ONEDNN] = onednn_network(subject.network, torch.from_numpy(image), threads)
    else:
        bodies = session(subject.model.SerializeToString(), threads)
        full = subject.settings[0]
        runs[Contender("body", "f32", full.label)] = _session_run(bodies, values)
    return runs


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
            assert error < LARGEST_ERROR[contender.precision], f"{contender.name}: error {error:.1e}"
            found[contender.name] = float(f"{error:.2g}")
    return found
