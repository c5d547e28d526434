"""Python clients of the service, sync and async; HTTP alone, no network in this process."""

from __future__ import annotations

from pag.client.answers import read_npz
from pag.client.async_client import AsyncClient
from pag.client.client import Client
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
from pag.client.models import Model
from pag.client.parsing import Budget, ClassEntry, Frame, Parsing

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "Budget",
    "Busy",
    "ClassEntry",
    "Client",
    "DeadlineMissed",
    "Frame",
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
