"""Photographs to files: several requests at a time, the server's bytes written whole, reported in order."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pag.cli.connection import in_order
from pag.cli.exit_codes import SOME_FAILED, code_of, concerns_all, message_of
from pag.cli.files import stopping_if_unwritable, write_whole
from pag.cli.outputs import Format, Job
from pag.cli.report import Report
from pag.client import BadAnswer, Client, PagError, Refused
from pag.client.calls import Call, ParseOptions, parse_request
from pag.client.decode import JSON, NPZ, PNG, ZIP, read_files, read_json, read_npz, read_png, read_timing
from pag.client.exchange import Response

ACCEPT: dict[Format, str] = {"png": ZIP, "npz": NPZ, "overlay": PNG, "json": JSON}
META = "meta.json"
# Answers that wait for a slower one before them are written already: waiting costs nothing.
WINDOW = 4


@dataclass(frozen=True)
class ParsedFiles:
    """A photograph's files by ending, such as .npz, and what the answer's headers say of its making."""

    files: Mapping[str, bytes]
    budget: Mapping[str, Any]
    milliseconds: Mapping[str, float]
    model: str


class PhotographParser:
    """Parses a photograph and writes its files."""

    def __init__(self, client: Client, output: Format, options: ParseOptions) -> None:
        self._client = client
        self._format = output
        self._options = options

    def __call__(self, job: Job) -> tuple[ParsedFiles, list[Path]] | PagError | OSError:
        """What came of it and the files written, or why there are none."""
        try:
            parsed = request_files(self._client, _read(job), self._format, self._options)
            return parsed, self._write(job, parsed.files)
        except BrokenPipeError:
            raise
        except (PagError, OSError) as error:
            return error

    def _write(self, job: Job, files: Mapping[str, bytes]) -> list[Path]:
        if job.stem is None:
            return _write_one(job.file, self._only(files))
        if self._format == "png":
            files = _renamed(files, job.stem.name)
        if others := sorted(files.keys() - {*job.suffixes}):
            # Only the files that were planned were compared with those that are there.
            raise BadAnswer(
                f"The answer has maps that the model did not list at the start: {', '.join(others)}."
            )
        placed = {job.at(suffix): data for suffix, data in files.items()}
        with stopping_if_unwritable(job.at("")):
            write_whole(placed)
        return list(placed)

    def _only(self, files: Mapping[str, bytes]) -> bytes:
        if self._format == "png":
            name = f"{self._options['maps']}.png"
            if name not in files:
                raise BadAnswer(f"The answer has no {name}, but {', '.join(files)}.")
            return files[name]
        return next(iter(files.values()))


def parse_photographs(
    jobs: Iterable[Job], parser: PhotographParser, parallel: int, report: Report
) -> set[int]:
    """Exit codes of all; raises the error of one if every further photograph would fail alike."""
    codes: set[int] = set()
    with closing(in_order(jobs, parser, parallel, WINDOW * parallel)) as results:
        for job, result in results:
            if isinstance(result, (PagError, OSError)):
                codes.add(report_failure(job, result, report))
                continue
            parsed, files = result
            report.step(parsed.budget["used"], parsed.budget["reason"])
            report.done(job.source.text, _summary(parsed), _document(parsed, files))
    return codes


def report_failure(job: Job, error: PagError | OSError, report: Report) -> int:
    """Exit code of an input without maps, after its error was reported; raised again if it concerns all."""
    if isinstance(error, OSError):
        report.failed(job.source.text, _os_message(job, error), {})
        return SOME_FAILED
    if concerns_all(error):
        raise error
    report.failed(job.source.text, message_of(error), error.problem if isinstance(error, Refused) else {})
    return code_of(error)


def request_files(client: Client, data: bytes, output: Format, options: ParseOptions) -> ParsedFiles:
    """The files of one photograph, in the server's own bytes; PagError if there are none."""
    request = parse_request(data, ACCEPT[output], options, "overlay" if output == "overlay" else None)
    # The client's own methods read answers into arrays: here they stay the server's bytes.
    return client.call(Call(request, lambda response: _parsed_files(response, output)))


def _parsed_files(response: Response, output: Format) -> ParsedFiles:
    headers = response.headers
    try:
        budget = {
            "requested": float(headers["pag-budget-requested"]),
            "used": float(headers["pag-budget-used"]),
            "reason": headers["pag-budget-reason"],
            "share": float(headers["pag-share"]),
        }
        model, timing = headers["pag-model"], read_timing(headers)
    except (KeyError, ValueError) as error:
        raise BadAnswer(
            f"The answer is none of this service's: header {error} is missing or wrong."
        ) from error
    return ParsedFiles(_files(response.body, output), budget, timing, model)


def _files(body: bytes, output: Format) -> dict[str, bytes]:
    """Checked contents of an answer's body: by ending, or for png by the names within the ZIP."""
    if output == "png":
        return read_files(body)
    if output == "npz":
        read_npz(body)
        return {".npz": body}
    if output == "json":
        read_json(body)
        return {".json": body}
    return {".overlay.png": read_png(body)}


def _renamed(files: Mapping[str, bytes], stem: str) -> dict[str, bytes]:
    """Files of a ZIP by their endings on disk, and in meta.json by their names there; metadata last."""
    meta = json.loads(files[META])
    for entry in meta["maps"].values():
        entry["file"] = f"{stem}.{entry['file']}"
    maps = {f".{file}": data for file, data in files.items() if file != META}
    return {**maps, ".json": (json.dumps(meta) + "\n").encode()}


def _read(job: Job) -> bytes:
    path = job.source.path
    return sys.stdin.buffer.read() if path is None else path.read_bytes()


def _write_one(file: Path | None, data: bytes) -> list[Path]:
    if file is not None:
        with stopping_if_unwritable(file):
            write_whole({file: data})
        return [file]
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return []


def _os_message(job: Job, error: OSError) -> str:
    """The system's message, with the file that it means if that is not the input."""
    message = error.strerror or str(error)
    elsewhere = error.filename and not job.source.text.endswith(str(error.filename))
    return f"{error.filename}: {message}" if elsewhere else message


def _summary(parsed: ParsedFiles) -> str:
    budget = parsed.budget
    return f"budget {budget['used']:.3g} ({budget['reason']}), {sum(parsed.milliseconds.values()):.0f} ms"


def _document(parsed: ParsedFiles, files: Iterable[Path]) -> dict[str, Any]:
    return {
        "outputs": [str(path) for path in files],
        "model": parsed.model,
        "budget": dict(parsed.budget),
        "milliseconds": dict(parsed.milliseconds),
    }
