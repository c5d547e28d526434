"""Training history of a network, read from the logs beside its checkpoints."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_export.common.provenance import machine
from model_export.training.log import read_log


def history(checkpoints: Sequence[Path]) -> dict[str, Any]:
    """Commands and commits of the stages that have a log, for the manifest; what is not known is absent."""
    stages = [starts for path in checkpoints if (starts := _starts(path))]
    known: dict[str, Any] = {"commands": [_portable(stage[-1]["command"], checkpoints) for stage in stages]}
    if not stages:
        return known
    last = stages[-1][-1]
    return known | {
        "commit": ", ".join(dict.fromkeys(line["commit"] for stage in stages for line in stage)),
        "date": datetime.datetime.fromtimestamp(last["time"], tz=datetime.UTC).date().isoformat(),
        "machine": machine(),
        "seed": last["config"]["seed"],
    }


def _starts(checkpoint: Path) -> list[dict[str, Any]]:
    """The lines of a run's log that tell of a start; none without a log."""
    path = checkpoint.parent / "log.jsonl"
    return [line for line in read_log(path) if line["kind"] == "start"] if path.is_file() else []


def _portable(command: str, checkpoints: Sequence[Path]) -> str:
    """The command; folders that begin at the root of the machine that trained are told as runs/NAME."""
    for path in checkpoints:
        if path.parent.is_absolute():
            command = command.replace(str(path.parent), f"runs/{path.parent.name}")
    words = command.split(" ")
    return " ".join(f"runs/{Path(word).name}" if word.startswith("/") else word for word in words)
