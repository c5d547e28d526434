"""Feeds mutated images to `service.imaging.decode` in a child that may take little memory and time.

    python -m benchmarks.fuzz_decode [--minutes 10] [--seed 0] [--http]

A finding is any exception that is no ServiceError, any death of the child, and any input that takes longer
than --limit seconds or more than --megabytes. Findings are unique by kind and place; the first input of each
is kept in build/fuzz. A run goes on where the last one with the same seed stopped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.fuzz_http import fuzz_http
from benchmarks.fuzz_mutations import mutant, seeds
from service.errors import ServiceError
from service.imaging.decode import decode, open_header

FOLDER = Path("build/fuzz")
MAX_PIXELS = 4_000_000
ENOUGH_PIXELS = 307_200
POLL_SECONDS = 0.05


@dataclass
class Tally:
    """What a run has found so far; `next` is the number of the next mutant."""

    seed: int
    next: int = 0
    executions: int = 0
    answered: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    findings: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"state_{self.seed}.json"

    def save(self) -> None:
        """Keep it."""
        self.path.write_text(json.dumps(vars(self), indent=1))

    def found(self, what: str, number: int) -> None:
        """Count a finding; keep the input of the first of its kind."""
        if what not in self.findings:
            name = "".join(letter if letter.isalnum() else "_" for letter in what)[:80]
            (FOLDER / f"{name}_{self.seed}_{number}").write_bytes(mutant(self.seed, number))
            print(f"FOUND {what} by mutant {number}", flush=True)
        self.findings[what] = self.findings.get(what, 0) + 1


def main() -> None:
    """Fuzz for the time given and print what came of it; exit status 1 if anything was found."""
    options = _options()
    FOLDER.mkdir(parents=True, exist_ok=True)
    tally = Tally(options.seed)
    if tally.path.exists() and not options.http:
        tally = Tally(**json.loads(tally.path.read_text()))
    end = time.monotonic() + 60 * options.minutes
    if options.http:
        fuzz_http(tally, end, options.limit)
    else:
        _fuzz_decode(tally, end, options)
        tally.save()
    rate = tally.executions / tally.seconds if tally.seconds else 0
    print(
        f"{tally.executions} mutants of {len(seeds())} files in {tally.seconds:.0f} s ({rate:.0f}/s), "
        f"{tally.answered} answered, slowest {tally.slowest:.2f} s; findings: {tally.findings or 'none'}"
    )
    sys.exit(1 if tally.findings else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=5, help="seconds an input may take")
    parser.add_argument("--megabytes", type=int, default=512, help="address space above that at the start")
    parser.add_argument("--http", action="store_true", help="through POST /parse and /v2 of a real server")
    return parser.parse_args()


def _fuzz_decode(tally: Tally, end: float, options: argparse.Namespace) -> None:
    started, before = time.monotonic(), tally.seconds
    while time.monotonic() < end:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(theirs, tally.seed, tally.next, options.megabytes))
        child.start()
        theirs.close()
        for number, outcome in _watched(child, ours, tally.next, end, options.limit):
            tally.next, tally.executions = number + 1, tally.executions + 1
            tally.seconds = before + time.monotonic() - started
            _count(tally, number, outcome)
        child.kill()
        child.join()


def _count(tally: Tally, number: int, outcome: dict[str, Any]) -> None:
    tally.answered += outcome.get("answered", False)
    tally.slowest = max(tally.slowest, outcome.get("seconds", 0.0))
    if "finding" in outcome:
        tally.found(outcome["finding"], number)


def _watched(
    child: Any, results: Connection, number: int, end: float, limit: float
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbers and outcomes from the child, until the time is up, or it died of an input or took too long."""
    results.poll(None)
    begun = time.monotonic()
    while begun < end:
        try:
            if results.poll(POLL_SECONDS):
                number, outcome = results.recv()
                if outcome:
                    yield number, outcome
                    number += 1
                begun = time.monotonic()
        except EOFError:
            child.join()
            yield number, {"finding": f"death with exit status {child.exitcode}"}
            return
        if time.monotonic() - begun > limit:
            yield number, {"finding": f"more than {limit:g} s", "seconds": limit}
            return


def _work(results: Connection, seed: int, number: int, megabytes: int) -> None:
    # What libraries say of broken files would drown the findings.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    seeds()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
    results.send((number, None))
    while True:
        data = mutant(seed, number)
        begun = time.perf_counter()
        outcome = _outcome(data)
        results.send((number, {**outcome, "seconds": time.perf_counter() - begun}))
        number += 1


def _outcome(data: bytes) -> dict[str, Any]:
    try:
        header = open_header(data, MAX_PIXELS)
        photograph = decode(data, MAX_PIXELS, ENOUGH_PIXELS if len(data) % 2 else None)
        if (header.height, header.width) != (photograph.height, photograph.width):
            return {"finding": "header and photograph differ"}
        if photograph.pixels.ndim != 3 or photograph.pixels.dtype != "uint8":
            return {"finding": f"pixels {photograph.pixels.dtype} {photograph.pixels.shape}"}
    except ServiceError:
        return {}
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return {"finding": f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"}
    return {"answered": True}


if __name__ == "__main__":
    main()
