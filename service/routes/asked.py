"""From the options of a request, in a query or in a stream's message, to the engine's."""

from __future__ import annotations

from service.engine.engine import Engine
from service.engine.job import Options
from service.errors import InvalidParameter, NothingToPaint
from service.model_folder.manifest import ModelManifest
from service.schemas.parse import Asked


def options_of(engine: Engine, asked: Asked, arrived: float, *, overlay: bool) -> Options:
    """Options of an image that arrived at `arrived`; `overlay` paints labels over the photograph."""
    maps = None if asked.maps is None else [name.strip() for name in asked.maps.split(",")]
    if overlay:
        painted = _painted(engine.registry.get(asked.model).manifest)
        if maps not in (None, [painted]):
            raise InvalidParameter(f"An overlay shows {painted} alone: leave maps out, or maps={painted}.")
        maps = [painted]
    return engine.resolve(
        asked.model,
        maps,
        asked.budget,
        asked.size,
        photograph=overlay,
        min_budget=asked.min_budget,
        deadline=None if asked.deadline_ms is None else arrived + asked.deadline_ms / 1000,
    )


def _painted(manifest: ModelManifest) -> str:
    """The map that an overlay paints: the first of kind labels."""
    for entry in manifest.maps:
        if entry.kind == "labels":
            return entry.name
    kinds = dict.fromkeys(entry.kind for entry in manifest.maps)
    raise NothingToPaint(manifest.name, list(kinds), manifest.map_names())
