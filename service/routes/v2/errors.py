"""Says errors below /v2 as the Open Inference Protocol does, {"error": ...}, whoever made them."""

from __future__ import annotations

import json

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.schemas.problem import MEDIA_TYPE
from service.schemas.v2 import V2Error

ROOT = "/v2"


class ErrorsBelowV2:
    """Translates problem+json; around everything that answers, so that no error is made in two places."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        below = scope["type"] == "http" and (scope["path"] == ROOT or scope["path"].startswith(f"{ROOT}/"))
        await self._app(scope, receive, _Translator(send) if below else send)


class _Translator:
    """Holds a problem's head back until its body is there."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._head = message
        elif self._head is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._translated(self._head)

    async def _translated(self, head: Message) -> None:
        problem = json.loads(self._body)
        body = V2Error(error=problem["detail"]).model_dump_json().encode()
        headers = MutableHeaders(raw=[*head["headers"]])
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        # No Accept header changes this form; an origin may.
        others = [name for part in headers.get("vary", "").split(",") if (name := part.strip()) != "Accept"]
        del headers["vary"]
        if any(others):
            headers["vary"] = ", ".join(others)
        await self._send({**head, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _is_problem(head: Message) -> bool:
    return (b"content-type", MEDIA_TYPE.encode()) in head["headers"]
