"""The kernels that the settings request reach the library, and what it really uses is what is reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import perforated_conv
import pytest
from perforated_conv import KernelsInUse

from service.engine.kernels import unmet_requests
from service.settings import Settings

built = pytest.mark.skipif(perforated_conv.library_path() is None, reason="the native library is not built")
# A process of its own: the library settles its choice once.
READINESS = """
import asyncio, sys
from pathlib import Path
import httpx
import perforated_conv
from service.app import create_app
from service.settings import Settings
from service.telemetry.logs import configure_logging

async def main(settings):
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://host") as client:
            print((await client.get("/readyz")).text)

if sys.argv[3] != "None":
    perforated_conv.configure(precision=sys.argv[3])
    perforated_conv.kernels_in_use()
settings = Settings(weights=Path(sys.argv[1]), reload_seconds=0, log_level="warning", **eval(sys.argv[2]))
configure_logging(settings)
asyncio.run(main(settings))
"""


def readiness(
    weights: Path, settled: str | None = None, **settings: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What /readyz says of the model, and the log, in a process that requests `settings`.

    The process has used the precision `settled` before, if one is given.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PERFORATED_CONV_")
    }
    ended = subprocess.run(
        [sys.executable, "-c", READINESS, str(weights), repr(settings), str(settled)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (model,) = json.loads(ended.stdout)["models"]
    return model, [json.loads(line) for line in ended.stderr.splitlines()]


@pytest.mark.process
@built
def test_requested_kernels_are_used_and_reported(weights: Path) -> None:
    model, log = readiness(weights, max_isa="portable", precision="f32")
    assert (model["operator"], model["kernels"], model["precision"]) == ("native", "portable", "f32")
    assert log == []


@pytest.mark.process
@built
def test_a_cap_beyond_the_cpu_is_followed_and_not_reported(weights: Path) -> None:
    best = readiness(weights)[0]["kernels"]
    model, log = readiness(weights, max_isa="amx")
    assert model["kernels"] == best
    assert log == []


@pytest.mark.process
@built
def test_a_request_after_the_choice_was_settled_is_warned_of_and_not_reported(weights: Path) -> None:
    model, (warning,) = readiness(weights, settled="f32", precision="bf16")
    assert model["precision"] == "f32"
    assert warning["event"] == "kernels_not_as_requested"
    assert warning["detail"] == "PERFORATED_CONV_PRECISION=bf16, but f32 is used"


@pytest.mark.process
def test_function_bodies_use_no_kernels(weights: Path) -> None:
    model, _ = readiness(weights, native_operator="off", max_isa="portable")
    assert (model["operator"], model["kernels"], model["precision"]) == ("function body", None, None)


@pytest.mark.parametrize(
    ("requested", "unmet"),
    [
        ({}, []),
        ({"max_isa": "avx2", "precision": "f32"}, []),
        ({"max_isa": "amx"}, []),
        ({"max_isa": "portable"}, ["PERFORATED_CONV_MAX_ISA=portable, but avx2 is used"]),
        ({"precision": "bf16"}, ["PERFORATED_CONV_PRECISION=bf16, but f32 is used"]),
    ],
)
def test_requests_that_the_library_does_not_meet(requested: dict[str, Any], unmet: list[str]) -> None:
    # By their variables the settings are named in the environment, and by their fields here.
    settings = Settings(**requested)
    assert unmet_requests(settings, KernelsInUse("avx2", "f32")) == unmet
