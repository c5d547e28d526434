"""What manifest.json says of an exported network."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perforated_conv import DOMAIN, OPSET_VERSION

from model_export.evaluation.cost import REFERENCE_SIZE
from model_export.export.about import About, described
from model_export.export.exportable import TASK_OUTPUTS, ExportableParser
from model_export.networks.heads import DEPTH_RANGE_METRES
from model_export.networks.parser import OUTPUT_STRIDE, SIZE_MULTIPLE
from model_export.networks.pixels import PIXEL_MEAN, PIXEL_SCALE
from service.model_folder.files import file_entry
from service.model_folder.manifest import LABELS_MODEL_NAME


@dataclass(frozen=True)
class Identity:
    """What a model folder is called and says of itself; without a description, one is made of its tasks."""

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
        "schema_version": 2,
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
        "maps": [
            *(_map(task, about) for task in exportable.network.heads.tasks),
            {"name": "computed", "kind": "share", "output": "computed", "stride": OUTPUT_STRIDE},
        ],
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


def _map(task: str, about: About) -> dict[str, Any]:
    says: dict[str, dict[str, Any]] = {
        "semantics": {
            "kind": "labels", "classes": about.entries(), "void": about.void,
            "labels_model": LABELS_MODEL_NAME,
        },
        "depth": {"kind": "metric", "unit": "metre", "range": list(DEPTH_RANGE_METRES)},
        "normals": {"kind": "vectors", "frame": "x right, y down, z towards the camera"},
    }  # fmt: skip
    return {"name": task, "output": TASK_OUTPUTS[task], "stride": OUTPUT_STRIDE, **says[task]}
