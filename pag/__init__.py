"""Dense scene parsing at a compute budget: the client, the command line, a service in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pag.client import (
        AsyncClient,
        BadAnswer,
        Budget,
        Busy,
        ClassEntry,
        Client,
        DeadlineMissed,
        Frame,
        Model,
        PagError,
        Parsing,
        Refused,
        StreamClosed,
        TimedOut,
        Unreachable,
        read_npz,
    )
else:

    def __getattr__(name: str) -> object:
        # On demand: a shell's completion of `pag` must not wait for arrays, HTTP and pictures.
        if name not in __all__:
            raise AttributeError(f"module 'pag' has no attribute {name!r}")
        from pag import client  # noqa: PLC0415

        return getattr(client, name)


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
    "Unreachable",
    "read_npz",
]
