"""New versions of the tiny model, whole and broken, put where a service looks for them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from model_export.common.writing import replacing_folder
from tests.support.servers import Process, metric
from tests.support.tiny_model import write_model


def publish(
    folder: Path,
    version: str,
    *,
    name: str | None = None,
    damage: Callable[[Path], object] = lambda _: None,
    **options: Any,
) -> None:
    """Exchange `folder` for a model of this version; `damage` is done to it before."""
    with tempfile.TemporaryDirectory() as made, replacing_folder(folder) as partial:
        model = write_model(Path(made), name or folder.name, version=version, **options)
        damage(model)
        shutil.copytree(model, partial, dirs_exist_ok=True)


def cut_off(folder: Path) -> None:
    """Leave half of the graph."""
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])


def cut_off_manifest(folder: Path) -> None:
    """Leave half of the manifest."""
    content = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(content[: len(content) // 2])


def reloading_process(weights: Path, **environment: str) -> Process:
    """A ready process over `weights` that looks for changes ten times a second."""
    return Process(**{"PAG_WEIGHTS": str(weights), "PAG_RELOAD_SECONDS": "0.1", **environment})


def versions(client: httpx.Client) -> dict[str, str]:
    """Version of each model that serves."""
    return {each["name"]: each["version"] for each in client.get("/models").json()["models"]}


def reloads(client: httpx.Client, outcome: str) -> float:
    """How many reloads have had this outcome."""
    return metric(client, f'pag_reloads_total{{outcome="{outcome}"}}')
