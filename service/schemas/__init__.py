"""The shapes of what the service says, as pydantic models."""

from __future__ import annotations
