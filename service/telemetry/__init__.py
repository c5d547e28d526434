"""Metrics, logs and traces; knows no HTTP framework."""

from __future__ import annotations
