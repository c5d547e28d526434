"""`pag serve`: the service in this process until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pag.cli.extras import installed


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (PAG_HOST).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on (PAG_PORT).")] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of models (PAG_WEIGHTS).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model for requests that name none (PAG_MODEL).")
    ] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print the table of all settings and end.")
    ] = False,
) -> None:
    """Serve over HTTP until told to stop.

    All settings come from environment variables: --settings prints them. The options here win over them.
    """
    if settings:
        from service.settings import settings_table  # noqa: PLC0415 - quick --help

        print(settings_table())
        return
    chosen = {"host": host, "port": port, "weights": weights, "model": model}
    with installed():
        from service.__main__ import main  # noqa: PLC0415 - slow, and needs an extra
    main(**{name: value for name, value in chosen.items() if value is not None})
