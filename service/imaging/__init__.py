"""Pixels in and out: bytes to photographs, photographs to the network's size and back, maps to bytes."""

from __future__ import annotations
