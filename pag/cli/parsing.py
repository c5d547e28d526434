"""What `pag parse` does once it is clear what goes where: photographs first, then videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pag.cli.connect import Connection, connected
from pag.cli.exit_codes import code_of_all
from pag.cli.formats import Format
from pag.cli.outputs import Job
from pag.cli.photographs import Parser, parse_all
from pag.cli.report import Report
from pag.cli.room import check_room
from pag.cli.video import VideoOptions, parse_video
from pag.cli.views import View
from pag.client.calls import ParseOptions

# What a service holds beside the requests of this command: its own looks at readiness.
SPARE = 8


@dataclass(frozen=True)
class Orders:
    """Everything that the command line said of the work."""

    wanted: Sequence[Job]
    finished: Sequence[Job]
    format: Format
    tasks: str | None
    ask: dict[str, object]
    view: View
    seconds: float | None
    jobs: int | None
    quiet: bool
    as_json: bool

    @property
    def options(self) -> ParseOptions:
        """What is asked of the server; the rest is its default."""
        given = {name: value for name, value in self.ask.items() if value is not None}
        if "deadline_ms" not in given and "budget" in given:
            # A batch is busy by itself: it had rather wait than get less than was asked for.
            given.setdefault("min_budget", given["budget"])
        return cast(ParseOptions, given)

    def report(self, unit: str, total: int | None) -> Report:
        """Where to say how far it is."""
        return Report(unit, total, quiet=self.quiet, as_json=self.as_json)


def run(orders: Orders, server: str | None, key: str | None, weights: Path | None) -> int:
    """Exit code; Stop if nothing more can be done."""
    if not orders.wanted:
        with orders.report("photographs", len(orders.finished)) as report:
            _skip(orders, report)
        return 0
    check_room(file for job in orders.wanted for file in job.files)
    with connected(server, key, weights, max_pending=(orders.jobs or 0) + 64) as connection:
        jobs = orders.jobs or (1 if "deadline_ms" in orders.options else connection.jobs)
        codes = _photographs(orders, connection, jobs) | _videos(orders, connection, jobs)
    return code_of_all(codes)


def _photographs(orders: Orders, connection: Connection, jobs: int) -> set[int]:
    still = [job for job in orders.wanted if not job.source.is_moving]
    if not (still or orders.finished):
        return set()
    options: ParseOptions = {**orders.options, **({"maps": orders.tasks} if orders.tasks else {})}
    with orders.report("photographs", len(still) + len(orders.finished)) as report:
        _skip(orders, report)
        return parse_all(still, Parser(connection.client, orders.format, options), jobs, report)


def _videos(orders: Orders, connection: Connection, jobs: int) -> set[int]:
    options = VideoOptions(orders.view, orders.options, orders.seconds, jobs)
    codes = set[int]()
    for job in orders.wanted:
        if job.source.is_moving:
            with orders.report("frames", None) as report:
                codes.add(parse_video(connection.client, job, options, report))
    return codes


def _skip(orders: Orders, report: Report) -> None:
    for job in orders.finished:
        report.skipped(job.source.text)
