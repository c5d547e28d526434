"""Options that several verbs share, each in one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Map = Literal["semantics", "depth", "normals", "computed"]
MAPS: tuple[Map, ...] = ("semantics", "depth", "normals", "computed")


def read_share(text: str) -> float:
    """A budget."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise typer.BadParameter(f"{text} is no share: more than 0 and at most 1, such as 0.5.")
    return value


def read_tasks(text: str | None) -> str | None:
    """Comma-separated names of maps."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter(f"name one or more of {', '.join(MAPS)}, with commas.")
    return ",".join(dict.fromkeys(names))


Server = Annotated[
    str | None,
    typer.Option(
        envvar="PAG_SERVER",
        metavar="URL",
        help="Ask this server: http://HOST:PORT or unix:/PATH. Without it the service runs in this command.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(envvar="PAG_KEY", metavar="KEY", show_envvar=True, help="API key of that server."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Folder of models, without --server. Default: PAG_WEIGHTS, else weights."
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
        help="Least budget that a deadline or load may lower it to. Default: the model's floor.",
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
Tasks = Annotated[
    str | None,
    typer.Option(
        metavar="MAPS",
        callback=read_tasks,
        help=f"Maps, with commas: {', '.join(MAPS)}. Default: all of the model but computed.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for scripts.")]
