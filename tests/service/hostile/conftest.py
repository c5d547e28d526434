"""The service in a process of its own, whose memory is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import Process


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[Process]:
    """A process with the model `tiny`, which must end as it should and complain of nothing."""
    # A body that does not come is to be given up within the patience of a test.
    with Process(PAG_WEIGHTS=str(weights), PAG_BODY_TIMEOUT_SECONDS="2") as process:
        yield process
        process.stop()
        status, log = process.wait()
        assert status == 0, log[-2000:]
        assert "Traceback" not in log, log[-4000:]
