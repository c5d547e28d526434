"""The engine: models, admission, budgets and inference of images. It knows no HTTP."""

from __future__ import annotations
