"""Jobs and a session for what chooses and predicts; nothing is computed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

from service.engine.job import Cancellation, Job, Options
from service.engine.models import ModelSession
from service.model_folder.manifest import ModelManifest
from service.model_folder.operating_point import operating_point
from tests.support.tiny_model import manifest_document

MANIFEST = ModelManifest.model_validate_json(json.dumps(manifest_document()))
# The parts of a session that choices look at; nothing is computed here.
SESSION = cast(
    ModelSession,
    SimpleNamespace(
        manifest=MANIFEST,
        point=lambda budget, height, width: operating_point(MANIFEST, budget, height, width),
        runtime=SimpleNamespace(shared_threads=1),
    ),
)
FULL_SECONDS = 0.1  # of the whole network; half of it at half the multiply-adds


def make_job(budget: float = 1.0, least: float | None = None, deadline: float | None = None) -> Job:
    """A job of 480 x 640 pixels; a deadline is in seconds of the clock that starts at 0."""
    names = MANIFEST.default_map_names()
    options = Options(SESSION, names, budget, "model", min_budget=least, deadline=deadline)
    return Job(b"", options, lambda *_: None, Cancellation(), "JPEG", 480, 640, 0.0, 0.0)
