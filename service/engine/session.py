"""One model folder as an ONNX Runtime session, with the native operator registered where it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
import perforated_conv
import structlog
from numpy.typing import NDArray

from service.engine.kernels import uses_native_operators
from service.engine.resources import Resources
from service.errors import InferenceFailed, StartupError
from service.maps import kind_of
from service.model_folder.geometry import Sampling
from service.model_folder.manifest import MODEL_NAME, ModelManifest
from service.model_folder.maps import LabelsMap, MapEntry
from service.model_folder.operating_point import operating_point
from service.settings import Settings

PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
ERRORS_ONLY = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """How the session computes, for readiness and logs.

    `kernels` is the instruction set of the native operators, `precision` that of their products; None where
    the model runs by its function bodies.
    """

    provider: str
    kernels: str | None
    precision: str | None
    threads: int
    shared_threads: int

    @property
    def native_operator(self) -> bool:
        """Whether the native operators are used."""
        return self.kernels is not None


class Stop(Protocol):
    """Tells a run that nobody waits for its result any more."""

    def check(self) -> None:
        """Raise a ServiceError if nobody waits any more."""

    def listening(self, listener: Callable[[], object]) -> AbstractContextManager[None]:
        """Call `listener` from any thread if that happens within the context; raise as `check` if it has."""


class ModelSession:
    """A loaded network; `run` may be called from several threads.

    A lone inference takes all threads. Several at a time are done sooner with a few threads each, as none
    waits for the others' cores: `shared` is the same network with so many.
    """

    def __init__(
        self,
        manifest: ModelManifest,
        alone: onnxruntime.InferenceSession,
        shared: onnxruntime.InferenceSession,
        runtime: Runtime,
        labels: Mapping[str, onnxruntime.InferenceSession] | None = None,
    ) -> None:
        self.manifest = manifest
        self.runtime = runtime
        # Asked for many times per request; sizes and budgets repeat.
        self.point = lru_cache(maxsize=4096)(partial(operating_point, manifest))
        self._alone = alone
        self._shared = shared
        self._labels = labels or {}

    @property
    def native_labels(self) -> bool:
        """Whether a native kernel makes label maps."""
        return bool(self._labels)

    def run(
        self,
        images: NDArray[np.uint8],
        budgets: Sequence[float],
        outputs: Sequence[str],
        stop: Stop,
        *,
        shared: bool = False,
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Named outputs of each image of uint8 [N,H,W,3], which has a budget of its own.

        Raises Cancelled if `stop` is given meanwhile. `shared` leaves threads to other inferences.
        """
        spec = self.manifest.input
        feeds: dict[str, NDArray[Any]] = {spec.image: images, spec.budget: np.array(budgets, np.float32)}
        values = self._run(self._shared if shared else self._alone, outputs, feeds, stop)
        return [dict(zip(outputs, each, strict=True)) for each in zip(*values, strict=True)]

    def resample(
        self, entry: MapEntry, values: NDArray[np.float32], sampling: Sampling, stop: Stop
    ) -> NDArray[Any]:
        """The map `entry` at `sampling` of its output float32 [h,w,...]; Cancelled if the caller left.

        By the kernel of the entry's labels model where it is loaded, by numpy and OpenCV otherwise.
        """
        if (labels := self._labels.get(entry.name)) is not None:
            return self._native_labels(labels, values, sampling, stop)
        return kind_of(entry).resample(values, sampling)

    def _native_labels(
        self,
        session: onnxruntime.InferenceSession,
        logits: NDArray[np.float32],
        sampling: Sampling,
        stop: Stop,
    ) -> NDArray[np.uint8]:
        covered = [side * scale for side, scale in zip(sampling.target, sampling.scale, strict=True)]
        feeds: dict[str, NDArray[Any]] = {
            "logits": logits[None],
            "size": np.array(sampling.target, np.int64),
            "extent": np.array(covered, np.float32),
        }
        labels: NDArray[np.uint8] = self._run(session, ["labels"], feeds, stop)[0][0]
        return labels

    def _run(
        self,
        session: onnxruntime.InferenceSession,
        outputs: Sequence[str],
        feeds: dict[str, NDArray[Any]],
        stop: Stop,
    ) -> list[NDArray[Any]]:
        # Terminated options stay terminated, so each run gets its own.
        options = onnxruntime.RunOptions()
        # Heads of maps that nobody requested are not run.
        options.only_execute_path_to_fetches = True
        with stop.listening(partial(setattr, options, "terminate", True)):
            try:
                values: list[NDArray[Any]] = session.run(list(outputs), feeds, options)
            # The runtime's exceptions share no base of their own below Exception.
            except Exception as error:
                stop.check()
                log.exception("inference_failed", model=self.manifest.name)
                raise InferenceFailed(f"The network {self.manifest.name} could not be run.") from error
        return values


