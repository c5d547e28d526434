"""The metadata of a model, from its manifest."""

from __future__ import annotations

from service.engine.engine import Engine, State
from service.engine.models import ModelSession
from service.maps import kind_of
from service.model_folder.manifest import ModelManifest
from service.model_folder.maps import MapEntry
from service.routes.representations import describe_map
from service.routes.v2.message import IMAGE
from service.schemas.v2 import ModelMetadata, RepositoryEntry, RepositoryState, TensorMetadata

PLATFORM = "onnx_onnxv1"
STATES: dict[State, RepositoryState] = {
    "warming up": "LOADING",
    "ready": "READY",
    "failed": "UNAVAILABLE",
    "stopping": "UNAVAILABLE",
}


def describe_model(session: ModelSession) -> ModelMetadata:
    """Inputs and outputs of one model."""
    manifest = session.manifest
    return ModelMetadata(
        name=manifest.name,
        versions=[manifest.version],
        platform=PLATFORM,
        inputs=[TensorMetadata(name=IMAGE, datatype="UINT8", shape=[-1, -1, -1, 3])],
        outputs=[_output(entry) for entry in manifest.maps],
        properties=_properties(manifest),
    )


def index_entry(session: ModelSession, engine: Engine) -> RepositoryEntry:
    """The model's line in the repository's index."""
    state = STATES[engine.state]
    return RepositoryEntry(
        name=session.manifest.name,
        version=session.manifest.version,
        state=state,
        reason="" if state == "READY" else engine.state,
    )


def _output(entry: MapEntry) -> TensorMetadata:
    kind = kind_of(entry)
    return TensorMetadata(name=entry.name, datatype=kind.datatype, shape=[-1, -1, -1, *kind.channels])


def _properties(manifest: ModelManifest) -> dict[str, str]:
    return {
        "image": "RGB pixels, of one image [H,W,3] too; or BYTES [N] or [N,1]: photographs as JPEG, PNG, "
        "WebP, ...",
        "budget_floor": f"{manifest.budget.floor:g}",
        "budget_default": f"{manifest.budget.default:g}",
        **{entry.name: _words(manifest, entry) for entry in manifest.maps},
    }


def _words(manifest: ModelManifest, entry: MapEntry) -> str:
    meta = describe_map(manifest, entry.name, canonical=True)
    words = [meta.unit]
    if meta.classes is not None:
        words.append(f"named by GET /models/{manifest.name}")
    if meta.frame is not None:
        words.append(meta.frame)
    if meta.invalid is not None:
        words.append(f"{meta.invalid} where not known" + " (null in JSON)" * (meta.invalid == "NaN"))
    if not entry.by_default:
        words.append("only where outputs name it")
    return "; ".join(words)
