"""The registry of models: those in the weights folder, those that are loaded, and the default one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import perforated_conv
import structlog

from service.engine.kernels import request_kernels, unmet_requests, uses_native_operators
from service.engine.resources import Resources
from service.engine.session import ModelSession, load_session
from service.errors import InvalidParameter, NotReady, StartupError, UnknownModel
from service.model_folder.files import ManifestError, model_folders, read_model
from service.model_folder.manifest import MANIFEST_NAME, MODEL_NAME, ModelManifest
from service.settings import Settings

log = structlog.get_logger(__name__)


class ModelRegistry:
    """Loaded models by name: none until it is filled, then at least one.

    They may change while others read: a reader keeps what it was given, the next gets what is there now.
    """

    def __init__(self) -> None:
        self._models: dict[str, ModelSession] = {}
        self.default: str | None = None
        self.folders: Mapping[Path, str] = {}
        """The folder that each model was loaded from at the start, and its name."""

    def fill(self, sessions: Mapping[Path, ModelSession], default: str | None) -> None:
        """Serve the models of some folders; `default` answers where none is named, or the only one."""
        self._models = {session.manifest.name: session for session in sessions.values()}
        self.default = default or _only(self._models)
        self.folders = {folder: session.manifest.name for folder, session in sessions.items()}

    def __iter__(self) -> Iterator[ModelSession]:
        return iter(self._models.values())

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def replace(self, session: ModelSession) -> None:
        """Answer with `session` from now on; the one of the same name is freed with its last request.

        A further model leaves the default as it is, so that no client has to name what it did not before.
        """
        self._models = {**self._models, session.manifest.name: session}

    def remove(self, name: str) -> None:
        """Forget the model `name`, which must not be the default one: there must be others."""
        if name == self.default or len(self._models) == 1:
            raise ValueError(f"{name} is the default model, or the last one")
        self._models = {other: session for other, session in self._models.items() if other != name}
        self.default = self.default or _only(self._models)

    def get(self, name: str | None) -> ModelSession:
        """The model `name`, or the default one; UnknownModel if there is none, NotReady before the first."""
        self.check_loaded()
        wanted = name if name is not None else self.default
        if wanted is None:
            raise InvalidParameter(f"Several models are loaded; choose model={' or '.join(self.names())}.")
        if wanted not in self._models:
            raise UnknownModel(wanted, self.names())
        return self._models[wanted]

    def check_loaded(self) -> None:
        """Raise NotReady until the models are loaded."""
        if not self._models:
            raise NotReady("The server is warming up: its models are not loaded yet.", retry_after=1)

    def names(self) -> list[str]:
        """Names of the loaded models, sorted."""
        return sorted(self._models)


def find_models(settings: Settings) -> dict[Path, ModelManifest]:
    """Manifests of all model folders below `settings.weights`, their files verified.

    StartupError names what is absent or broken, and the fix.
    """
    manifests = {folder: _read(folder)[0] for folder in _folders(settings.weights)}
    _check_names([manifest.name for manifest in manifests.values()], settings)
    return manifests


def load_models(settings: Settings, resources: Resources) -> dict[Path, ModelSession]:
    """All models below `settings.weights` by their folders, loaded but not warmed up."""
    manifests = find_models(settings)
    _settle_kernels(settings)
    sessions = {folder: _load(folder, settings, resources) for folder in manifests}
    # The folders may have changed since they were checked.
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


def _only(models: Mapping[str, ModelSession]) -> str | None:
    return next(iter(models)) if len(models) == 1 else None


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
