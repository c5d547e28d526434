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
from service.maps import Kind, kind_of
from service.model_folder import geometry
from service.model_folder.files import load_manifest
from service.model_folder.geometry import ResizePlan, Size
from service.model_folder.manifest import MODEL_NAME, ModelManifest
from service.model_folder.maps import LabelsMap

NPZ, ZIP = "application/x-npz", "application/zip"
MAX_PIXELS = 32_000_000
LIBRARY_VARIABLE = "BENCH_NATIVE_LIBRARY"


class Pipeline:
    """The network at budget 1; `answer` may be called from several threads."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._manifest = load_manifest(folder)
        library = native_library()
        self._network = _session(folder / MODEL_NAME, threads, library)
        labels = {entry.name: entry.labels_model for entry in label_maps(self._manifest) if library}
        self._labels = {
            name: _session(folder / file, threads, library, spinning=False)
            for name, file in labels.items()
            if file is not None
        }
        self._names = self._manifest.default_map_names()
        self._meta = describe(self._manifest)
        self._maps = ThreadPoolExecutor(threads)

    def answer(self, data: bytes, size: Size, media_type: str) -> bytes:
        """The maps of an encoded photograph as npz or zip."""
        photograph = decode(data, MAX_PIXELS, math.ceil(self._manifest.input.working_pixels))
        plan = self._manifest.plan_resize(photograph.height, photograph.width)
        feeds = {
            self._manifest.input.image: geometry.feed(photograph.pixels, plan),
            self._manifest.input.budget: np.ones(1, np.float32),
        }
        outputs = self._manifest.outputs(self._names)
        raw = dict(zip(self._names, self._network.run(outputs, feeds), strict=True))
        return self._encode(self._bring_back(raw, plan, size), media_type)

    def _bring_back(
        self, raw: dict[str, NDArray[np.float32]], plan: ResizePlan, size: Size
    ) -> dict[str, NDArray[Any]]:
        def one(name: str) -> NDArray[Any]:
            entry = self._manifest.map(name)
            sampling = geometry.plan_sampling(plan, size, entry.stride)
            if name in self._labels:
                return _label_map(self._labels[name], raw[name][0], sampling)
            return kind_of(entry).resample(raw[name][0], sampling)

        return dict(zip(self._names, self._maps.map(one, self._names), strict=True))

    def _encode(self, maps: dict[str, NDArray[Any]], media_type: str) -> bytes:
        buffer = io.BytesIO()
        if media_type == NPZ:
            arrays = {name: self._kind(name).canonical(values) for name, values in maps.items()}
            np.savez(buffer, meta=np.array(json.dumps(self._meta)), **arrays)  # type: ignore[arg-type]
            return buffer.getvalue()
        encoded = self._maps.map(lambda item: (item[0], self._kind(item[0]).encode(item[1])), maps.items())
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, data in encoded:
                archive.writestr(zipfile.ZipInfo(f"{name}.png"), data)
            archive.writestr(zipfile.ZipInfo("meta.json"), json.dumps(self._meta))
        return buffer.getvalue()

    def _kind(self, name: str) -> Kind:
        return kind_of(self._manifest.map(name))


def _label_map(
    session: onnxruntime.InferenceSession, logits: NDArray[np.float32], sampling: geometry.Sampling
) -> NDArray[np.uint8]:
    feeds = {
        "logits": logits[None],
        "size": np.array(sampling.target, np.int64),
        "extent": np.array(sampling.covered, np.float32),
    }
    labels: NDArray[np.uint8] = session.run(["labels"], feeds)[0][0]
    return labels


def label_maps(manifest: ModelManifest) -> list[LabelsMap]:
    """The maps of class ids that the model gives."""
    return [entry for entry in manifest.maps if isinstance(entry, LabelsMap)]


def describe(manifest: ModelManifest) -> dict[str, Any]:
    """About as much as the service says beside the maps: the model's name and its classes."""
    classes = [each.model_dump() for entry in label_maps(manifest) for each in entry.classes]
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
