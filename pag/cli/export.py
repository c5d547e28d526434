"""`pag export`: from a checkpoint to a served model, by model_export's own command line."""

from __future__ import annotations

import typer

from pag.cli.extras import installed

SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def export(context: typer.Context) -> None:
    """Make a model folder of a checkpoint; also train, evaluate, verify and more.

    `pag export --checkpoints ... --folder weights/NAME` exports. With the name of another command first it
    is `python -m model_export`: `pag export train --preset ... --folder ...`. `pag export --help` lists all.
    Needs the extra export.
    """
    with installed():
        from model_export.__main__ import main  # noqa: PLC0415 - torch
    arguments = list(context.args)
    # Options alone are those of the verb itself.
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
        arguments.insert(0, "export")
    main(arguments, "pag export")
