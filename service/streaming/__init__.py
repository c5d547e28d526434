"""Streams of frames without their transport: the newest frame wins, answers keep their order."""

from __future__ import annotations
