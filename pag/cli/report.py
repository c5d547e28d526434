"""What a command says while it works: a progress bar, plain lines or nothing, and a JSON line per input."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BY_LOAD = "brownout"
# Columns of a terminal below which the bar makes room for the count.
ROOMY = 70
# Reasons of a budget below the one asked for.
LOWERING = {BY_LOAD, "deadline"}


@dataclass
class Totals:
    """What came of all inputs so far."""

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
    def lowered_words(self) -> str:
        """How many got less than was asked for, and why."""
        return ", ".join(f"{count} lowered ({reason})" for reason, count in sorted(self.lowered.items()))

    @property
    def rate(self) -> float:
        """Parsed photographs or frames per second."""
        return len(self.budgets) / max(time.perf_counter() - self.begun, 1e-6)


class Report:
    """Says on standard error how far it is, and what failed even if `quiet`."""

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
            self._say(self._summary())
        elif self.totals.lowered[BY_LOAD]:
            # Nobody asked for that.
            self._say(
                f"pag: {self.totals.lowered_words} of {self._counted()}: give --min-budget, or less --jobs"
            )

    def expect(self, total: int | None) -> None:
        """How many there are, now that it is known."""
        if self._bar is not None:
            self._bar[0].update(self._bar[1], total=total)

    def step(self, budget: float | None, reason: str = "") -> None:
        """One photograph or frame is parsed at this budget, for this reason; None: a frame is not."""
        if budget is not None:
            self.totals.budgets.append(budget)
            self.totals.lowered.update({reason} & LOWERING)
        self._move()

    def done(self, name: str, said: str, document: Mapping[str, Any]) -> None:
        """An input is written."""
        self.totals.done += 1
        if not self._quiet and self._bar is None:
            self._say(f"{name}  {said}")
        self._line({"input": name, "status": "done", **document})

    def skipped(self, name: str) -> None:
        """An input whose maps are there already."""
        self.totals.skipped += 1
        self._move()
        if not self._quiet and self._bar is None:
            self._say(f"{name}  skipped: its maps are there")
        self._line({"input": name, "status": "skipped"})

    def failed(self, name: str, why: str, problem: Mapping[str, Any]) -> None:
        """An input has no maps; said in any case."""
        self.totals.failed += 1
        self._move()
        self._say(f"pag: {name}: {why}")
        self._line({"input": name, "status": "failed", "message": why, "problem": dict(problem)})

    def partial(self, name: str, why: str, document: Mapping[str, Any]) -> None:
        """A video that is written but lacks frames; said in any case."""
        self.totals.partial += 1
        self._say(f"pag: {name}: {why}")
        self._line({"input": name, "status": "partial", "message": why, **document})

    def _move(self) -> None:
        if self._bar is not None:
            bar, task = self._bar
            mean = self.totals.mean_budget
            told = f"{self.totals.rate:.1f}/s" + (f"  budget {mean:.2f}" if mean is not None else "")
            bar.update(task, advance=1, told=told)

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
        lowered = f", {totals.lowered_words}" if totals.lowered else ""
        work = f"{self._counted()} in {seconds:.1f} s ({totals.rate:.1f}/s)"
        return f"{', '.join(parts)}; {work}{mean}{lowered}"

    def _counted(self) -> str:
        count = len(self.totals.budgets)
        return f"{count} {self._unit if count != 1 else self._unit.removesuffix('s')}"

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar[0].console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _line(self, document: Mapping[str, Any]) -> None:
        if self._as_json:
            print(json.dumps(document), flush=True)


def _new_bar(unit: str, total: int | None) -> tuple[Progress, TaskID]:
    from rich import progress  # noqa: PLC0415 - only where there is a terminal
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    columns: list[progress.ProgressColumn] = [
        progress.TextColumn(unit),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[told]}"),
    ]
    if console.width >= ROOMY:
        columns[1:1] = [progress.BarColumn()]
        columns.append(progress.TimeRemainingColumn())
    bar = progress.Progress(*columns, console=console)
    return bar, bar.add_task(unit, total=total, told="")
