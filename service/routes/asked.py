"""From what a client asked, in a query or in a stream's message, to the engine's options."""

from __future__ import annotations

from service.engine.engine import Engine
from service.engine.job import Options
from service.errors import InvalidParameter
from service.schemas.parse import Asked


def options_of(engine: Engine, asked: Asked, arrived: float, *, overlay: bool) -> Options:
    """Options of an image that arrived at `arrived`; `overlay` paints the semantics over the photograph."""
    tasks = None
    if asked.tasks is not None:
        tasks = [name.strip() for name in asked.tasks.split(",")]
    if overlay and tasks not in (None, ["semantics"]):
        raise InvalidParameter("An overlay shows the semantics alone: leave tasks out, or tasks=semantics.")
    return engine.resolve(
        asked.model,
        ["semantics"] if overlay else tasks,
        asked.budget,
        asked.size,
        photograph=overlay,
        min_budget=asked.min_budget,
        deadline=None if asked.deadline_ms is None else arrived + asked.deadline_ms / 1000,
    )
