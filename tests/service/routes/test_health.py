"""Health, models, metrics, and the document that describes them all."""

from __future__ import annotations

import httpx
import pytest

from tests.support.photographs import encoded, picture
from tests.support.problems import assert_problem
from tests.support.servers import Serve


@pytest.mark.parametrize("path", ["/readyz", "/healthz", "/health"])
def test_readiness_says_how_models_compute(client: httpx.Client, path: str) -> None:
    body = client.get(path).json()
    assert body["status"] == "ready"
    (model,) = body["models"]
    assert model["name"] == "tiny"
    assert model["operator"] in {"native", "function body"}
    assert model["threads"] >= 1


def test_liveness(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "alive"}


def test_without_the_native_operator_readiness_says_so(serve: Serve) -> None:
    with serve(native_operator="off", threads=1) as client:
        (model,) = client.get("/readyz").json()["models"]
        assert (model["operator"], model["threads"]) == ("function body", 1)


def test_models_show_the_curve(client: httpx.Client) -> None:
    (entry,) = client.get("/models").json()["models"]
    assert entry == client.get("/models/tiny").json()
    assert entry["default"]
    assert entry["budget_floor"] == 0.25
    assert entry["budget_scales"] == []
    assert entry["multiply_adds"]["total"] == 1000
    assert entry["metrics"]["splits"]["val"][0]["miou40"] == 0.3
    assert len(entry["maps"][0]["classes"]) == 40
    assert_problem(client.get("/models/none"), 404, "unknown-model")


def test_metrics_count_what_happened(serve: Serve) -> None:
    with serve() as client:
        client.post("/parse", content=encoded(picture(64, 64)), params={"budget": 0.1})
        client.get("/made/up/by/the/client")
        text = client.get("/metrics").text
    assert 'pag_stage_duration_seconds_count{stage="inference"} 1.0' in text
    assert 'pag_budget_requested_bucket{le="0.1"} 1.0' in text
    assert "pag_budget_used_sum 0.25" in text
    assert 'route="/parse",status="200"' in text
    assert 'route="unmatched",status="404"' in text
    assert "made" not in text
    assert 'pag_model_info{name="tiny",version="1.0.0"} 1.0' in text
    assert "pag_inflight_requests 0.0" in text


def test_unknown_routes_and_methods_are_problems(client: httpx.Client) -> None:
    assert_problem(client.get("/nowhere"), 404, "not-found", "/openapi.json lists")
    answer = client.get("/parse")
    assert_problem(answer, 405, "method-not-allowed", "GET is not for this route: use POST.")
    assert answer.headers["allow"] == "POST"
    assert client.post("/docs/static/x").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/parse/", "/parse"),
        ("/prase", "/parse"),
        ("/model", "/models"),
        ("/v2/", "/v2"),
        ("/docs/", "/docs"),
    ],
)
def test_a_misspelt_route_is_told_the_nearest(client: httpx.Client, path: str, meant: str) -> None:
    answer = client.post(path, content=b"x", follow_redirects=False)
    assert answer.status_code == 404
    assert f"did you mean {meant}?" in answer.text


def test_behind_a_prefix_the_nearest_route_is_named_without_it(client: httpx.Client) -> None:
    answer = client.post("/parse/", headers={"X-Forwarded-Prefix": "/pag"})
    assert_problem(answer, 404, "not-found", "'/parse/': did you mean /parse?")


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/models", "/metrics", "/openapi.json", "/docs", "/v2"]
)
def test_head_is_answered_wherever_get_is(client: httpx.Client, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
    # The connection stays usable: no body came behind the head.
    assert client.get("/livez").status_code == 200


def test_the_document_describes_bodies_answers_and_problems(client: httpx.Client) -> None:
    assert client.get("/docs").status_code == 200
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/parse"]["post"]
    assert {"image/jpeg", "multipart/form-data"} <= set(operation["requestBody"]["content"])
    assert {"application/json", "application/zip", "application/x-npz", "image/png"} == set(
        operation["responses"]["200"]["content"]
    )
    assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {"budget", "min_budget", "deadline_ms", "maps", "size", "model", "output"}
