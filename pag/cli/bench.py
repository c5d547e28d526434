"""`pag bench`: latency, rate and the server's stages at each budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pag.cli import options
from pag.cli.exit_codes import USAGE, Stop

LEGEND = """\b
p50, p95   milliseconds of one client, from request to arrays; budgets take turns;
           p95 from 20 runs up
images/s   of --jobs clients at a time: median of three windows, in turns too
then       milliseconds of each stage in the server, medians of one client"""


def bench(
    server: options.Server = None,
    key: options.Key = None,
    weights: options.Weights = None,
    model: options.ModelName = None,
    budgets: Annotated[
        str, typer.Option(metavar="SHARES", callback=_read_budgets, help="With commas.")
    ] = "1,0.7,0.5,0.3",
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Photograph. Default: a synthetic one of 640x480.")
    ] = None,
    maps: options.Maps = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="For all budgets together.")] = 10.0,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, metavar="N", help="Clients at a time. Default: as in parse.")
    ] = None,
    as_json: options.AsJson = False,
    tasks: options.Tasks = None,
) -> None:
    """Measure latency, rate and stages at each budget, on this machine or a server."""
    try:
        data = image.read_bytes() if image else None
    except OSError as error:
        raise Stop(USAGE, f"{image}: {error.strerror}") from error
    from pag.cli.measure import Measurement, run  # noqa: PLC0415 - quick --help

    shares = [float(part) for part in budgets.split(",")]
    run(Measurement(shares, data, maps, model, seconds, jobs, as_json=as_json), server, key, weights)


def _read_budgets(text: str) -> str:
    for part in text.split(","):
        options.read_share(part)
    return text
