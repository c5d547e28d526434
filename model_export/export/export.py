"""Checkpoint -> weights/<name>/{model.onnx, labels.onnx, manifest.json, card.md}."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import onnx

from model_export.common.writing import replacing_folder, write_text
from model_export.export import card
from model_export.export.about import NYUV2, About, refusal
from model_export.export.budget_table import BudgetTable
from model_export.export.card import CARD_NAME
from model_export.export.exportable import ExportableParser
from model_export.export.history import history
from model_export.export.labels_model import labels_model
from model_export.export.manifest import Identity, document
from model_export.export.onnx_model import to_onnx
from model_export.networks.tasks import described_figures
from model_export.training.saved import StoredNetwork, load_network
from service.model_folder.files import load_manifest
from service.model_folder.manifest import LABELS_MODEL_NAME, MANIFEST_NAME, MODEL_NAME, ModelManifest
from service.model_folder.operating_point import operating_point


def load_exportable(path: Path, table: BudgetTable | None = None) -> ExportableParser:
    """The network of a checkpoint, ready for evaluation and export; table: equal ratios if not given."""
    return ExportableParser(load_network(path), table)


def export(
    checkpoints: Sequence[Path],
    folder: Path,
    identity: Identity,
    *,
    about: About | None = None,
    table: BudgetTable | None = None,
    scales: Sequence[tuple[float, float]] = (),
) -> ModelManifest:
    """Writes the folder from the last checkpoint; the earlier ones are the stages it was trained from.

    Args:
        checkpoints: of the stages, in order.
        folder: to write or to replace.
        identity: name, version and description.
        about: class names, licence and data terms; may be left out for networks that `train` made.
        table: gate ratios by budget; equal ones if not given.
        scales: (budget, scale of the image per side, from that budget on), ascending; the first is the floor.

    Raises:
        FixableError: a checkpoint or about that will not do.
    """
    stored = StoredNetwork.read(checkpoints[-1])
    network = stored.network()
    about = about or (NYUV2 if stored.on_nyuv2 else None)
    if about is None:
        raise refusal(checkpoints[-1], network)
    about.check(network)
    exportable = ExportableParser(network, table)
    with replacing_folder(folder) as partial:
        _keep_others(folder, partial)
        files = _write_graphs(exportable, partial, identity.name)
        content = document(exportable, files, identity, about, training=history(checkpoints), scales=scales)
        manifest = ModelManifest.model_validate_json(json.dumps(content))
        write(partial, manifest)
    return manifest


def _write_graphs(exportable: ExportableParser, folder: Path, name: str) -> list[Path]:
    """model.onnx, and labels.onnx where there are labels."""
    graphs = {MODEL_NAME: to_onnx(exportable, name)}
    if exportable.network.heads.classes:
        graphs[LABELS_MODEL_NAME] = labels_model()
    for file, graph in graphs.items():
        onnx.save(graph, folder / file)
    return [folder / file for file in graphs]


def _keep_others(former: Path, folder: Path) -> None:
    """Copies what an export does not write, such as notes.md."""
    if former.is_dir():
        written = shutil.ignore_patterns(MODEL_NAME, LABELS_MODEL_NAME, MANIFEST_NAME, CARD_NAME, ".*")
        shutil.copytree(former, folder, ignore=written, dirs_exist_ok=True)


def write(folder: Path, manifest: ModelManifest) -> None:
    """Writes card.md and manifest.json; figures count once the manifest has them, so it is the last."""
    card.write(folder, manifest)
    text = manifest.model_dump_json(indent=1, exclude_none=True)
    write_text(folder / MANIFEST_NAME, text + "\n")


def add_metrics(
    folder: Path, split: str, figures: dict[float, dict[str, float]], protocol: str = ""
) -> ModelManifest:
    """Puts a split's figures (budget -> figure -> value) into the manifest and the card; NaN stays out.

    protocol: how they were measured, for a folder that says nothing of it yet.
    """
    manifest = load_manifest(folder)
    height, width = manifest.multiply_adds.reference_size
    served = {budget: operating_point(manifest, budget, height, width) for budget in sorted(figures)}
    rows = {
        point.used_budget: {
            "budget": point.used_budget,
            "share": round(point.share, 5),
            "scale": point.scale,
            **{name: round(value, 5) for name, value in figures[budget].items() if math.isfinite(value)},
        }
        for budget, point in served.items()
    }
    content = manifest.model_dump(mode="json")
    content["metrics"]["splits"][split] = list(rows.values())
    content["metrics"]["protocol"] = content["metrics"]["protocol"] or protocol
    content["metrics"]["figures"] |= described_figures(rows.values())
    manifest = ModelManifest.model_validate_json(json.dumps(content))
    write(folder, manifest)
    return manifest
