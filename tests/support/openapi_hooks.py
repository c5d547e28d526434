"""Read by schemathesis: bodies that get further than their first bytes: photographs."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies

from service.routes.parse import IMAGE_TYPES
from tests.support.images.unusual import GOOD

PHOTOGRAPHS = [good.data for good in GOOD if len(good.data) < 100_000]

for media_type in (*IMAGE_TYPES, "application/octet-stream"):
    schemathesis.openapi.media_type(media_type, strategies.sampled_from(PHOTOGRAPHS))
