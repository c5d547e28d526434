"""Maps of a network at the image's own size, kind by kind, from the outputs of its graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime
import perforated_conv

from model_export.common.sizes import OUTPUT_STRIDE
from model_export.export.labels_model import labels_model
from model_export.measures.measure import Array
from model_export.networks.tasks import TASKS, Kind
from service.model_folder.geometry import (
    ResizePlan,
    Sampling,
    plan_sampling,
    resample,
    unscale_metric,
    unscale_vectors,
)
from service.model_folder.labels import resample_labels

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]


def full_size(outputs: Mapping[str, Floats], plan: ResizePlan, scale: float) -> dict[str, Array]:
    """Task -> map [H, W, ...] at the image's own size.

    Args:
        outputs: of the graph, by name, [h, w, ...] at stride 8, as a Predictor gives them.
        plan: sizes at which the image was fed.
        scale: of the image that was fed, per side; maps are those of the whole image's camera.

    Labels are uint8 [H, W]; vectors are not brought back to unit length.
    """
    sampling = plan_sampling(plan, "input", OUTPUT_STRIDE)
    return {
        name: _BY_KIND[task.kind](outputs[task.output], sampling, scale)
        for name, task in TASKS.items()
        if task.output in outputs
    }


_BY_KIND: dict[Kind, Callable[[Floats, Sampling, float], Array]] = {
    "labels": lambda logits, sampling, _: upsampled_labels(logits, sampling),
    "probability": lambda values, sampling, _: resample(values, sampling),
    "metric": lambda values, sampling, scale: resample(unscale_metric(values, scale), sampling),
    "vectors": lambda values, sampling, scale: resample(unscale_vectors(values, scale), sampling),
}


def upsampled_labels(logits: Floats, sampling: Sampling) -> Labels:
    """Class ids uint8 [H, W] of logits float32 [h, w, K]; by the native library where it is built.

    Without it as the service does it; pixels where two classes are level to rounding may differ.
    """
    session = _native_session()
    if session is None:
        return resample_labels(logits, sampling)
    feeds = {
        "logits": np.ascontiguousarray(logits)[None],
        "size": np.array(sampling.target, np.int64),
        "extent": np.array(sampling.covered, np.float32),
    }
    return np.asarray(session.run(["labels"], feeds)[0][0], np.uint8)


@cache
def _native_session() -> onnxruntime.InferenceSession | None:
    library = perforated_conv.library_path()
    if library is None:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.register_custom_ops_library(str(library))
    model = labels_model().SerializeToString()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
