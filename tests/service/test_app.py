"""An application before its models are loaded: it has all routes, and says that it is not ready."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from tests.support.photographs import encoded, picture
from tests.support.problems import assert_problem

PHOTO = encoded(picture(64, 64))


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """Made, but not started: its folder of weights is empty."""
    return create_app(Settings(weights=tmp_path))


def ask(app: FastAPI, method: str, path: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            return await client.request(method, path, content=PHOTO if method == "POST" else None)

    return asyncio.run(asked())


def test_the_openapi_document_needs_no_model(app: FastAPI) -> None:
    paths = ask(app, "GET", "/openapi.json").json()["paths"]
    assert {"/parse", "/models", "/models/{name}", "/readyz", "/livez", "/metrics", "/v2"} <= paths.keys()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/models"), ("GET", "/models/tiny"), ("POST", "/parse"), ("POST", "/parse?model=a")],
)
def test_before_models_are_loaded_requests_are_told_to_come_back(
    app: FastAPI, method: str, path: str
) -> None:
    answer = ask(app, method, path)
    assert_problem(answer, 503, "not-ready", "not loaded yet")
    assert answer.headers["retry-after"] == "1"


def test_before_models_are_loaded_the_server_is_alive_and_not_ready(app: FastAPI) -> None:
    assert ask(app, "GET", "/livez").status_code == 200
    answer = ask(app, "GET", "/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "warming up", "models": []})
