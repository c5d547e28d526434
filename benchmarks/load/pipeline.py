"""One photograph in, the answer's bytes out, with no server around it: the bare loop's work, and the peers'.

Decoding, fitting, maps and encoding are the service's own functions, the session has all threads, and maps
are brought back side by side as the service does: so only the server differs.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import perforated_conv
from numpy.typing import NDArray

from service.imaging.decode import decode
from service.imaging.encode import depth_metres, depth_png, labels_png, normals_png
from service.imaging.labels import resample_labels
from service.model_folder import geometry
from service.model_folder.manifest import MANIFEST_NAME, MODEL_NAME, ModelManifest
from service.model_folder.resize import Fit, Size

NPZ, ZIP = "application/x-npz", "application/zip"
MAX_PIXELS = 32_000_000
LIBRARY_VARIABLE = "BENCH_NATIVE_LIBRARY"
ENCODERS: dict[str, Any] = {"semantics": labels_png, "depth": depth_png, "normals": normals_png}


class Pipeline:
    """The network at budget 1; `answer` may be called from several threads."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._manifest = read_manifest(folder)
        library = native_library()
        self._network = _session(folder / MODEL_NAME, threads, library)
        semantics = self._manifest.tasks.semantics
        labels = semantics.labels_model if semantics is not None and library is not None else None
        self._labels = _session(folder / labels, threads, library, spinning=False) if labels else None
        self._names = self._manifest.tasks.names()
        self._meta = describe(self._manifest)
        self._maps = ThreadPoolExecutor(threads)

    def answer(self, data: bytes, size: Size, media_type: str) -> bytes:
        """The maps of an encoded photograph as npz or zip."""
        photograph = decode(data, MAX_PIXELS, math.ceil(self._manifest.input.working_pixels))
        plan = self._manifest.fit(photograph.height, photograph.width)
        feeds = {
            self._manifest.input.image: geometry.fit(photograph.pixels, plan),
            self._manifest.input.budget: np.ones(1, np.float32),
        }
        outputs = self._manifest.outputs(self._names)
        raw = dict(zip(self._names, self._network.run(outputs, feeds), strict=True))
        return self._encode(self._bring_back(raw, plan, size), media_type)

    def _bring_back(
        self, raw: dict[str, NDArray[np.float32]], plan: Fit, size: Size
    ) -> dict[str, NDArray[Any]]:
        def one(name: str) -> NDArray[Any]:
            task = getattr(self._manifest.tasks, name)
            sampling = geometry.plan_sampling(plan, size, task.stride)
            if name == "semantics":
                return self._label_map(raw[name][0], sampling)
            resample = geometry.resample if name == "depth" else geometry.resample_normals
            return resample(raw[name][0], sampling)

        return dict(zip(self._names, self._maps.map(one, self._names), strict=True))

    def _label_map(self, logits: NDArray[np.float32], sampling: geometry.Sampling) -> NDArray[np.uint8]:
        if self._labels is None:
            return resample_labels(logits, sampling)
        covered = [side * scale for side, scale in zip(sampling.target, sampling.scale, strict=True)]
        feeds = {
            "logits": logits[None],
            "size": np.array(sampling.target, np.int64),
            "extent": np.array(covered, np.float32),
        }
        labels: NDArray[np.uint8] = self._labels.run(["labels"], feeds)[0][0]
        return labels

    def _encode(self, maps: dict[str, NDArray[Any]], media_type: str) -> bytes:
        buffer = io.BytesIO()
        if media_type == NPZ:
            if "depth" in maps:
                maps["depth"] = depth_metres(maps["depth"])
            np.savez(buffer, meta=np.array(json.dumps(self._meta)), **maps)  # type: ignore[arg-type]
            return buffer.getvalue()
        encoded = self._maps.map(lambda item: (item[0], ENCODERS[item[0]](item[1])), maps.items())
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, data in encoded:
                archive.writestr(zipfile.ZipInfo(f"{name}.png"), data)
            archive.writestr(zipfile.ZipInfo("meta.json"), json.dumps(self._meta))
        return buffer.getvalue()


def read_manifest(folder: Path) -> ModelManifest:
    """The manifest of the model in `folder`; its files are not verified."""
    return ModelManifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())


def describe(manifest: ModelManifest) -> dict[str, Any]:
    """About as much as the service says beside the maps: the model's name and its classes."""
    semantics = manifest.tasks.semantics
    classes = [entry.model_dump() for entry in semantics.classes] if semantics is not None else []
    return {"model": {"name": manifest.name, "version": manifest.version}, "classes": classes}


def native_library() -> Path | None:
    """The operators' library: that of the variable, for environments without it, else the installed one."""
    given = os.environ.get(LIBRARY_VARIABLE)
    return Path(given) if given else perforated_conv.library_path()


def _session(path: Path, threads: int, library: Path | None, *, spinning: bool = True) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if library is not None:
        options.register_custom_ops_library(str(library))
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
