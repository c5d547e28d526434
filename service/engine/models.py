"""The loaded models: each one's sessions of ONNX Runtime, and the registry of them all by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray

from service.errors import InferenceFailed, NoDefaultModel, NotReady, UnknownModel
from service.maps import kind_of
from service.model_folder.geometry import Sampling
from service.model_folder.manifest import ModelManifest
from service.model_folder.maps import MapEntry
from service.model_folder.operating_point import operating_point

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
    """The stop signal of a run."""

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
        """The model `name`, or the default one; UnknownModel, NoDefaultModel, NotReady before the first."""
        self.check_loaded()
        wanted = name if name is not None else self.default
        if wanted is None:
            raise NoDefaultModel(self.names())
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


def _only(models: Mapping[str, ModelSession]) -> str | None:
    return next(iter(models)) if len(models) == 1 else None
