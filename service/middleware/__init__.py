"""Middleware: ids and logs of requests, API keys, origins of pages, refusal while stopping."""

from __future__ import annotations
