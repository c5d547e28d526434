"""Requests made from the OpenAPI document: whatever it allows is answered as it says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

MODEL = "/v2/models/{model}"
VERSION = f"{MODEL}/versions/{{version}}"
NAMES = {"model": "tiny", "version": "1.0.0"}
OPERATIONS = [
    ("/v2", "GET"),
    ("/v2/health/live", "GET"),
    ("/v2/health/ready", "GET"),
    ("/v2/repository/index", "POST"),
    *(
        (f"{path}{end}", method)
        for path in (MODEL, VERSION)
        for end, method in (("", "GET"), ("/ready", "GET"))
    ),
    (f"{MODEL}/infer", "POST"),
    (f"{VERSION}/infer", "POST"),
]


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> Any:
    """The OpenAPI document."""
    return schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


def test_every_operation_is_tried(document: Any) -> None:
    found = [each.ok() for each in document.include(path_regex="^/v2").get_all_operations()]
    assert {(each.path, each.method.upper()) for each in found} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [(*each, GenerationMode.POSITIVE) for each in OPERATIONS]
    # The others take nothing that could be wrong.
    + [(f"{path}/infer", "POST", GenerationMode.NEGATIVE) for path in (MODEL, VERSION)],
)
def test_what_the_document_says_holds(document: Any, path: str, method: str, mode: GenerationMode) -> None:
    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def tried(case: schemathesis.Case) -> None:
        # Names made up would only ever be unknown.
        case.path_parameters.update((name, NAMES[name]) for name in case.path_parameters)
        # No schema can say that data must be as many as the shape says.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    tried()
