"""The manifest of an exported network, as plain values."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.common.sizes import OUTPUT_STRIDE, REFERENCE_SIZE, SIZE_MULTIPLE
from model_export.export.about import About, described
from model_export.export.exportable import COMPUTED, ExportableParser
from model_export.networks.pixels import PIXEL_MEAN, PIXEL_SCALE
from model_export.networks.tasks import TASKS
from service.model_folder.files import file_entry
from service.model_folder.manifest import LABELS_MODEL_NAME

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Identity:
    """Name, version and description of a model folder; without a description, one is made of its tasks."""

    name: str
    version: str
    description: str = ""


def document(
    exportable: ExportableParser,
    files: Sequence[Path],
    identity: Identity,
    about: About,
    *,
    training: dict[str, Any],
    scales: Sequence[tuple[float, float]],
) -> dict[str, Any]:
    """The manifest as plain values; files are those of the folder that it vouches for."""
    height, width = REFERENCE_SIZE
    return {
        "schema_version": SCHEMA_VERSION,
        "name": identity.name,
        "version": identity.version,
        "description": identity.description or about.description or described(exportable.network),
        "created": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "files": {path.name: file_entry(path).model_dump() for path in files},
        "operator": {"domain": DOMAIN, "version": OPSET_VERSION},
        "input": {
            "image": "image", "budget": "budget", "layout": "NHWC", "dtype": "uint8", "channels": "RGB",
            "size_multiple": SIZE_MULTIPLE, "working_pixels": height * width,
            "normalisation": f"(pixel - {PIXEL_MEAN:g}) / {PIXEL_SCALE:g}, inside the graph",
        },
        "budget": _budget(exportable, scales),
        "multiply_adds": {
            "reference_size": [height, width],
            "total": exportable.cost.total,
            "always": exportable.cost.always,
        },
        "maps": _maps(exportable, about),
        "metrics": {"protocol": about.protocol, "splits": {}},
        "training": training,
        "licence": {"weights": about.licence, "data_terms": about.data_terms},
    }  # fmt: skip


def _budget(exportable: ExportableParser, scales: Sequence[tuple[float, float]]) -> dict[str, Any]:
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


def _maps(exportable: ExportableParser, about: About) -> list[dict[str, Any]]:
    tasks = exportable.network.heads.tasks
    return [*(_map(task, about) for task in tasks), computed_map(COMPUTED, OUTPUT_STRIDE)]


def _map(name: str, about: About) -> dict[str, Any]:
    task = TASKS[name]
    facts: dict[str, Any] = dict(task.facts)
    if task.kind == "labels":
        facts |= {"classes": about.entries(), "void": about.void, "labels_model": LABELS_MODEL_NAME}
    return {"name": name, "kind": task.kind, "output": task.output, "stride": OUTPUT_STRIDE, **facts}


def computed_map(output: str, stride: int) -> dict[str, Any]:
    """The entry of the map that shows where the gated work went."""
    return {"name": COMPUTED, "kind": "share", "output": output, "stride": stride}
