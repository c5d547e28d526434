"""Labels at an image's own size from the network's logits: the argmax of these interpolated."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime
import perforated_conv

from model_export.evaluation.points import Fit
from model_export.export.labels_model import labels_model

Labels = npt.NDArray[np.uint8]


def upsampled_labels(logits: npt.NDArray[np.float32], fit: Fit) -> Labels:
    """Class ids uint8 [H, W] of logits float32 [h, w, K]; by the native library where it is built.

    The library decides between the classes that can win, a hundred times as fast as interpolating them all.
    """
    session = _native_session()
    if session is None:
        return interpolated_labels(logits, fit)
    feeds = {
        "logits": np.ascontiguousarray(logits)[None],
        "size": np.array(fit.source, np.int64),
        "extent": np.array(fit.extent(logits), np.float32),
    }
    return np.asarray(session.run(["labels"], feeds)[0][0], np.uint8)


def interpolated_labels(logits: npt.NDArray[np.float32], fit: Fit) -> Labels:
    """The same by OpenCV; pixels where two classes are level to rounding may differ."""
    return np.asarray(fit.resample(logits).argmax(-1), np.uint8)


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
