"""The errors of requests, one family; each kind maps to an HTTP status, and nothing else here knows HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Of a path that a client sent, so much is repeated.
LONGEST_PATH_SHOWN = 100


class StartupError(RuntimeError):
    """The service cannot start; the message names the cause and the fix."""


class ServiceError(Exception):
    """Base of all errors that are answered; `slug` is the problem's type, `extra` its further members."""

    slug = "internal-error"
    title = "The server failed"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        self.headers: dict[str, str] = {}


class EmptyBody(ServiceError):
    """A request without an image."""

    slug = "empty-body"
    title = "The request has no image"


class MalformedRequest(ServiceError):
    """A body whose framing cannot be read."""

    slug = "malformed-request"
    title = "The request cannot be read"


class RequestTimeout(ServiceError):
    """A body that arrived too slowly."""

    slug = "request-timeout"
    title = "The image arrived too slowly"


class NoSuchRoute(ServiceError):
    """A path that no route has; `meant` is the nearest one that there is."""

    slug = "not-found"
    title = "There is no such route"

    def __init__(self, path: str, meant: str | None) -> None:
        hint = f"did you mean {meant}?" if meant else "/openapi.json lists those that there are."
        super().__init__(f"No route is called {path[:LONGEST_PATH_SHOWN]!r}: {hint}")


class MethodNotAllowed(ServiceError):
    """A method that the route does not take; `allowed` lists those that it does."""

    slug = "method-not-allowed"
    title = "The route takes another method"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{method} is not for this route: use {' or '.join(allowed)}.", allowed=list(allowed)
        )
        self.headers = {"Allow": ", ".join(allowed)}


class NotAcceptable(ServiceError):
    """No representation that the client accepts; `available` lists those that exist."""

    slug = "not-acceptable"
    title = "No representation fits the Accept header"

    def __init__(self, accept: str, available: Sequence[str], hint: str) -> None:
        detail = (
            f"Accept: {accept} cannot be met; this request can be answered as {', '.join(available)}. {hint}"
        )
        super().__init__(detail.strip(), available=list(available))


class BodyTooLarge(ServiceError):
    """More bytes than the limit."""

    slug = "body-too-large"
    title = "The request body is too large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The body exceeds {limit} bytes; send a smaller or more compressed image.", limit=limit
        )


class AnswerTooLarge(ServiceError):
    """An answer of more bytes than the server holds for all requests together; found before any work."""

    slug = "answer-too-large"
    title = "The answer would be too large"

    def __init__(self, size: int, limit: int) -> None:
        detail = (
            f"The maps would take about {size} bytes; this server holds {limit} for all bodies and answers "
            "(PAG_MEMORY_BYTES): request size=model, fewer maps, or send a smaller photograph."
        )
        super().__init__(detail, limit=limit)


class ImageTooLarge(ServiceError):
    """More pixels than the limit; found in the header, before any pixel is decoded."""

    slug = "image-too-large"
    title = "The image has too many pixels"

    def __init__(self, height: int, width: int, limit: int) -> None:
        detail = f"The image has {width} x {height} = {width * height} pixels; at most {limit} are accepted."
        super().__init__(detail, width=width, height=height, limit=limit)


class SideTooLong(ImageTooLarge):
    """A side beyond the limit, however few pixels the image has: maps of that size could not be encoded."""

    def __init__(self, height: int, width: int, limit: int) -> None:
        detail = f"The image is {width} x {height} pixels; no side may be longer than {limit}: cut it up."
        ServiceError.__init__(self, detail, width=width, height=height, limit=limit)


class ImageTooSmall(ServiceError):
    """A side below the limit."""

    slug = "image-too-small"
    title = "The image is too small"

    def __init__(self, height: int, width: int, limit: int) -> None:
        detail = f"The image is {width} x {height} pixels; both sides must be at least {limit}."
        super().__init__(detail, width=width, height=height, limit=limit)


class UnsupportedImage(ServiceError):
    """Bytes that begin like none of the formats read."""

    slug = "unsupported-image"
    title = "Not an image of a supported format"

    def __init__(self, formats: Sequence[str], reason: str = "") -> None:
        detail = reason or f"Its first bytes are not those of {', '.join(formats)}."
        super().__init__(detail, supported=list(formats))


class UndecodableImage(ServiceError):
    """A known format whose pixels cannot be had: truncated, corrupt, or of an unknown colour mode."""

    slug = "undecodable-image"
    title = "The image cannot be decoded"


class InvalidParameter(ServiceError):
    """A query parameter outside its domain, or two that contradict each other."""

    slug = "invalid-parameter"
    title = "A parameter is not valid"


class NoDefaultModel(InvalidParameter):
    """A request that names no model where several are loaded and none of them is the default."""

    slug = "no-default-model"
    title = "A model must be named"

    def __init__(self, available: Sequence[str]) -> None:
        detail = (
            f"Several models are loaded, and none answers by default: name one by the parameter model "
            f"({', '.join(available)}), or start the server with PAG_MODEL=NAME."
        )
        super().__init__(detail, available=list(available))


class UnknownMap(ServiceError):
    """A map the model does not have."""

    slug = "unknown-map"
    title = "The model has no such map"

    def __init__(self, unknown: Sequence[str], available: Sequence[str]) -> None:
        names = ", ".join(repr(name) for name in unknown)
        detail = f"No map {names}; the model has {', '.join(available)}."
        super().__init__(detail, available=list(available))