def load_session(
    folder: Path,
    manifest: ModelManifest,
    contents: Mapping[str, bytes],
    settings: Settings,
    resources: Resources,
) -> ModelSession:
    """Session of the `contents` of the files in `folder`; StartupError names the folder and the fix."""
    _check_provider(settings.provider)
    library = _native_library(settings)
    runtime = Runtime(settings.provider, None, None, resources.threads, resources.shared_threads)
    opening = partial(_open_network, folder, contents[MODEL_NAME], runtime)
    try:
        alone, shared = opening(library)
    except StartupError as error:
        if library is None or settings.native_operator == "require":
            raise
        log.warning("native_operator_unusable", library=str(library), error=str(error))
        library = None
        alone, shared = opening(None)
    _check_graph(folder, manifest, alone)
    labels = _open_labels(folder, manifest, contents, runtime, library)
    used = perforated_conv.kernels_in_use() if library is not None else None
    if used is not None:
        runtime = replace(runtime, kernels=used.isa, precision=used.precision)
    return ModelSession(manifest, alone, shared, runtime, labels)


def _open_network(folder: Path, model: bytes, runtime: Runtime, library: Path | None) -> tuple[Any, Any]:
    """Session for a lone inference and session for several at a time."""
    alone = _open(folder / MODEL_NAME, model, runtime.provider, runtime.threads, library)
    # On a GPU the threads of the CPU are no matter, and the weights should lie there once.
    if runtime.shared_threads == runtime.threads or runtime.provider != "cpu":
        return alone, alone
    return alone, _open(folder / MODEL_NAME, model, runtime.provider, runtime.shared_threads, library)


def _open_labels(
    folder: Path,
    manifest: ModelManifest,
    contents: Mapping[str, bytes],
    runtime: Runtime,
    library: Path | None,
) -> dict[str, Any]:
    """Session of each map's labels model; the labels of others are interpolated by the service itself."""
    if library is None:
        return {}
    files = {
        entry.name: entry.labels_model
        for entry in manifest.maps
        if isinstance(entry, LabelsMap) and entry.labels_model is not None
    }
    try:
        # Their threads have work once per image, for a moment: meanwhile the CPUs are for others.
        return {
            name: _open(
                folder / file, contents[file], runtime.provider, runtime.threads, library, spinning=False
            )
            for name, file in files.items()
        }
    except StartupError as error:
        log.warning("labels_model_unusable", library=str(library), error=str(error))
        return {}


def _native_library(settings: Settings) -> Path | None:
    if not uses_native_operators(settings):
        return None
    library = perforated_conv.library_path()
    if library is None and settings.native_operator == "require":
        raise StartupError(
            "PAG_NATIVE_OPERATOR=require, but libperforated_conv_ort.so is not built: build and install the "
            "package with its native library, or set PAG_NATIVE_OPERATOR=auto"
        )
    if library is None:
        log.warning(
            "native_operator_absent", effect="budgets below 1 save little time: function bodies are used"
        )
    return library


def _open(
    path: Path, model: bytes, provider: str, threads: int, library: Path | None, *, spinning: bool = True
) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    # Between two inferences the cores are for decoding and encoding.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        if library is not None:
            options.register_custom_ops_library(str(library))
        return onnxruntime.InferenceSession(model, options, providers=PROVIDERS[provider])
    except Exception as error:
        raise StartupError(f"ONNX Runtime cannot load {path}: {error}") from error


def _check_provider(provider: str) -> None:
    wanted = PROVIDERS[provider][0]
    available = onnxruntime.get_available_providers()
    if wanted not in available:
        raise StartupError(
            f"PAG_PROVIDER={provider} needs {wanted}, but this onnxruntime has {', '.join(available)}: "
            "install onnxruntime-gpu, or set PAG_PROVIDER=cpu"
        )


def _check_graph(folder: Path, manifest: ModelManifest, session: Any) -> None:
    promised = set(manifest.outputs(manifest.map_names()))
    missing = {manifest.input.image, manifest.input.budget} - {item.name for item in session.get_inputs()}
    missing |= promised - {item.name for item in session.get_outputs()}
    if missing:
        raise StartupError(
            f"{folder / MODEL_NAME} lacks {', '.join(sorted(missing))}, named in its manifest: export again"
        )
