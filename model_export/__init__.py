"""Trains the networks and makes what the service loads; torch lives here and only here."""

import os

# ONNX Runtime reads it when it is loaded; without it, it reports every session to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
