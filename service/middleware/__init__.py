"""Around every request: ids and logs, keys, origins, refusal while stopping."""

from __future__ import annotations
