"""Photographs to files: asked several at a time, written whole, told in order."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pag.cli.asking import Answered, ask, named
from pag.cli.exit_codes import SOME_FAILED, code_of, concerns_all, told
from pag.cli.files import write_whole
from pag.cli.formats import Format
from pag.cli.outputs import Job
from pag.cli.report import Report
from pag.cli.room import blaming_the_place
from pag.cli.workers import in_order
from pag.client import Client, PagError, Refused
from pag.client.calls import ParseOptions

# Answers that wait for a slower one before them are written already: waiting costs nothing.
WINDOW = 4


class Parser:
    """What is done with each photograph."""

    def __init__(self, client: Client, kind: Format, options: ParseOptions) -> None:
        self._client = client
        self._kind = kind
        self._options = options

    def __call__(self, job: Job) -> tuple[Answered, list[Path]] | PagError | OSError:
        """Its answer and the files written, or why there are none."""
        try:
            answered = ask(self._client, _read(job), self._kind, self._options)
            return answered, self._write(job, answered)
        except BrokenPipeError:
            raise
        except (PagError, OSError) as error:
            return error

    def _write(self, job: Job, answered: Answered) -> list[Path]:
        files = answered.files
        if job.stem is None:
            return _write_one(job.file, self._chosen(files))
        if self._kind == "png":
            files = named(files, job.stem.name)
        placed = {job.at(suffix): data for suffix, data in files.items()}
        with blaming_the_place(job.at("")):
            write_whole(placed)
        return list(placed)

    def _chosen(self, files: Mapping[str, bytes]) -> bytes:
        if self._kind == "png":
            return files[f"{self._options['maps']}.png"]
        return next(iter(files.values()))


def parse_all(jobs: Iterable[Job], parser: Parser, parallel: int, report: Report) -> set[int]:
    """Exit codes of all; Stop if the server says that no input will ever do."""
    codes: set[int] = set()
    for job, came in in_order(jobs, parser, parallel, WINDOW * parallel):
        if isinstance(came, (PagError, OSError)):
            codes.add(fail(job, came, report))
            continue
        answered, files = came
        report.step(answered.budget["used"], answered.budget["reason"])
        report.done(job.source.text, _said(answered), _document(answered, files))
    return codes


def fail(job: Job, error: PagError | OSError, report: Report) -> int:
    """Tell why an input has no maps; its exit code; raised again if all others would fail alike."""
    if isinstance(error, OSError):
        report.failed(job.source.text, _why(job, error), {})
        return SOME_FAILED
    if concerns_all(error):
        raise error
    report.failed(job.source.text, told(error), error.problem if isinstance(error, Refused) else {})
    return code_of(error)


def _why(job: Job, error: OSError) -> str:
    """The system's words, with the file that it means if that is not the input."""
    words = error.strerror or str(error)
    elsewhere = error.filename and not job.source.text.endswith(str(error.filename))
    return f"{error.filename}: {words}" if elsewhere else words


def _read(job: Job) -> bytes:
    path = job.source.path
    return sys.stdin.buffer.read() if path is None else path.read_bytes()


def _write_one(file: Path | None, data: bytes) -> list[Path]:
    if file is not None:
        with blaming_the_place(file):
            write_whole({file: data})
        return [file]
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return []


def _said(answered: Answered) -> str:
    budget = answered.budget
    return f"budget {budget['used']:.3g} ({budget['reason']}), {sum(answered.milliseconds.values()):.0f} ms"


def _document(answered: Answered, files: Iterable[Path]) -> dict[str, Any]:
    return {
        "outputs": [str(path) for path in files],
        "model": answered.model,
        "budget": dict(answered.budget),
        "milliseconds": dict(answered.milliseconds),
    }
