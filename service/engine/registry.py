"""Which models lie in the weights folder, which are loaded, and which answers by default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import structlog

from service.engine.session import ModelSession, load_session
from service.errors import InvalidParameter, StartupError, UnknownModel
from service.manifest import (
    MANIFEST_NAME,
    MODEL_NAME,
    ManifestError,
    ModelManifest,
    load_manifest,
    read_files,
    verify_files,
)
from service.settings import Settings

log = structlog.get_logger(__name__)


class ModelRegistry:
    """Loaded models by name; at least one."""

    def __init__(self, models: dict[str, ModelSession], default: str | None) -> None:
        self._models = models
        self.default = default

    def __iter__(self) -> Iterator[ModelSession]:
        return iter(self._models.values())

    def get(self, name: str | None) -> ModelSession:
        """The model `name`, or the default one; UnknownModel if there is none."""
        wanted = name if name is not None else self.default
        if wanted is None:
            raise InvalidParameter(f"Several models are loaded; choose model={' or '.join(self.names())}.")
        if wanted not in self._models:
            raise UnknownModel(wanted, self.names())
        return self._models[wanted]

    def names(self) -> list[str]:
        """Names of the loaded models, sorted."""
        return sorted(self._models)


def find_models(settings: Settings) -> dict[Path, ModelManifest]:
    """Manifests of all model folders below `settings.weights`, their files verified.

    StartupError names what is absent or broken, and the fix.
    """
    manifests: dict[Path, ModelManifest] = {}
    for folder in _model_folders(settings.weights):
        try:
            manifest = load_manifest(folder)
            verify_files(folder, manifest)
        except ManifestError as error:
            raise StartupError(str(error)) from error
        manifests[folder] = manifest
    names = [manifest.name for manifest in manifests.values()]
    if len(set(names)) < len(names):
        raise StartupError(f"two model folders in {settings.weights} have the same name: {', '.join(names)}")
    if settings.model is not None and settings.model not in names:
        raise StartupError(
            f"PAG_MODEL={settings.model} is not in {settings.weights}: there are {', '.join(names)}"
        )
    return manifests


def load_models(settings: Settings) -> ModelRegistry:
    """All models below `settings.weights`, loaded but not warmed up."""
    models: dict[str, ModelSession] = {}
    for folder, manifest in find_models(settings).items():
        try:
            contents = read_files(folder, manifest)
        except ManifestError as error:
            raise StartupError(str(error)) from error
        session = models[manifest.name] = load_session(folder, manifest, contents, settings)
        log.info(
            "model_loaded",
            model=manifest.name,
            version=manifest.version,
            folder=str(folder),
            native_labels=session.native_labels,
        )
    default = settings.model or (next(iter(models)) if len(models) == 1 else None)
    return ModelRegistry(models, default)


def _model_folders(weights: Path) -> list[Path]:
    if not weights.is_dir():
        raise StartupError(
            f"weights folder {weights.absolute()} does not exist: create it with one folder per model, "
            "or point PAG_WEIGHTS at it"
        )
    folders = sorted(
        folder
        for folder in weights.iterdir()
        if folder.is_dir() and any((folder / name).is_file() for name in (MANIFEST_NAME, MODEL_NAME))
    )
    if not folders:
        raise StartupError(
            f"no model in {weights.absolute()}: put a folder with {MODEL_NAME} and {MANIFEST_NAME} there, "
            "or point PAG_WEIGHTS at one that has it"
        )
    return folders
