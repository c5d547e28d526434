"""The room behind every door: models, sessions and the work on one image; knows no HTTP."""

from __future__ import annotations
