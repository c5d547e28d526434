"""The door of the Open Inference Protocol v2: the same engine as POST /parse, for its clients."""

from __future__ import annotations

from service.routes.v2.errors import ErrorsBelowV2
from service.routes.v2.router import build_router

__all__ = ["ErrorsBelowV2", "build_router"]
