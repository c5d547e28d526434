"""Runs the generator's process and takes in what it wrote down."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.load.plan import Plan
from benchmarks.load.records import Record, from_columns

STARTING_SECONDS = 60.0


def generate(plan: Plan) -> list[Record]:
    """Records of the plan's requests, in the order in which they were due; times from the run's start."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.load.generator"],
        input=json.dumps(plan.to_json()).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=plan.seconds + plan.patience + STARTING_SECONDS,
    )
    return from_columns(json.loads(finished.stdout))


def within(records: list[Record], start: float, end: float) -> list[Record]:
    """Those that were due between the two times."""
    return [record for record in records if start <= record.scheduled < end]
