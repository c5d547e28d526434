"""Routes: each unpacks a request, calls one method, packs the answer."""

from __future__ import annotations
