"""Dense scene parsing at a compute budget: the client, the command line, a service in this process.

    from pag import Client

    with Client("http://127.0.0.1:8000") as client:
        parsing = client.parse("photo.jpg", budget=0.5)
        for name, array in parsing.maps.items():
            print(name, parsing.kind(name), array.shape, array.dtype, parsing.map_info[name].unit)

`Client` and `AsyncClient` request maps of photographs and of streams of frames from a server; a `Parsing`
holds them as numpy arrays with units. Errors are one family: PagError. `pag.local.LocalServer` is a server
in this process; it needs the extra `serve`.
"""

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
        FigureInfo,
        Frame,
        MapInfo,
        Model,
        PagError,
        Parsing,
        Refused,
        StreamClosed,
        TimedOut,
        TlsFailed,
        Unreachable,
        read_npz,
    )

    __version__: str
else:

    def __getattr__(name: str) -> object:
        # On demand: a shell's completion of `pag` must not wait for arrays, HTTP and pictures.
        if name == "__version__":
            from pag.client.settings import VERSION  # noqa: PLC0415

            return VERSION
        if name not in __all__:
            raise AttributeError(f"module 'pag' has no attribute {name!r}")
        from pag import client  # noqa: PLC0415

        return getattr(client, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, "__version__"})


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
