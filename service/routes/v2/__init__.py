"""The Open Inference Protocol v2: the engine of POST /parse, for the protocol's clients."""

from __future__ import annotations

from service.routes.v2.router import build_router

__all__ = ["build_router"]
