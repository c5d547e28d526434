"""The service: answers an image with dense maps at a compute budget chosen per request."""

from __future__ import annotations

import os
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version

TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"

# ONNX Runtime reads it when it is loaded; without it, it reports every session to its maker.
if sys.modules.get("onnxruntime") is not None and TELEMETRY_OFF not in os.environ:
    warnings.warn(
        f"onnxruntime was imported before service and reports to its maker: set {TELEMETRY_OFF}=1 in the "
        "environment, or import service first",
        stacklevel=2,
    )
os.environ.setdefault(TELEMETRY_OFF, "1")


def _installed() -> str:
    try:
        return version("pag-parse")
    except PackageNotFoundError:  # a checkout that is run and not installed
        return "0+checkout"


VERSION = _installed()
