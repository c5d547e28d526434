"""The newest frame wins: none is answered out of order, none is lost without being counted."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.streaming.flow import Flow
from service.streaming.mailbox import Frame, Mailbox
from service.streaming.rate import Rate
from tests.support.photographs import PHOTO
from tests.support.streams import Answer, open_stream, receive


def watched(client: httpx.Client, pauses: list[float], frames: list[bytes]) -> list[Answer]:
    """What is said to `frames`, each sent after its pause, while the answers are read."""
    with open_stream(client, {"size": "model"}) as stream:

        def send() -> None:
            for pause, frame in zip(pauses, frames, strict=True):
                time.sleep(pause)
                stream.send(frame)

        sender = threading.Thread(target=send)
        sender.start()
        said = [receive(stream)]
        while said[-1].frame != len(frames) - 1:
            said.append(receive(stream))
        sender.join()
    return said


def check(said: list[Answer], received: int) -> None:
    numbers = [one.frame for one in said if one.frame is not None]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == received - 1
    assert sum(one.dropped + 1 for one in said) == received


@pytest.mark.parametrize("seed", range(3))
def test_a_fast_sender_gets_the_newest(slow: httpx.Client, seed: int) -> None:
    draw = random.Random(seed)
    count = 60
    pauses = [draw.choice([0, 0, 0.002, 0.03]) for _ in range(count)]
    # Some are no image: a problem takes its turn like an answer.
    frames = [b"no image" if draw.random() < 0.2 else PHOTO for _ in range(count)]
    said = watched(slow, pauses, frames)
    check(said, count)
    assert sum(one.dropped for one in said) > 0
    for one in said:
        assert (one.problem == "unsupported-image") == (frames[one.frame or 0] == b"no image")


def test_a_slow_sender_loses_nothing(slow: httpx.Client) -> None:
    with open_stream(slow, {"size": "model"}) as stream:
        for number in range(5):
            stream.send(PHOTO)
            said = receive(stream)
            assert (said.frame, said.dropped) == (number, 0)


def test_streams_side_by_side_do_not_mix(slow: httpx.Client) -> None:
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(watched, slow, [0.005] * 40, [PHOTO] * 40) for _ in range(2)]
        results = [each.result() for each in running]
    for said in results:
        check(said, 40)
        assert all(one.problem == "" for one in said)
    ids = {one.header["meta"]["request_id"] for said in results for one in said}
    assert len(ids) == 2


@given(st.lists(st.integers(0, 5), max_size=20))
def test_a_mailbox_counts_what_it_drops(arrivals: list[int]) -> None:
    async def main() -> list[Frame[int]]:
        mailbox, taken, received = Mailbox[int](), [], 0
        for count in arrivals:
            for _ in range(count):
                mailbox.put(b"", 0.0, received)
                received += 1
            if count:
                taken.append(await take(mailbox))
        assert mailbox.received == received
        mailbox.put(b"", 0.0, received)
        mailbox.close()
        assert await mailbox.take() is None
        return taken

    frames = asyncio.run(main())
    assert [frame.options for frame in frames] == [frame.number for frame in frames]
    assert sum(frame.dropped + 1 for frame in frames) == sum(arrivals)


async def take(mailbox: Mailbox[int]) -> Frame[int]:
    frame = await mailbox.take()
    assert frame is not None
    return frame


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 3))
def test_results_come_in_order_and_few_are_underway(turns: list[int], places: int) -> None:
    async def main() -> None:
        mailbox, underway, most, delivered = Mailbox[int](), 0, 0, []
        computed: set[int] = set()

        def alone(frame: Frame[int]) -> bool:
            return frame.options == 3

        async def compute(frame: Frame[int]) -> int:
            nonlocal underway, most
            underway += 1
            most = max(most, underway)
            assert not any(turns[number] == 3 for number in computed)
            computed.add(frame.number)
            for _ in range(frame.options):
                await asyncio.sleep(0)
            computed.discard(frame.number)
            return frame.number

        async def deliver(frame: Frame[int], result: int) -> None:
            nonlocal underway
            await asyncio.sleep(0)
            underway -= 1
            delivered.append((frame.number, result))

        running = asyncio.create_task(Flow(mailbox, compute, deliver, places, alone).run())
        for turn in turns:
            mailbox.put(b"", 0.0, turn)
            await asyncio.sleep(0)
        while not delivered or delivered[-1][0] != len(turns) - 1:
            await asyncio.sleep(0)
        mailbox.close()
        await running
        assert delivered == sorted(delivered)
        assert all(number == result for number, result in delivered)
        assert most <= places

    asyncio.run(main())


def test_the_rate_is_that_of_late() -> None:
    rate = Rate()
    assert rate.note(0) is None
    assert rate.note(10) == pytest.approx(0.1)
    late = [rate.note(20 + number / 30) for number in range(90)]
    assert late[-1] == pytest.approx(30)
