"""What holds for every route of the OpenAPI document: no query is ignored, and refusals are declared."""

from __future__ import annotations

import httpx

from service.schemas.v2 import ROOT
from tests.support.open_inference import assert_error
from tests.support.problems import assert_problem
from tests.support.servers import Serve

KEY = "the-key-of-this-server"
WITH_KEY = {"X-API-Key": KEY}
# Further paths of GET /readyz, which the document leaves out.
ALIASES = [("GET", "/healthz"), ("GET", "/health")]


def operations_of(client: httpx.Client) -> list[tuple[str, str, set[str]]]:
    """Method, path for the model of these tests, and declared statuses of each operation of the document."""
    paths = client.get("/openapi.json", headers=WITH_KEY).json()["paths"]
    names = {"{name}": "tiny", "{model}": "tiny", "{version}": "1.0.0"}
    found = []
    for path, operations in paths.items():
        filled = path
        for parameter, value in names.items():
            filled = filled.replace(parameter, value)
        assert "{" not in filled, "say here what stands for this parameter"
        found += [(method.upper(), filled, set(each["responses"])) for method, each in operations.items()]
    return found


def assert_refused(answer: httpx.Response, path: str, status: int, slug: str, words: str) -> None:
    if path.startswith(ROOT):
        assert_error(answer, status, words)
    else:
        assert_problem(answer, status, slug, words)


def test_an_unknown_parameter_of_the_query_is_refused_by_name(client: httpx.Client) -> None:
    operations = operations_of(client)
    assert len(operations) > 10
    for method, path, declared in [*operations, *((*each, {"422"}) for each in ALIASES)]:
        refused = client.request(method, path, params={"nonsense": "1"})
        assert_refused(refused, path, 422, "invalid-parameter", "nonsense")
        assert "422" in declared, path


def test_a_route_that_wants_a_key_declares_it_and_no_other_does(serve: Serve) -> None:
    with serve(api_keys=KEY) as client:
        for method, path, declared in operations_of(client):
            answer = client.request(method, path)
            assert ("401" in declared) == (answer.status_code == 401), path
            if answer.status_code == 401:
                assert_refused(answer, path, 401, "unauthorized", "key")
            assert str(client.request(method, path, headers=WITH_KEY).status_code) in declared, path
