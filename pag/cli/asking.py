"""One photograph's answer as the server wrote it: its very bytes, and what its headers say of the budget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pag.cli.formats import Format
from pag.client import BadAnswer, Client
from pag.client.calls import Call, ParseOptions, parse_request
from pag.client.decode import JSON, NPZ, PNG, ZIP, read_files, read_json, read_npz, read_png, read_timing
from pag.client.exchange import Response

ACCEPT: dict[Format, str] = {"png": ZIP, "npz": NPZ, "overlay": PNG, "json": JSON}
META = "meta.json"


@dataclass(frozen=True)
class Answered:
    """Files by ending, such as .depth.png, and what is told of each input."""

    files: Mapping[str, bytes]
    budget: Mapping[str, Any]
    milliseconds: Mapping[str, float]
    model: str


def ask(client: Client, data: bytes, kind: Format, options: ParseOptions) -> Answered:
    """Parse a photograph; PagError if that fails."""
    output = "overlay" if kind == "overlay" else None
    request = parse_request(data, ACCEPT[kind], options, output)
    # The client's own methods read answers into arrays: here they stay the server's bytes.
    return client.call(Call(request, lambda answer: _answered(answer, kind)))


def named(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """The maps of a zip answer and their metadata, told by the names that they get on disk; metadata last."""
    meta = json.loads(files[META])
    for entry in meta["maps"].values():
        entry["file"] = f"{name}.{entry['file']}"
    maps = {f".{file}": data for file, data in files.items() if file != META}
    return {**maps, ".json": (json.dumps(meta) + "\n").encode()}


def _answered(answer: Response, kind: Format) -> Answered:
    headers = answer.headers
    try:
        budget = {
            "requested": float(headers["pag-budget-requested"]),
            "used": float(headers["pag-budget-used"]),
            "reason": headers["pag-budget-reason"],
            "share": float(headers["pag-share"]),
        }
        model = headers["pag-model"]
    except (KeyError, ValueError) as error:
        raise BadAnswer(
            f"The answer is none of this service's: header {error} is missing or wrong."
        ) from error
    return Answered(_files(answer.body, kind), budget, read_timing(headers), model)


def _files(body: bytes, kind: Format) -> dict[str, bytes]:
    if kind == "png":
        return read_files(body)
    if kind == "npz":
        read_npz(body)
        return {".npz": body}
    if kind == "json":
        read_json(body)
        return {".json": body}
    return {".overlay.png": read_png(body)}
