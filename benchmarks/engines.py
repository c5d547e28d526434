"""Engines: a runtime at a precision, and which of them this machine can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.timing import Run


class CannotRun(Exception):
    """This machine cannot run an engine; the message says why."""


@dataclass(frozen=True)
class Engine:
    """A runtime (native, body, ort, openvino or onednn) at a precision (f32 or bf16)."""

    runtime: str
    precision: str

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"


PRECISIONS = ("f32", "bf16")
NATIVE = {precision: Engine("native", precision) for precision in PRECISIONS}
OPENVINO = {precision: Engine("openvino", precision) for precision in PRECISIONS}
ORT, BODY, ONEDNN = Engine("ort", "f32"), Engine("body", "f32"), Engine("onednn", "bf16")

Builders = Mapping[Engine, Callable[[], Run]]
LeftOut = Mapping[Engine, str]


def try_each(builders: Builders) -> LeftOut:
    """Builds and runs each once; engine -> one line with the reason, of those that fail."""
    reasons = {engine: _failure(build) for engine, build in builders.items()}
    return {engine: reason for engine, reason in reasons.items() if reason}


def _failure(build: Callable[[], Run]) -> str:
    try:
        build()()
    # Runtimes raise whatever they like, and each reason is printed.
    except Exception as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""


def print_left_out(left_out: LeftOut) -> None:
    """A line for each."""
    for engine, reason in left_out.items():
        print(f"{engine} is left out: {reason}")


def to_json(left_out: LeftOut) -> dict[str, str]:
    """Engine -> reason."""
    return {str(engine): reason for engine, reason in left_out.items()}
