"""The report of a command: progress as a bar or plain lines, a JSON line per input, and tables of figures."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pag.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BY_LOAD = "brownout"
# Columns of a terminal below which the count is shown without the bar.
BAR_COLUMNS = 70
# Reasons of a budget below the requested one.
LOWERING = {BY_LOAD, "deadline"}


@dataclass
class Totals:
    """Counts of how the inputs ended so far."""

    done: int = 0
    partial: int = 0
    skipped: int = 0
    failed: int = 0
    budgets: list[float] = field(default_factory=list)
    lowered: Counter[str] = field(default_factory=Counter)
    begun: float = field(default_factory=time.perf_counter)

    @property
    def mean_budget(self) -> float | None:
        """Mean of the budgets used."""
        return sum(self.budgets) / len(self.budgets) if self.budgets else None

    @property
    def lowered_text(self) -> str:
        """How many used a lower budget than requested, by reason."""
        return ", ".join(f"{count} lowered ({reason})" for reason, count in sorted(self.lowered.items()))

    @property
    def rate(self) -> float:
        """Parsed photographs or frames per second."""
        return len(self.budgets) / max(time.perf_counter() - self.begun, 1e-6)


class Report:
    """Progress on standard error, failures even if `quiet`, and JSON lines on standard output."""

    def __init__(self, unit: str, total: int | None, *, quiet: bool, as_json: bool) -> None:
        self.totals = Totals()
        self._unit = unit
        self._total = total
        self._quiet = quiet
        self._as_json = as_json
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Report:
        if not self._quiet and sys.stderr.isatty():
            self._bar = _new_bar(self._unit, self._total)
            self._bar[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            self._bar[0].stop()
        if kind is not None:
            return
        if not self._quiet:
            self._print(self._summary())
        elif self.totals.lowered[BY_LOAD]:
            # Even if quiet: lower budgets were not requested.
            self._print(
                f"pag: {self.totals.lowered_text} of {self._counted()}: give --min-budget, or less --jobs"
            )

    def expect(self, total: int | None) -> None:
        """Set the number of inputs or frames, once it is known."""
        if self._bar is not None:
            self._bar[0].update(self._bar[1], total=total)

    def step(self, budget: float | None, reason: str = "") -> None:
        """Count a photograph or frame parsed at this budget for this reason; None: one without an answer."""
        if budget is not None:
            self.totals.budgets.append(budget)
            self.totals.lowered.update({reason} & LOWERING)
        self._advance()

    def done(self, name: str, summary: str, document: Mapping[str, Any]) -> None:
        """Report an input whose files are written."""
        self.totals.done += 1
        if not self._quiet and self._bar is None:
            self._print(f"{name}  {summary}")
        self._line({"input": name, "status": "done", **document})

    def skipped(self, name: str) -> None:
        """Report an input whose files were there already."""
        self.totals.skipped += 1
        self._advance()
        if not self._quiet and self._bar is None:
            self._print(f"{name}  skipped: its maps are there")
        self._line({"input": name, "status": "skipped"})

    def failed(self, name: str, message: str, problem: Mapping[str, Any]) -> None:
        """Report an input without maps, even if quiet."""
        self.totals.failed += 1
        self._advance()
        self._print(f"pag: {name}: {message}")
        self._line({"input": name, "status": "failed", "message": message, "problem": dict(problem)})

    def partial(self, name: str, message: str, document: Mapping[str, Any]) -> None:
        """Report a video that is written but lacks frames, even if quiet."""
        self.totals.partial += 1
        self._print(f"pag: {name}: {message}")
        self._line({"input": name, "status": "partial", "message": message, **document})

    def _advance(self) -> None:
        if self._bar is not None:
            bar, task = self._bar
            mean = self.totals.mean_budget
            status = f"{self.totals.rate:.1f}/s" + (f"  budget {mean:.2f}" if mean is not None else "")
            bar.update(task, advance=1, status=status)

    def _summary(self) -> str:
        totals, seconds = self.totals, time.perf_counter() - self.totals.begun
        counts = {
            "done": totals.done,
            "partial": totals.partial,
            "skipped": totals.skipped,
            "failed": totals.failed,
        }
        parts = [f"{count} {word}" for word, count in counts.items() if count or word == "done"]
        mean = "" if totals.mean_budget is None else f", mean budget used {totals.mean_budget:.2f}"
        lowered = f", {totals.lowered_text}" if totals.lowered else ""
        work = f"{self._counted()} in {seconds:.1f} s ({totals.rate:.1f}/s)"
        return f"{', '.join(parts)}; {work}{mean}{lowered}"

    def _counted(self) -> str:
        count = len(self.totals.budgets)
        return f"{count} {self._unit if count != 1 else self._unit.removesuffix('s')}"

    def _print(self, text: str) -> None:
        text = printable(text)
        if self._bar is not None:
            self._bar[0].console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _line(self, document: Mapping[str, Any]) -> None:
        if self._as_json:
            print(json.dumps(document), flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart; the first to the left, figures to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(_aligned(line, widths) for line in lines)


def figure(value: float | None, digits: int = 3) -> str:
    """The number with so many digits after the point, or a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def _new_bar(unit: str, total: int | None) -> tuple[Progress, TaskID]:
    from rich import progress  # noqa: PLC0415 - only where there is a terminal
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    columns: list[progress.ProgressColumn] = [
        progress.TextColumn(unit),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[status]}"),
    ]
    if console.width >= BAR_COLUMNS:
        columns[1:1] = [progress.BarColumn()]
        columns.append(progress.TimeRemainingColumn())
    bar = progress.Progress(*columns, console=console)
    return bar, bar.add_task(unit, total=total, status="")


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = line
    cells = [
        first.ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)),
    ]
    return "  ".join(cells).rstrip()
