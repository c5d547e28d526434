"""The loading of models: from the folders below the weights folder to sessions of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import perforated_conv
import structlog

from service.engine.kernels import request_kernels, unmet_requests, uses_native_operators
from service.engine.models import ModelSession, Runtime
from service.engine.resources import Resources
from service.errors import StartupError
from service.model_folder.files import ManifestError, model_folders, read_model
from service.model_folder.manifest import MANIFEST_NAME, MODEL_NAME, ModelManifest
from service.model_folder.maps import LabelsMap
from service.settings import Settings

PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
ERRORS_ONLY = 3
# Weights beside a graph are looked for here and nowhere else, so that none are read that were not verified.
EXTERNAL_FOLDER, NOWHERE = "session.model_external_initializers_file_folder_path", "/dev/null"

log = structlog.get_logger(__name__)


def find_models(settings: Settings) -> dict[Path, ModelManifest]:
    """Manifests of all model folders below `settings.weights`, their files verified.

    StartupError names what is absent or broken, and the fix.
    """
    manifests = {folder: _read(folder)[0] for folder in _folders(settings.weights)}
    _check_names([manifest.name for manifest in manifests.values()], settings)
    return manifests


def load_models(settings: Settings, resources: Resources) -> dict[Path, ModelSession]:
    """All models below `settings.weights` by their folders, loaded but not warmed up."""
    _settle_kernels(settings)
    sessions = {folder: _load(folder, settings, resources) for folder in _folders(settings.weights)}
    # The folders may have changed since `find_models` checked them.
    _check_names([session.manifest.name for session in sessions.values()], settings)
    return sessions


def _settle_kernels(settings: Settings) -> None:
    """Hand the requested kernels to the library before its first session; warn of what it does not use."""
    if not uses_native_operators(settings):
        return
    try:
        request_kernels(settings)
        used = perforated_conv.kernels_in_use()
    except OSError as error:
        # Loading the models tells whether they can do without, or must not.
        log.warning("native_library_unusable", error=str(error))
        return
    for sentence in unmet_requests(settings, used) if used is not None else ():
        log.warning("kernels_not_as_requested", detail=sentence)


def _load(folder: Path, settings: Settings, resources: Resources) -> ModelSession:
    manifest, contents = _read(folder)
    session = load_session(folder, manifest, contents, settings, resources)
    log.info(
        "model_loaded",
        model=manifest.name,
        version=manifest.version,
        folder=str(folder),
        kernels=session.runtime.kernels,
        precision=session.runtime.precision,
        native_labels=session.native_labels,
    )
    return session


def _read(folder: Path) -> tuple[ModelManifest, dict[str, bytes]]:
    try:
        return read_model(folder)
    except ManifestError as error:
        raise StartupError(str(error)) from error


def _check_names(names: Sequence[str], settings: Settings) -> None:
    if len(set(names)) < len(names):
        raise StartupError(f"two model folders in {settings.weights} have the same name: {', '.join(names)}")
    if settings.model is not None and settings.model not in names:
        raise StartupError(
            f"PAG_MODEL={settings.model} is not in {settings.weights}: there are {', '.join(names)}"
        )


def _folders(weights: Path) -> list[Path]:
    if not weights.is_dir():
        raise StartupError(
            f"weights folder {weights.absolute()} does not exist: create it with one folder per model, "
            "or point PAG_WEIGHTS at it"
        )
    folders = model_folders(weights)
    if not folders:
        raise StartupError(
            f"no model in {weights.absolute()}: put a folder with {MODEL_NAME} and {MANIFEST_NAME} there, "
            "or point PAG_WEIGHTS at one that has it"
        )
    return folders


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
    opening = partial(_open_network, folder, contents, runtime)
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


def _open_network(
    folder: Path, contents: Mapping[str, bytes], runtime: Runtime, library: Path | None
) -> tuple[Any, Any]:
    """Session for a lone inference and session for several at a time."""
    path = folder / MODEL_NAME
    alone = _open(path, contents, runtime.provider, runtime.threads, library)
    # On a GPU the threads of the CPU are no matter, and the weights should lie there once.
    if runtime.shared_threads == runtime.threads or runtime.provider != "cpu":
        return alone, alone
    return alone, _open(path, contents, runtime.provider, runtime.shared_threads, library)


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
            name: _open(folder / file, contents, runtime.provider, runtime.threads, library, spinning=False)
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
    path: Path,
    contents: Mapping[str, bytes],
    provider: str,
    threads: int,
    library: Path | None,
    *,
    spinning: bool = True,
) -> Any:
    """Session of the graph that `contents` hold for `path`, with weights that lie in other ones of them."""
    beside = {name: data for name, data in contents.items() if name != path.name}
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(EXTERNAL_FOLDER, NOWHERE)
    options.add_external_initializers_from_files_in_memory(
        list(beside), list(beside.values()), [len(data) for data in beside.values()]
    )
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    # Between two inferences the cores are for decoding and encoding.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        if library is not None:
            options.register_custom_ops_library(str(library))
        return onnxruntime.InferenceSession(contents[path.name], options, providers=PROVIDERS[provider])
    except Exception as error:
        fix = f"; list the file with its weights in {MANIFEST_NAME}" if NOWHERE in str(error) else ""
        raise StartupError(f"ONNX Runtime cannot load {path}: {error}{fix}") from error


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
