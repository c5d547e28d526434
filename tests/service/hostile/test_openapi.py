"""The OpenAPI document against a running server, in both directions, and that its references lead somewhere.

PAG_OPENAPI_EXAMPLES says how many examples of each route are sent, for a longer run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.photographs import PHOTO
from tests.support.servers import Process

pytestmark = pytest.mark.process

EXAMPLES = os.environ.get("PAG_OPENAPI_EXAMPLES", "12")
# Left out: generated bodies are rarely photographs, and nothing here is created, deleted or needs a key.
LEFT_OUT = (
    "positive_data_acceptance",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
    "object_level_authorization",
)


def test_the_document_is_kept(server: Process, tmp_path: Path) -> None:
    folder = Path(__file__).parent
    outcome = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", folder / "schemathesis.toml", "run"),
            f"{server.client.base_url}/openapi.json",
            *("--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "1"),
            *("--checks", "all", "--exclude-checks", ",".join(LEFT_OUT)),
            *("--continue-on-failure", "--no-color", "--suppress-health-check", "all"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path]),
            "SCHEMATHESIS_HOOKS": "tests.support.openapi_hooks",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout[-8000:] + outcome.stderr[-2000:]


def test_operations_have_short_names_of_their_own(server: Process) -> None:
    document = server.client.get("/openapi.json").json()
    named = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(named)) == len(named)
    assert all(re.fullmatch(r"[a-z0-9_]{3,32}", name) for name in named)
    assert {"parse", "models", "v2_inference", "v2_versioned_inference"} <= set(named)
    tags = [tag["name"] for tag in document["tags"]]
    used = {
        tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]
    }
    assert used == set(tags)


def test_the_headers_of_an_answer_are_described(server: Process) -> None:
    document = server.client.get("/openapi.json").json()
    described = document["paths"]["/parse"]["post"]["responses"]["200"]["headers"]
    sent = server.client.post("/parse", content=PHOTO).headers
    ours = {name for name in sent if name.startswith("pag-") or name == "server-timing"}
    assert ours == {name.lower() for name in described}


def test_no_reference_leads_nowhere(server: Process) -> None:
    document = server.client.get("/openapi.json").json()
    for reference in _references(document):
        place: Any = document
        for name in reference.removeprefix("#/").split("/"):
            assert name in place, reference
            place = place[name]


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for part in node for found in _references(part)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for part in node.values() for found in _references(part)]
