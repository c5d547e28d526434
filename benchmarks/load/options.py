"""Command-line options that the load benchmarks share."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.common import conditions, cores
from benchmarks.load.contenders import LITSERVE_VARIABLE, Host
from benchmarks.load.photographs import write_photographs
from benchmarks.load.pipeline import LIBRARY_VARIABLE, NPZ, ZIP
from benchmarks.load.plan import Plan
from service.model_folder.geometry import Size

ANSWERS: dict[str, tuple[str, Size]] = {"npz": (NPZ, "model"), "zip": (ZIP, "input")}


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all have."""
    parser = common.parser_of(doc)
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder with one model")
    parser.add_argument("--threads", type=int, default=cores(), help="of every server's network")
    parser.add_argument(
        "--answer", choices=ANSWERS, default="npz", help="npz with size=model, or zip with size=input"
    )
    parser.add_argument(
        "--litserve-python",
        default=os.environ.get(LITSERVE_VARIABLE),
        help=f"interpreter that has litserve-requirements.txt (or {LITSERVE_VARIABLE})",
    )
    parser.add_argument(
        "--native-library", help=f"of the operators, for all but the service (or {LIBRARY_VARIABLE})"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds of everything: figures mean little"
    )
    return parser


def host_of(given: argparse.Namespace) -> Host:
    """What contenders are started with."""
    if given.native_library:
        os.environ[LIBRARY_VARIABLE] = given.native_library
    return Host(given.weights, given.threads, given.litserve_python)


def conditions_of(given: argparse.Namespace) -> dict[str, Any]:
    """Machine, versions, commit and date beside all options."""
    options = {name: str(value) if isinstance(value, Path) else value for name, value in vars(given).items()}
    options.pop("litserve_python", None)
    options.pop("native_library", None)
    return conditions(options=options)


@dataclass(frozen=True)
class Requests:
    """Makes plans that differ only in the arguments of `plan`."""

    bodies: tuple[str, ...]
    accept: str
    size: Size
    seed: int

    def plan(
        self, port: int, seconds: float, *, queries: tuple[str, ...] = ("budget=1",), **how: Any
    ) -> Plan:
        """A plan of these photographs; each query gets the size of the maps."""
        sized = tuple(f"{query}&size={self.size}" for query in queries)
        return Plan(port, self.bodies, sized, self.accept, seconds, **({"seed": self.seed} | how))


@contextlib.contextmanager
def requests_of(given: argparse.Namespace) -> Iterator[Requests]:
    """Photographs in a temporary folder, and what to ask of them."""
    accept, size = ANSWERS[given.answer]
    with tempfile.TemporaryDirectory() as folder:
        yield Requests(write_photographs(Path(folder)), accept, size, given.seed)
