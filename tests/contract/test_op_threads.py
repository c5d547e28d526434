"""Sessions on several threads at once answer as they do alone, whatever else the process runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import pytest

from tests.support.operators.models import MODELS
from tests.support.operators.nodes import Array, needs_library, session_of

pytestmark = needs_library

THREADS = 4
SEEDS = range(6)
ROUNDS = 20


class Subject:
    """A session and what it answers, alone, to the inputs of each seed."""

    def __init__(self, name: str, **options: bool) -> None:
        self.model = MODELS[name]
        self.session = session_of(self.model.proto(), **options)
        self.feeds = [self.model.feeds(seed) for seed in SEEDS]
        self.expected = [self.run(self.session, seed) for seed in SEEDS]

    def run(self, session: onnxruntime.InferenceSession, seed: int) -> Array:
        return session.run(None, self.feeds[seed])[0]

    def check(self, session: onnxruntime.InferenceSession | None = None, start: int = 0) -> None:
        """Every seed, a few rounds; equal to the last bit, as no sum depends on the other threads."""
        for i in range(start, start + ROUNDS * len(SEEDS)):
            seed = i % len(SEEDS)
            np.testing.assert_array_equal(self.run(session or self.session, seed), self.expected[seed])


def at_once(jobs: list[Callable[[], None]]) -> None:
    """Runs the jobs on a thread each, all starting together; raises what any of them raised."""
    barrier = threading.Barrier(len(jobs))

    def start(job: Callable[[], None]) -> None:
        barrier.wait()
        job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for finished in [pool.submit(start, job) for job in jobs]:
            finished.result()


@pytest.mark.parametrize("name", MODELS)
def test_one_session_serves_four_threads_with_different_masks(name: str) -> None:
    subject = Subject(name)
    at_once([lambda start=i: subject.check(start=start) for i in range(THREADS)])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_number_of_threads_changes_nothing(name: str, threads: int) -> None:
    subject = Subject(name)
    subject.check(session_of(subject.model.proto(), threads))


def test_independent_nodes_may_run_at_once() -> None:
    subject = Subject("two branches")
    session = session_of(subject.model.proto(), parallel_nodes=True)
    at_once([lambda: subject.check(session), lambda: subject.check(session, 1)])


def test_sessions_of_different_models_run_at_once() -> None:
    at_once([Subject(name).check for name in MODELS])


def test_sessions_of_one_model_run_at_once() -> None:
    """Each has a thread pool of its own, of another size."""
    subject = Subject("gated block")
    sessions = [session_of(subject.model.proto(), threads) for threads in (1, 2, 4)]
    at_once([lambda session=session: subject.check(session) for session in sessions])


def test_a_session_may_end_while_another_runs() -> None:
    """Sessions come and go on three threads, two kinds of them, beside one that stays and keeps answering."""
    staying, coming = Subject("gated block"), Subject("3x3")

    def come_and_go() -> None:
        for i in range(8):
            subject = (staying, coming)[i % 2]
            session = session_of(subject.model.proto())
            np.testing.assert_array_equal(subject.run(session, 0), subject.expected[0])
            del session

    at_once([staying.check, staying.check, come_and_go, come_and_go, come_and_go])


def test_a_refused_run_leaves_other_threads_alone() -> None:
    subject = Subject("3x3")
    wrong = subject.feeds[0] | {"M": subject.feeds[0]["M"][:, 1:]}

    def refused() -> None:
        for _ in range(10):
            with pytest.raises(Exception, match=r"M has shape .*\[2,22,31\].*\[2,23,31\]"):
                subject.session.run(None, wrong)

    at_once([subject.check, refused, subject.check, refused])
