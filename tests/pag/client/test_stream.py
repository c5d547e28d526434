"""Frames through both clients' streams, to the real service and back."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pag import (
    AsyncClient,
    BadAnswer,
    Busy,
    Client,
    Frame,
    PagError,
    Refused,
    Unreachable,
)
from tests.support.client_streams import Collect
from tests.support.foreign_servers import answer_with, foreign_server
from tests.support.photographs import LANDSCAPE, LANDSCAPE_PIXELS, encoded
from tests.support.servers import GUARD_SECONDS
from tests.support.slow_line import slow_line

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_threads_left")]


def test_answers_to_frames_are_those_to_photographs(collect: Collect, url: str, client: Client) -> None:
    expected = client.parse(LANDSCAPE, budget=0.5, maps="depth,computed")
    answers = collect(url, [LANDSCAPE], budget=0.5, maps=["depth", "computed"])
    assert [(frame.number, frame.dropped, frame.problem) for frame in answers] == [(0, 0, None)]
    parsing = answers[0].parsing
    assert parsing is not None and list(parsing.maps) == ["depth", "computed"]
    np.testing.assert_array_equal(parsing.depth, expected.depth)
    assert parsing.milliseconds["inference"] > 0
    assert repr(answers[0]).startswith("<Frame 0, 0 dropped: <Parsing 96x128 depth+computed")


def test_every_frame_is_answered_with_every_frame(collect: Collect, slow: str) -> None:
    answers = collect(slow, [LANDSCAPE] * 12, every_frame=True, size="model")
    assert [(frame.number, frame.dropped) for frame in answers] == [(number, 0) for number in range(12)]
    assert all(frame.parsing is not None for frame in answers)


def test_else_the_newest_wins_and_the_last_is_answered(collect: Collect, slow: str) -> None:
    answers = collect(slow, [LANDSCAPE] * 200, size="model")
    assert len(answers) < 200
    assert answers[-1].number == 199
    assert sum(1 + frame.dropped for frame in answers) == 200
    numbers = [frame.number for frame in answers]
    assert numbers == sorted(set(numbers))


def noise(width: int) -> bytes:
    """Some 300 bytes a column, which nothing compresses."""
    return encoded(np.random.default_rng(width).integers(0, 256, (100, width, 3), np.uint8))


def test_maps_stay_young_over_a_slow_line(collect: Collect, url: str) -> None:
    # Each frame is told by its width; as many bytes a second are offered as pass in three.
    pictures = [noise(100 + number % 20) for number in range(100)]
    given: list[float] = []
    ages: list[float] = []

    def camera() -> Iterator[bytes]:
        begun = time.monotonic()
        for number, frame in enumerate(pictures):
            time.sleep(max(0.0, begun + number / 30 - time.monotonic()))
            given.append(time.monotonic())
            yield frame

    def note(frame: Frame) -> None:
        ages.append(time.monotonic() - given[frame.number])

    with slow_line(url, 300_000) as line:
        answers = collect(line, camera(), note=note, size="model", maps="depth")
    assert answers[-1].number == 99
    assert sum(1 + frame.dropped for frame in answers) == 100
    for frame in answers:
        assert frame.parsing is not None and frame.parsing.image.width == 100 + frame.number % 20
    # Were all of them sent, the last would be some seven seconds old.
    assert max(ages) < 3


def test_a_list_s_frames_wait_for_a_slow_line(collect: Collect, url: str) -> None:
    with slow_line(url, 300_000) as line:
        answers = collect(line, [noise(100)] * 12, size="model", maps="depth")
    # Those that the server dropped, if it was busy.
    assert sum(1 + frame.dropped for frame in answers) == 12
    assert len(answers) > 6


def test_pixels_paths_and_files_are_frames(collect: Collect, url: str, photo_file: Path) -> None:
    answers = collect(
        url, [LANDSCAPE_PIXELS, photo_file, str(photo_file), bytearray(LANDSCAPE)], every_frame=True
    )
    formats = [frame.parsing.image.format for frame in answers if frame.parsing is not None]
    assert formats == ["JPEG", "PNG", "PNG", "PNG"]


def test_other_answers(collect: Collect, url: str, client: Client) -> None:
    (frame,) = collect(url, [LANDSCAPE], answer="zip", maps="depth")
    assert frame.files is not None and sorted(frame.files) == ["depth.png", "meta.json"]
    assert frame.files["depth.png"] == client.files(LANDSCAPE, maps="depth")["depth.png"]
    (frame,) = collect(url, [LANDSCAPE], answer="overlay")
    assert frame.overlay == client.overlay(LANDSCAPE)


def test_a_frame_s_problem_does_not_end_the_stream(collect: Collect, url: str) -> None:
    answers = collect(url, [b"no image", LANDSCAPE], every_frame=True)
    assert answers[0].problem is not None and answers[0].problem.slug == "unsupported-image"
    assert answers[0].parsing is None and "unsupported" in str(answers[0].problem.problem)
    assert answers[1].parsing is not None


def test_no_frames_no_answers(collect: Collect, url: str) -> None:
    assert collect(url, []) == []


def test_a_loop_left_early_ends_the_stream_and_its_thread(collect: Collect, url: str) -> None:
    given = []

    def endless() -> Iterator[bytes]:
        while True:
            given.append(LANDSCAPE)
            yield LANDSCAPE

    assert len(collect(url, endless(), most=3)) == 3
    count = len(given)
    threading.Event().wait(0.1)
    assert len(given) == count


def test_a_camera_s_failure_is_raised_in_the_loop(collect: Collect, url: str) -> None:
    def unplugged() -> Iterator[bytes]:
        yield LANDSCAPE
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="the camera is gone"):
        collect(url, unplugged())


def test_what_is_no_frame_is_raised_in_the_loop(collect: Collect, url: str) -> None:
    with pytest.raises(ValueError, match="not float64"):
        collect(url, [np.zeros((8, 8, 3))])


@pytest.mark.parametrize("frames", [LANDSCAPE, "photo.jpg", Path("photo.jpg")])
def test_one_image_is_no_stream(frames: Any, collect: Collect, url: str) -> None:
    with pytest.raises(TypeError, match="for one use parse"):
        collect(url, frames)


def test_options_change_from_a_frame_on(url: str) -> None:
    budgets = []
    with (
        Client(url, timeout=GUARD_SECONDS) as client,
        client.stream([LANDSCAPE] * 8, every_frame=True) as stream,
    ):
        stream.change(budget=0.5)
        for frame in stream:
            assert frame.parsing is not None
            budgets.append(frame.parsing.budget.requested)
            if frame.number == 2:
                stream.change(budget=0.25, maps=["depth"])
        assert list(frame.parsing.maps) == ["depth"]
    assert budgets[:3] == [0.5] * 3 and budgets[-1] == 0.25


def test_options_change_in_the_async_client_too(url: str) -> None:
    async def use() -> list[float]:
        budgets = []
        async with AsyncClient(url, timeout=GUARD_SECONDS) as client:
            stream = client.stream([LANDSCAPE] * 8, every_frame=True, budget=0.5)
            async for frame in stream:
                assert frame.parsing is not None
                budgets.append(frame.parsing.budget.requested)
                await stream.change(budget=None)
        return budgets

    budgets = asyncio.run(use())
    assert (budgets[0], budgets[-1]) == (0.5, 1.0)


def test_wrong_changes_are_raised_in_the_loop(url: str) -> None:
    with Client(url, timeout=GUARD_SECONDS) as client:
        stream = client.stream([LANDSCAPE] * 9, every_frame=True)
        with pytest.raises(Refused, match="budget"):
            for _ in stream:
                stream.change(budget=7)
        assert "closed" in repr(stream)
        with pytest.raises(PagError, match=r"open another with client\.stream"):
            list(stream)


def test_async_frames_are_awaited(url: str) -> None:
    async def camera() -> AsyncIterator[bytes]:
        for _ in range(4):
            await asyncio.sleep(0.001)
            yield LANDSCAPE

    async def use() -> list[Frame]:
        async with AsyncClient(url, timeout=GUARD_SECONDS) as client:
            return [frame async for frame in client.stream(camera(), every_frame=True)]

    assert [frame.number for frame in asyncio.run(use())] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"budget": 2}, Refused, "query.budget"),
        ({"model": "none"}, Refused, "loaded: tiny"),
        ({"maps": "smell"}, Refused, "'smell'"),
        ({"request_id": "x"}, TypeError, "no option 'request_id'"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(
    options: dict[str, Any], error: type[Exception], words: str, collect: Collect, url: str
) -> None:
    with pytest.raises(error, match=words):
        collect(url, [LANDSCAPE], **options)


def test_a_key_opens_a_stream(collect: Collect, strict: str) -> None:
    assert len(collect(strict, [LANDSCAPE], settings={"key": "sesame"})) == 1
    with pytest.raises(Refused, match="X-API-Key") as refused:
        collect(strict, [LANDSCAPE])
    assert refused.value.status == 401


def test_too_many_streams_are_refused_until_one_ends(collect: Collect, strict: str) -> None:
    with Client(strict, key="sesame", timeout=GUARD_SECONDS) as client:
        for _ in client.stream(itertools.repeat(LANDSCAPE)):
            with pytest.raises(Busy, match="PAG_MAX_STREAMS") as busy:
                collect(strict, [LANDSCAPE], settings={"key": "sesame", "retries": 0})
            break
        assert (busy.value.status, busy.value.slug) == (429, "overloaded")
        # The server learns of the departure a moment later than we.
        assert len(collect(strict, [LANDSCAPE], settings={"key": "sesame"})) == 1


def test_where_nobody_listens_no_stream_is_opened(collect: Collect) -> None:
    with pytest.raises(Unreachable, match="Is the server running there"):
        collect("http://127.0.0.1:9", [LANDSCAPE], settings={"retries": 0})


def test_what_is_no_pag_parse_opens_no_stream(collect: Collect) -> None:
    with (
        foreign_server(answer_with(200, b"hello")) as (url, _),
        pytest.raises(BadAnswer, match="no WebSocket"),
    ):
        collect(url, [LANDSCAPE], settings={"retries": 0})
