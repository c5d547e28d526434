"""Goodput, refusals, deadlines, accuracy and drift are counted as they are defined."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.load import scrape
from benchmarks.load.abandon import figures_of
from benchmarks.load.figures import deadlines, summary
from benchmarks.load.plots import medians
from benchmarks.load.quality import Quality
from benchmarks.load.records import Record
from benchmarks.load.soak.memory import Sample, drift
from benchmarks.load.soak.tally import Tally
from service.model_folder.files import load_manifest

WEIGHTS = Path(__file__).parents[2] / "weights" / "efficientnet_lite0-nyuv2"
QUALITY = Quality({0.8: [(0.4, 0.30), (0.6, 0.32)], 1.0: [(1.0, 0.4)]})


def record(
    latency: float, status: int = 200, *, late: float = 0.0, query: int = 0, **known: object
) -> Record:
    """A request due at 1 s."""
    ended = Record(query, 1.0, sent=1.0 + late, done=1.0 + latency, status=status, **known)  # type: ignore[arg-type]
    ended.outcome = "answered" if status else "timeout"
    return ended


def test_accuracy_is_known_at_every_scale_of_a_model() -> None:
    manifest = load_manifest(WEIGHTS)
    quality, rows = Quality.of(manifest), manifest.metrics.splits["test"]
    assert len({row.scale for row in rows}) > 1
    assert [quality.at(row.scale or 1.0, row.budget) for row in rows] == [
        row.figure("miou40") for row in rows
    ]


def test_goodput_is_right_and_in_time() -> None:
    records = [
        record(0.1, used=0.5, scale=0.8),
        record(0.2, used=1.0, scale=1.0),
        record(0.6, used=1.0, scale=1.0),  # too late for goodput
        record(0.001, 429, retry_after=2.0),
        record(0.003, 503),
        record(9.0, 0),
        record(0.3, 504),
        record(0.1, 500),
    ]
    figures = summary(records, seconds=2.0, limit=0.5, quality=QUALITY)
    assert figures["offered"] == 4.0
    assert figures["goodput"] == 1.0
    assert figures["throughput"] == 1.5
    assert figures["refused"] == 0.25
    assert figures["milliseconds_to_refuse"]["max"] == 3.0
    assert figures["retry_after_seconds"] == [2.0, 2.0]
    assert figures["milliseconds"]["max"] == 9000.0
    assert figures["budget_used"] == pytest.approx(2.5 / 3, abs=1e-4)
    assert figures["miou40"] == pytest.approx((0.31 + 0.4 + 0.4) / 3, abs=1e-4)
    assert figures["ends"] == {"200": 3, "429": 1, "503": 1, "timeout": 1, "504": 1, "500": 1}
    assert figures["generator"]["kept_up"]


def test_generator_that_is_late_is_flagged() -> None:
    assert not summary([record(0.1, late=0.05)] * 50, 1.0, 1.0, QUALITY)["generator"]["kept_up"]


def test_nothing_answered_is_no_crash() -> None:
    figures = summary([record(0.1, 429)], 1.0, 1.0, QUALITY)
    assert figures["goodput"] == 0
    assert figures["milliseconds"] == {}
    assert figures["miou40"] is None


@pytest.mark.parametrize(
    ("scale", "budget", "expected"),
    [(0.8, 0.5, 0.31), (0.8, 0.4, 0.30), (0.8, 0.9, 0.32), (1.0, 1.0, 0.4), (0.5, 0.5, None)],
    ids=["between", "measured", "beyond", "full", "unknown scale"],
)
def test_accuracy_lies_between_measured_budgets_of_its_scale(
    scale: float, budget: float, expected: float | None
) -> None:
    value = QUALITY.at(scale, budget)
    assert value == (None if expected is None else pytest.approx(expected))


def test_peer_without_a_budget_is_the_full_network() -> None:
    assert QUALITY.miou(record(0.1)) == 0.4


def test_deadline_is_met_by_the_client_s_clock_and_refusal_is_no_miss() -> None:
    records = [
        record(0.04, query=0, used=0.5),
        record(0.06, query=0),
        record(0.05, 504, query=0),
        record(0.01, 503, query=0),
        record(0.15, query=1),
        record(0.01, 429, query=1),
    ]
    rows = deadlines(records, (50.0, 200.0))
    assert rows["50"]["requests"] == 4
    assert rows["50"]["refused"] == 0.25
    assert rows["50"]["met_of_accepted"] == pytest.approx(1 / 3, abs=1e-4)
    assert rows["50"]["met_of_all"] == 0.25
    assert rows["50"]["stopped_of_accepted"] == pytest.approx(1 / 3, abs=1e-4)
    assert rows["50"]["milliseconds_beyond"]["max"] == pytest.approx(10.0)
    assert rows["200"]["met_of_accepted"] == 1.0
    assert rows["all"]["met_of_accepted"] == 0.5


def test_share_that_stopped_in_time_is_of_those_observed() -> None:
    text = """# HELP x y
pag_abandoned_compute_seconds_bucket{le="0.02"} %d
pag_abandoned_compute_seconds_bucket{le="0.03"} %d
pag_abandoned_compute_seconds_bucket{le="+Inf"} %d
pag_abandoned_compute_seconds_sum %f
pag_cancelled_total{stage="inference"} %d
"""
    before, after = scrape.parse(text % (1, 1, 1, 0.01, 0)), scrape.parse(text % (7, 9, 11, 0.21, 12))
    figures = figures_of(scrape.difference(before, after), sent=20)
    assert figures["observed"] == 10
    assert figures["within_30_ms"] == 0.8
    assert figures["mean_milliseconds"] == 20.0
    assert figures["cancelled_by_stage"] == {"inference": 12.0}


def test_drift_is_of_whole_windows_after_settling() -> None:
    """1 MiB a minute for 10 minutes on top of a wave of a minute; the first minute is high."""
    samples = [
        Sample(t, 100 + t / 60 + (t % 60 < 30) + (100 if t < 60 else 0), 10, 5) for t in range(0, 600, 5)
    ]
    figures = drift(samples, begin=60, window=120)
    assert figures["percent"] == pytest.approx(100 * 7 / 102.5, abs=0.1)
    assert figures["slope_mebibytes_per_hour"] == pytest.approx(60, rel=0.05)


def test_tally_knows_what_may_not_be() -> None:
    tally = Tally()
    for actor, end in (
        ("normal", 200),
        ("normal", 504),
        ("normal", 404),
        ("burst", 429),
        ("garbage", 415),
        ("garbage", "closed"),
        ("slow upload", "closed"),
        ("slow reading", 500),
    ):
        tally.add(actor, end)
    assert (tally.failures(), tally.unanswered(), tally.surprising()) == (1, 1, 1)
    assert tally.to_json()["normal"] == {"200": 1, "404": 1, "504": 1}


def test_joined_runs_are_drawn_by_their_medians() -> None:
    points = [
        {"contender": "steady", "load": load, "goodput": goodput}
        for load, goodput in ((2.0, 5.0), (1.0, 9.0), (2.0, 7.0), (2.0, 60.0))
    ]
    points.append({"contender": "litserve", "load": 1.0, "goodput": 1.0})
    assert medians(points, "steady", lambda point: point["goodput"]) == ([1.0, 2.0], [9.0, 7.0])
