"""Writes the reference of every route from the service's OpenAPI document.

python scripts/http_reference.py docs/guide/http.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.app import create_app
from service.errors import ServiceError, status_of
from service.settings import Settings

Node = Mapping[str, Any]
HEAD = """# HTTP reference

Made from the OpenAPI document by `python scripts/http_reference.py docs/guide/http.md`; a running service
has it at `/openapi.json`, and at `/docs` to try out. The WebSocket `/stream`, which OpenAPI cannot describe,
is in [stream.md](stream.md). Errors are [problems](#problem) (RFC 9457); below `/v2`
they have [its form](#v2error).
"""
PROBLEMS = """
## Problem types

`type` is `urn:problem-type:` and one of these; `detail` says what to do.

| type | status | meaning |
|---|---|---|
"""


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    page = parser.parse_args().page
    page.write_text(reference(openapi(Settings())), encoding="utf-8")
    print(page)


def openapi(settings: Settings) -> dict[str, Any]:
    """The document of an application with `settings`."""
    return create_app(settings).openapi()


def reference(document: Node) -> str:
    """The page."""
    lines = [HEAD, "## Routes", ""]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            lines += _operation(method.upper(), path, operation)
    lines += [PROBLEMS.rstrip("\n"), *_problems(), "", "## Schemas", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _schema(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _operation(method: str, path: str, operation: Node) -> Iterator[str]:
    yield from (f"### {method} {path}", "", _sentence(operation), "")
    if parameters := operation.get("parameters"):
        yield from ("| parameter | in | type | meaning |", "|---|---|---|---|")
        for item in parameters:
            schema = item["schema"]
            name = f"`{item['name']}`" + ("" if not item.get("required") else " (needed)")
            yield f"| {name} | {item['in']} | {_type(schema)} | {_cell(schema.get('description', ''))} |"
        yield ""
    if body := operation.get("requestBody"):
        yield from (f"Body: {', '.join(body['content'])}. {_cell(body.get('description', ''))}".rstrip(), "")
    yield from ("| status | meaning | body |", "|---|---|---|")
    for status, answer in operation["responses"].items():
        yield f"| {status} | {_cell(answer['description'])} | {_bodies(answer)} |"
    yield ""


def _sentence(operation: Node) -> str:
    return str(operation.get("description") or operation.get("summary", ""))


def _bodies(answer: Node) -> str:
    return ", ".join(
        f"{media_type} {_type(content['schema'])}".removesuffix(" binary").removesuffix(" any")
        for media_type, content in answer.get("content", {}).items()
    )


def _problems() -> Iterator[str]:
    kinds = sorted(_kinds(ServiceError), key=lambda kind: (status_of(kind), kind.slug))
    for kind in kinds:
        yield f"| `{kind.slug}` | {status_of(kind)} | {kind.title} |"


def _kinds(base: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """The kinds of error that have a type of their own."""
    if "slug" in vars(base):
        yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def _schema(name: str, schema: Node) -> Iterator[str]:
    yield from (f"### {name}", "", str(schema.get("description", "")).replace("\n", " "), "")
    if "properties" not in schema:
        yield from (_type(schema), "")
        return
    needed = set(schema.get("required", ()))
    yield from ("| field | type | meaning |", "|---|---|---|")
    for field, node in schema["properties"].items():
        label = f"`{field}`" + ("" if field in needed else " (may be absent)")
        yield f"| {label} | {_type(node)} | {_cell(node.get('description', ''))} |"
    yield ""


def _type(node: Node) -> str:
    """A schema in few words, with links to those that have names."""
    unions = [node[union] for union in ("anyOf", "oneOf", "allOf") if union in node]
    if unions:
        return " or ".join(_type(part) for part in unions[0] if part.get("type") != "null")
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if values := node.get("enum", [node["const"]] if "const" in node else []):
        return ", ".join(f"`{value}`" for value in values)
    return _plain_type(node)


def _plain_type(node: Node) -> str:
    if node.get("type") == "array":
        return "list of " + _type(node.get("items") or {"type": "values"})
    if isinstance(extra := node.get("additionalProperties"), Mapping):
        return f"object of {_type(extra)}"
    return str(node.get("format", node.get("type", "any"))) + _bounds(node)


def _bounds(node: Node) -> str:
    """The range of a number as an interval."""
    low, high = node.get("minimum", node.get("exclusiveMinimum")), node.get("maximum")
    if low is None and high is None:
        return ""
    opening = "[" if "minimum" in node else "("
    return f" {opening}{'-inf' if low is None else low}, {'inf)' if high is None else f'{high}]'}"


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


if __name__ == "__main__":
    main()
