"""Errors as answers and in the OpenAPI document: RFC 9457 problems, below /v2 the protocol's own form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response

from service.errors import Cancelled, InvalidParameter, ServiceError, Unavailable, status_of
from service.schemas.parse import ParseQuery
from service.schemas.problem import MEDIA_TYPE, FieldProblem, Problem
from service.schemas.v2 import ROOT as V2_ROOT
from service.schemas.v2 import V2Error
from service.telemetry.metrics import Metrics
from service.wording import in_words

TYPE_PREFIX = "urn:problem-type:"
SCHEMA = {"$ref": "#/components/schemas/Problem"}


def problem(
    request: HTTPConnection,
    status: int,
    slug: str,
    title: str,
    *,
    detail: str,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to an error, below /v2 its `detail` alone; `extra` are further members of the problem."""
    headers = {**(headers or {})}
    if _is_below_v2(request):
        # The form of the Open Inference Protocol, which no Accept header changes.
        return Response(V2Error(error=detail).model_dump_json(), status, headers, "application/json")
    body = _body(request, status, slug, title, detail, extra or {})
    return Response(json.dumps(body, allow_nan=False), status, {**headers, "Vary": "Accept"}, MEDIA_TYPE)


def problem_body(request: HTTPConnection, error: ServiceError) -> dict[str, Any]:
    """The problem alone, for what is no HTTP answer."""
    return _body(request, status_of(error), error.slug, error.title, error.detail, error.extra)


def service_problem(request: HTTPConnection, error: ServiceError) -> Response:
    """The answer to an error of the service's own family."""
    return problem(
        request,
        status_of(error),
        error.slug,
        error.title,
        detail=error.detail,
        extra=error.extra,
        headers=error.headers,
    )


def internal_error() -> ServiceError:
    """The answer to a fault of ours; its cause is in the log under the request's id, not here."""
    return ServiceError("An unexpected error occurred; the log names it under this request's id.")


def invalid_parameter(
    errors: Iterable[Mapping[str, Any]], model: type[BaseModel], *place: str
) -> InvalidParameter:
    """The error of the parameters of `model` that pydantic refused, at `place` and below."""
    found = [
        FieldProblem(location=".".join(map(str, (*place, *item["loc"]))), detail=in_words(item, model))
        for item in errors
    ]
    detail = "; ".join(f"{item.location}: {item.detail}" for item in found)
    return InvalidParameter(detail, errors=[item.model_dump() for item in found])


def install(app: FastAPI, metrics: Metrics, describe: Callable[[dict[str, Any]], None]) -> None:
    """Answer all errors of `app` as problems, also in its OpenAPI document; `describe` completes that."""

    async def on_service_error(request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, ServiceError)
        if isinstance(error, Unavailable):
            metrics.rejected.labels(error.slug).inc()
        return service_problem(request, error)

    async def on_disconnect(request: HTTPConnection, error: Exception) -> Response:
        metrics.cancelled.labels("upload").inc()
        return await on_service_error(request, Cancelled("The caller left before the body had arrived."))

    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(ClientDisconnect, on_disconnect)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.openapi = lambda: _openapi(app, describe)  # type: ignore[method-assign]


def _body(
    request: HTTPConnection, status: int, slug: str, title: str, detail: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    body = Problem(
        type=TYPE_PREFIX + slug,
        title=title,
        status=status,
        detail=detail,
        instance=request.url.path,
        request_id=request.scope.get("request_id", ""),
        **{**_trace(request), **extra},
    )
    return body.model_dump(exclude_none=True)


def _is_below_v2(request: HTTPConnection) -> bool:
    return request.scope["type"] == "http" and _is_path_of_v2(request.scope["path"])


def _is_path_of_v2(path: str) -> bool:
    return path == V2_ROOT or path.startswith(f"{V2_ROOT}/")


def _trace(request: HTTPConnection) -> dict[str, Any]:
    trace = request.scope.get("trace")
    return {} if trace is None else {"trace_id": trace.trace_id}


async def _on_http_exception(request: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    slug = title.lower().replace(" ", "-")
    return problem(request, error.status_code, slug, title, detail=str(error.detail), headers=error.headers)


async def _on_validation_error(request: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # No other route leaves its query to the framework.
    return service_problem(request, invalid_parameter(error.errors(), ParseQuery))


def _openapi(app: FastAPI, describe: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for replaced in ("HTTPValidationError", "ValidationError"):
            schemas.pop(replaced, None)
        definition = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= definition.pop("$defs")
        schemas["Problem"] = definition
        describe(document)
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["responses"] = _with_common(path, operation["responses"])
        app.openapi_schema = document
    return app.openapi_schema


def _with_common(path: str, responses: dict[str, Any]) -> dict[str, Any]:
    """With the refusals of all routes: of long heads, unknown parameters and, beside 401, foreign callers."""
    statuses = (414, 422, 431, *((403, 421) if "401" in responses else ()))
    return dict(sorted({**responses, **{str(status): refusal(path, status) for status in statuses}}.items()))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` of a route that can fail with `statuses`."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
        for status in statuses
    }


def refusal(path: str, status: int) -> dict[str, Any]:
    """OpenAPI response of any route at `path` that fails with `status`, in the form of errors there."""
    if not _is_path_of_v2(path):
        return documented(status)[status]
    schema = {"$ref": f"#/components/schemas/{V2Error.__name__}"}
    return {"description": HTTPStatus(status).phrase, "content": {"application/json": {"schema": schema}}}
