"""Native kernels compute in float32 in every test that does not say otherwise."""

from __future__ import annotations

import os

# Read once per process, by the first kernel; tests of bfloat16 start a process of their own.
os.environ.setdefault("PERFORATED_CONV_PRECISION", "f32")
