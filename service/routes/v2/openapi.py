"""The parts of the OpenAPI document that FastAPI cannot derive from the routes below /v2."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from service.routes.v2.message import HEADER_LENGTH
from service.schemas.v2 import InferRequest, InferResponse, V2Error

JSON, BINARY = "application/json", "application/octet-stream"
BYTES = {"schema": {"type": "string", "format": "binary"}}
Responses = dict[int | str, dict[str, Any]]


def failing(*statuses: int) -> Responses:
    """OpenAPI `responses` of a route that can fail with `statuses`."""
    return {status: {"model": V2Error, "description": HTTPStatus(status).phrase} for status in statuses}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references: FastAPI collects only models of what it parses itself."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        rest = {name: part for name, part in schema.items() if name != "$ref"}
        return _inlined(named, definitions) | rest
    return {name: _inlined(part, definitions) for name, part in schema.items() if name != "$defs"}


def _request_schema() -> dict[str, Any]:
    schema = InferRequest.model_json_schema()
    found: dict[str, Any] = _inlined(schema, schema["$defs"])
    return found


INFER = {
    "parameters": [
        {
            "name": HEADER_LENGTH,
            "in": "header",
            "required": False,
            "description": "Bytes of JSON before the binary data; none: all is JSON; 0: the body is one "
            "encoded photograph.",
            "schema": {"type": "integer", "minimum": 0},
        }
    ],
    "requestBody": {"required": True, "content": {JSON: {"schema": _request_schema()}, BINARY: BYTES}},
}
INFER_ANSWERS: Responses = {
    200: {
        "model": InferResponse,
        "description": f"The maps; with binary outputs, {HEADER_LENGTH} says where the JSON ends.",
        "content": {BINARY: BYTES},
    },
    **failing(400, 404, 408, 413, 415, 429, 500, 503, 504),
}