class NothingToPaint(UnknownMap):
    """An overlay of a model without a map of kind labels; `kinds` lists those that it has."""

    def __init__(self, model: str, kinds: Sequence[str], available: Sequence[str]) -> None:
        detail = f"An overlay paints a map of kind labels; those of {model} are of kind {', '.join(kinds)}."
        ServiceError.__init__(self, detail, available=list(available), kinds=list(kinds))


class UnknownModel(ServiceError):
    """A model that is not loaded."""

    slug = "unknown-model"
    title = "No such model"

    def __init__(self, name: str, available: Sequence[str]) -> None:
        super().__init__(f"No model {name!r}; loaded: {', '.join(available)}.", available=list(available))


class Unavailable(ServiceError):
    """Base of refusals that a later attempt may escape; `retry_after` in whole seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.headers = {"Retry-After": str(retry_after)}


class Overloaded(Unavailable):
    """The admission limit is reached: the predicted wait is longer than is allowed."""

    slug = "overloaded"
    title = "The server is busy"


class DeadlineUnreachable(ServiceError):
    """A deadline that even an idle server would miss at the least budget allowed; refused before any work."""

    slug = "deadline-unreachable"
    title = "The deadline cannot be met"

    def __init__(self, deadline: float, needed: float) -> None:
        detail = (
            f"An idle server needs about {needed:.0f} ms for this image at the least budget allowed, "
            f"{deadline:.0f} ms are left: raise deadline_ms, lower min_budget, or request size=model."
        )
        super().__init__(detail, needed_milliseconds=round(needed, 1))


class DeadlineExceeded(ServiceError):
    """The deadline, or the server's own limit on time, passed before the answer was made."""

    slug = "deadline-exceeded"
    title = "The deadline has passed"


class Unauthorized(ServiceError):
    """No key where one is required."""

    slug = "unauthorized"
    title = "An API key is needed"

    def __init__(self) -> None:
        super().__init__("Send a key of this server as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.")
        self.headers = {"WWW-Authenticate": "Bearer"}


class WrongKey(Unauthorized):
    """A key that is none of the server's."""

    slug = "wrong-key"
    title = "The API key is wrong"

    def __init__(self) -> None:
        super().__init__()
        self.detail = "The key that was sent is none of this server's (PAG_API_KEYS): send another one."


class ForeignHost(ServiceError):
    """A request for a host that is not this server: a page's own name may have been made to point here."""

    slug = "foreign-host"
    title = "This server has another name"

    def __init__(self, host: str) -> None:
        super().__init__(f"The Host {host!r} is not this server: let it name that host in PAG_HOSTS.")


class ForeignOrigin(ServiceError):
    """A page of another host: browsers leave it to the server whether such a page may send to it."""

    slug = "foreign-origin"
    title = "Pages of this origin may not use this server"

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"The Origin {origin!r} is not this host: let the server name it in PAG_CORS_ORIGINS."
        )


class TargetTooLong(ServiceError):
    """A path or query beyond what any route has."""

    slug = "target-too-long"
    title = "The address is too long"

    def __init__(self, most: str) -> None:
        super().__init__(
            f"The address has more than {most}; send the photograph as the body, options alone in the query."
        )


class FieldTooLong(ServiceError):
    """A header field that would take long to take apart."""

    slug = "field-too-long"
    title = "A header field is too long"

    def __init__(self, name: str, most: int) -> None:
        super().__init__(
            f"The header field {name} has more than {most} bytes; name in it only what is needed."
        )


class UpgradeRequired(ServiceError):
    """A plain request where a WebSocket is expected."""

    slug = "upgrade-required"
    title = "A WebSocket is expected here"

    def __init__(self) -> None:
        super().__init__("Open it as a WebSocket (ws:// or wss://); for single photographs use POST /parse.")
        self.headers = {"Upgrade": "websocket"}


class NotReady(Unavailable):
    """Warm-up is not finished, or the server is stopping."""

    slug = "not-ready"
    title = "The server is not ready"


class Cancelled(ServiceError):
    """The caller left; nobody reads the answer, but logs and counters name it."""

    slug = "client-closed-request"
    title = "The client closed the connection"


class InferenceFailed(ServiceError):
    """The runtime refused an input that passed every check of ours."""

    slug = "inference-failed"
    title = "The network could not be run"


STATUS: dict[type[ServiceError], int] = {
    EmptyBody: 400,
    MalformedRequest: 400,
    Unauthorized: 401,
    ForeignOrigin: 403,
    NoSuchRoute: 404,
    UnknownModel: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    RequestTimeout: 408,
    AnswerTooLarge: 413,
    BodyTooLarge: 413,
    ImageTooLarge: 413,
    TargetTooLong: 414,
    UnsupportedImage: 415,
    ForeignHost: 421,
    ImageTooSmall: 422,
    InvalidParameter: 422,
    UndecodableImage: 422,
    UnknownMap: 422,
    UpgradeRequired: 426,
    Overloaded: 429,
    FieldTooLong: 431,
    Cancelled: 499,
    InferenceFailed: 500,
    ServiceError: 500,
    DeadlineUnreachable: 503,
    Unavailable: 503,
    DeadlineExceeded: 504,
}


def status_of(error: ServiceError | type[ServiceError]) -> int:
    """Status of the nearest ancestor of `error`, or of a kind of errors, that the table lists."""
    kind = error if isinstance(error, type) else type(error)
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)
