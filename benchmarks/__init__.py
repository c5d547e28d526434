"""Measurements; none of them is a test, and nothing that is served needs them."""

import os

# ONNX Runtime reads it when it is loaded; without it, it reports every session to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
