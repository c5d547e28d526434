"""What the protocol says of a model, from its manifest."""

from __future__ import annotations

from service.engine.engine import Engine, State
from service.engine.session import ModelSession
from service.routes.v2.message import IMAGE
from service.routes.v2.outputs import DATATYPES, INNER
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
        outputs=[_output(name) for name in manifest.maps()],
        properties=_properties(session),
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


def _output(name: str) -> TensorMetadata:
    return TensorMetadata(name=name, datatype=DATATYPES[name], shape=[-1, -1, -1, *INNER[name]])


def _properties(session: ModelSession) -> dict[str, str]:
    manifest = session.manifest
    found = {
        "image": "RGB pixels, of one image [H,W,3] too; or BYTES [N]: photographs as JPEG, PNG, WebP, ...",
        "budget_floor": f"{manifest.budget.floor:g}",
        "budget_default": f"{manifest.budget.default:g}",
    }
    if manifest.tasks.semantics is not None:
        found["semantics"] = f"class ids, named by GET /models/{manifest.name}"
    if manifest.tasks.depth is not None:
        found["depth"] = "metres, NaN where not known (null in JSON)"
    if manifest.tasks.normals is not None:
        found["normals"] = f"unit vectors: {manifest.tasks.normals.frame}"
    if manifest.computed_output is not None:
        found["computed"] = "share of the gated multiply-adds, 0 to 1; only where it is asked for in outputs"
    return found
