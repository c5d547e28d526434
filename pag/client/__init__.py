"""Python clients of the service, sync and async; HTTP alone, no network is computed in this process."""

from __future__ import annotations

from pag.client.async_client import AsyncClient
from pag.client.client import Client
from pag.client.decode import read_npz
from pag.client.errors import (
    BadAnswer,
    Busy,
    DeadlineMissed,
    PagError,
    Refused,
    StreamClosed,
    TimedOut,
    TlsFailed,
    Unreachable,
)
from pag.client.results import Budget, ClassEntry, FigureInfo, Frame, MapInfo, Model, Parsing

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "Budget",
    "Busy",
    "ClassEntry",
    "Client",
    "DeadlineMissed",
    "FigureInfo",
    "Frame",
    "MapInfo",
    "Model",
    "PagError",
    "Parsing",
    "Refused",
    "StreamClosed",
    "TimedOut",
    "TlsFailed",
    "Unreachable",
    "read_npz",
]
