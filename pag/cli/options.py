"""Options that several verbs share, each in one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pag.cli.exit_codes import USAGE, Stop


def read_share(text: str) -> float:
    """A budget: a share in (0, 1]; BadParameter for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise typer.BadParameter(f"{text} is no share: more than 0 and at most 1, such as 0.5.")
    return value


def read_maps(text: str | None) -> str | None:
    """Names of maps with commas between, each once; BadParameter where there is none."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter("name one or more maps, with commas: 'pag models' lists them.")
    return ",".join(dict.fromkeys(names))


def _refuse_tasks(text: str | None) -> None:
    if text is not None:
        raise Stop(USAGE, f"--tasks is called --maps now: --maps {text}")


Server = Annotated[
    str | None,
    typer.Option(
        envvar="PAG_SERVER",
        metavar="URL",
        help="Ask this server: http://HOST:PORT or unix:/PATH. Without it the service runs in this command "
        "(extra serve).",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(envvar="PAG_KEY", metavar="KEY", show_envvar=True, help="API key of that server."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder of models, without --server. Default: PAG_WEIGHTS, else weights/ here or beside pag.",
    ),
]
ModelName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Model, as 'pag models' lists them. Default: the server's.")
]
Budget = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        parser=read_share,
        help="Ceiling in (0, 1] on the share of the full network's multiply-adds. Default: the server's.",
    ),
]
MinBudget = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        parser=read_share,
        help="Least budget that a deadline or load may lower it to. "
        "Default: --budget where there is no --deadline-ms, else the model's floor.",
    ),
]
DeadlineMs = Annotated[
    float | None,
    typer.Option(
        metavar="MS",
        min=1e-3,
        help="Milliseconds within which each answer is of use; the largest budget that fits is chosen.",
    ),
]
Maps = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        callback=read_maps,
        help="Maps, with commas, as 'pag models' lists them. Default: those that the model returns unasked.",
    ),
]
#: The former name of --maps, which is refused and not in --help.
Tasks = Annotated[str | None, typer.Option(hidden=True, callback=_refuse_tasks)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for scripts.")]
