"""The server process and its connections: listening, time limits, draining."""

from __future__ import annotations
