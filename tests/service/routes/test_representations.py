"""The one table of representations is what requests, streams, the warm-up and the OpenAPI document use."""

from __future__ import annotations

from typing import get_args

import httpx

from service.routes.representations import REPRESENTATIONS, representation, warmed_up
from service.schemas.stream import StreamQuery


def test_names_are_unique_and_found() -> None:
    assert [representation(each.name) for each in REPRESENTATIONS] == list(REPRESENTATIONS)


def test_every_answer_of_a_stream_is_a_representation() -> None:
    for name in get_args(StreamQuery.model_fields["answer"].annotation):
        assert representation(name).content in ("maps", "overlay")


def test_those_that_hold_all_maps_are_warmed_up() -> None:
    assert list(warmed_up()) == ["json", "zip", "npz"]


def test_the_document_lists_every_media_type(client: httpx.Client) -> None:
    answers = client.get("/openapi.json").json()["paths"]["/parse"]["post"]["responses"]["200"]
    assert set(answers["content"]) == {each.media_type for each in REPRESENTATIONS}
