"""The frame of every benchmark: its command line, the conditions of its result, and where it is written."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from model_export.common.writing import write_text

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "onnxruntime", "openvino", "torch")


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the module's docstring as it stands."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def cpu_model() -> str:
    """The processor's name."""
    lines = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout.splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("Model name")), "unknown")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def conditions(**settings: Any) -> dict[str, Any]:
    """Machine, versions, commit and date beside the benchmark's own settings."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "machine": cpu_model(),
        "architecture": platform.machine(),
        "cores": cores(),
        "load_average": os.getloadavg()[0],
        "max_isa": os.environ.get("PERFORATED_CONV_MAX_ISA"),
        "versions": _versions(),
        "commit": commit.stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **settings,
    }


def machine_line(conditions: dict[str, Any]) -> str:
    """Processor, threads and commit, for the first line of a run."""
    return f"{conditions['machine']}, {conditions['threads']} threads, {conditions['commit']}"


def _versions() -> dict[str, str]:
    found = {entry.name: entry.version for entry in importlib.metadata.distributions()}
    return {name: found[name] for name in PACKAGES if name in found}


def save(name: str, result: dict[str, Any]) -> Path:
    """Writes the result as JSON into results/; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{result['date'][:19].replace(':', '')}.json"
    write_json(path, result)
    return path


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Writes the result, an innermost list or object a line."""
    leaf = r"[\[{][^\[\]{}]*[\]}]"
    text = re.sub(leaf, lambda found: " ".join(found[0].split()), json.dumps(result, indent=1))
    write_text(path, text + "\n")
