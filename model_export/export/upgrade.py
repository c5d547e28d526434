"""Upgrade of a model folder: its manifest from schema_version 1, which named tasks, to 2, a list of maps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model_export.common.errors import FixableError
from model_export.common.writing import write_text
from model_export.export import card
from model_export.export.manifest import SCHEMA_VERSION, computed_map
from model_export.networks.tasks import described_figures
from service.model_folder.files import ManifestError, read_files
from service.model_folder.manifest import MANIFEST_NAME, ModelManifest

FORMER_VERSION = 1
KINDS = {"semantics": "labels", "depth": "metric", "normals": "vectors"}
"""All tasks that a manifest of schema_version 1 may name, in the order of its answers, and their kinds."""


def upgrade(folder: Path) -> ModelManifest:
    """Rewrites manifest.json and card.md in place; the model's files are checked and left as they are.

    Each of the two files is old or new at every moment, the manifest the last.

    Raises:
        FixableError: no folder, no manifest of schema_version 1 in it, or one that does not hold together.
    """
    former = _read(folder)
    if (version := former.get("schema_version")) != FORMER_VERSION:
        done = version == SCHEMA_VERSION
        raise FixableError(
            f"{folder / MANIFEST_NAME} has schema_version {version}"
            + (", there is nothing to upgrade" if done else f", only {FORMER_VERSION} can be upgraded")
        )
    _check_tasks(folder, former.get("tasks"))
    text = json.dumps(upgraded(former), indent=1, ensure_ascii=False) + "\n"
    try:
        manifest = ModelManifest.model_validate_json(text)
        read_files(folder, manifest)
    except ValidationError as error:
        lines = "".join(f"\n  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise FixableError(f"{folder / MANIFEST_NAME} cannot be upgraded, export it again:{lines}") from error
    except ManifestError as error:
        raise FixableError(f"not upgraded: {error}") from error
    card.write(folder, manifest)
    write_text(folder / MANIFEST_NAME, text)
    return manifest


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise FixableError(f"no folder {folder}: give one such as weights/NAME")
    if not path.is_file():
        raise FixableError(f"no {MANIFEST_NAME} in {folder}: it is no model folder")
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise FixableError(f"{path} is not JSON: {error}; export it again") from error
    if not isinstance(content, dict):
        raise FixableError(f"{path} is no JSON object: export it again")
    return content


def _check_tasks(folder: Path, tasks: Any) -> None:
    if not isinstance(tasks, dict) or set(tasks) - set(KINDS):
        known = ", ".join(KINDS)
        raise FixableError(f"{folder / MANIFEST_NAME}: tasks must be some of {known}, got {tasks!r:.80}")
    if wrong := [name for name, task in tasks.items() if not isinstance(task, dict | None)]:
        raise FixableError(f"{folder / MANIFEST_NAME}: tasks.{wrong[0]} is no object: export it again")


def upgraded(former: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of schema_version 1 in the form of version 2, both as plain values; nothing is checked."""
    tasks = {name: task for name, task in former["tasks"].items() if task is not None}
    maps = [_map(name, tasks[name], kind) for name, kind in KINDS.items() if name in tasks]
    if maps and (output := former.get("computed_output")):
        # Version 1 left its stride to be seen from the output, which every export gave the tasks' size.
        maps.append(computed_map(output, maps[0].get("stride", 0)))
    measured = former.get("metrics") or {}
    rows = [row for split in measured.get("splits", {}).values() for row in split]
    renamed = {
        "tasks": ("maps", maps),
        "schema_version": ("schema_version", SCHEMA_VERSION),
        "metrics": ("metrics", {**measured, "figures": described_figures(rows)}),
    }
    items = (renamed.get(key, (key, value)) for key, value in former.items() if key != "computed_output")
    return dict(items)


def _map(name: str, task: Mapping[str, Any], kind: str) -> dict[str, Any]:
    facts = {key: value for key, value in task.items() if key != "kind"}  # of depth alone: "metric"
    return {"name": name, "kind": kind, **facts}
