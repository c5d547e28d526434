"""The verbs that need an extra of the package, serve, doctor and export, and the message that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from pag.cli.exit_codes import USAGE, Stop
from pag.cli.options import AsJson

Extra = Literal["serve", "export", "video"]
INSTALL: dict[Extra, str] = {
    "serve": "pip install 'pag-parse[serve]' (on an NVIDIA GPU: [serve-gpu])",
    "export": "pip install 'pag-parse[export]' (several GB: torch, onnx, …; no container image has it)",
    "video": "pip install 'pag-parse[video]' (OpenCV, which [serve] installs too)",
}
# `pag export` parses its own arguments, --help included.
EXPORT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@contextmanager
def needs(extra: Extra, purpose: str, code: int = USAGE) -> Iterator[None]:
    """Imports of what `extra` installs; Stop says that `purpose` needs it where a module is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        message = f"{purpose} needs the extra {extra} ({name} is not installed): {INSTALL[extra]}"
        raise Stop(code, message) from error


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
    Needs the extra serve.
    """
    if settings:
        with needs("serve", "pag serve"):
            from service.settings import settings_table  # noqa: PLC0415 - quick --help

        print(settings_table())
        return
    chosen = {"host": host, "port": port, "weights": weights, "model": model}
    with needs("serve", "pag serve"):
        from service.__main__ import main  # noqa: PLC0415 - slow, and needs an extra
    main(**{name: value for name, value in chosen.items() if value is not None})


def doctor(as_json: AsJson = False) -> None:
    """Check CPUs, kernels, models, limits and port as `pag serve` would use them here.

    Settings are read from the environment. Ends with 1 if a check failed; each names its fix.
    Needs the extra serve.
    """
    with needs("serve", "pag doctor"):
        from service.doctor import report  # noqa: PLC0415 - slow, and needs an extra
        from service.errors import StartupError  # noqa: PLC0415
        from service.settings import read_settings  # noqa: PLC0415
    try:
        settings = read_settings()
    except StartupError as error:
        raise Stop(USAGE, str(error)) from error
    raise typer.Exit(report.main(settings, as_json=as_json))


def export(context: typer.Context) -> None:
    """Make a model folder of a checkpoint; also train, evaluate, verify and more.

    `pag export --checkpoints ... --folder weights/NAME` exports. With the name of another command first it
    is `python -m model_export`: `pag export train --preset ... --folder ...`. `pag export --help` lists all.
    Needs the extra export.
    """
    with needs("export", "pag export"):
        from model_export.__main__ import main  # noqa: PLC0415 - torch
    arguments = list(context.args)
    # Options alone are those of the verb itself.
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
        arguments.insert(0, "export")
    main(arguments, "pag export")
