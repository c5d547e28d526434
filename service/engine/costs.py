"""The cost model: predicted seconds of each stage, at first from the warm-up, then from every request."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.engine.job import Options
from service.model_folder.operating_point import OperatingPoint
from service.telemetry.metrics import Metrics

# Of one thread, before anything was measured; the first requests of each kind correct them.
DECODE_SECONDS_PER_PIXEL = {"JPEG": 1.2e-8, "WEBP": 3e-8, "PNG": 6e-8}
OTHER_SECONDS_PER_PIXEL = 4e-8
FINISH_SECONDS_PER_PIXEL = 8e-8
FINISH_SECONDS = 1e-3
INFERENCE_SECONDS_PER_MULTIPLY_ADD = 1e-11

SLOWEST_GAIN = 0.1
LARGEST_RATIO = 20.0
REMEMBERED = 256
MEMORY_SECONDS = 30.0
MARGIN_QUANTILE = 0.985
FIRST_MARGIN, LARGEST_MARGIN = 0.2, 2.0
DELAY_UNIT = 0.05


@dataclass
class Factor:
    """Moving mean of measured over expected seconds of one kind of work."""

    value: float = 1.0
    count: int = 0

    def learn(self, ratio: float) -> None:
        """Take one measurement in; the first few weigh more than later ones."""
        self.count += 1
        gain = max(SLOWEST_GAIN, 1 / (self.count + 1))
        self.value += gain * (min(max(ratio, 1 / LARGEST_RATIO), LARGEST_RATIO) - self.value)


class Curve:
    """Seconds of one network's inference against its multiply-adds: lines between measured points."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._points = sorted(points)

    def seconds(self, multiply_adds: float) -> float:
        """Seconds at `multiply_adds`; beyond the points in proportion to the nearest one's rate."""
        points = self._points
        if not points:
            return multiply_adds * INFERENCE_SECONDS_PER_MULTIPLY_ADD
        if multiply_adds >= points[-1][0]:
            return points[-1][1] * multiply_adds / points[-1][0]
        for (low, fast), (high, slow) in pairwise(points):
            if low <= multiply_adds <= high:
                return fast + (slow - fast) * (multiply_adds - low) / max(high - low, 1.0)
        # Calls have a price of their own, so the least measured time is not undercut by much.
        return points[0][1] * (0.5 + 0.5 * multiply_adds / points[0][0])


class Margin:
    """Share of a prediction that must be added so that nearly all recent measurements stay within.

    Old measurements are dropped: a margin so large that it refuses requests would learn nothing more.
    """

    def __init__(self) -> None:
        self._excesses: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._share = 0.0
        self._fresh_until = 0.0

    def learn(self, now: float, excess: float) -> None:
        """Take in (measured - predicted) / predicted."""
        self._excesses.append((now, excess))
        # Every fourth suffices: the quantile moves slowly.
        if len(self._excesses) % 4 == 0 or len(self._excesses) == REMEMBERED:
            self._fresh_until = 0.0

    def share(self, now: float) -> float:
        """Share of a prediction to add to it."""
        if now >= self._fresh_until:
            recent = [excess for at, excess in self._excesses if now - at < MEMORY_SECONDS]
            quantile = float(np.quantile(recent, MARGIN_QUANTILE)) if recent else FIRST_MARGIN
            self._share = min(max(quantile, 0.0), LARGEST_MARGIN)
            self._fresh_until = now + 1.0
        return self._share


class Costs:
    """Seconds of decode, inference, finish (postprocess and encode) and wait, as far as is known now."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._factors: dict[Hashable, Factor] = {}
        # Of each network, alone or shared, by half octaves of multiply-adds.
        self._inferences: defaultdict[tuple[str, str, bool], dict[int, Factor]] = defaultdict(dict)
        self._curves: dict[tuple[str, str, bool], Curve] = {}
        self._margins: dict[Hashable, Margin] = {}

    def seed(self, options: Options, shared: bool, points: Sequence[tuple[float, float]]) -> None:
        """Take multiply-adds and seconds of the warm-up as the network's curve."""
        self._curves[_network(options, shared)] = Curve(points)

    def decode(self, kind: str, pixels: int) -> float:
        """Seconds to decode a photograph of `pixels` in the format `kind`; 0 for pixels sent as such."""
        return self._factor(("decode", kind)).value * _decode_seconds(kind, pixels)

    def inference(self, options: Options, point: OperatingPoint, shared: bool) -> float:
        """Seconds of the network at `point`, alone or sharing the threads."""
        factor = self._inference_factor(options, point, shared)
        return factor.value * self._inference_seconds(options, point, shared)

    def finish(self, options: Options, point: OperatingPoint) -> float:
        """Seconds from the network's end to the rendered answer."""
        return self._factor(_finish_key(options)).value * _finish_seconds(options, point)

    def wait(self, work: float) -> float:
        """Seconds until the engine has done `work`, predicted seconds of all threads together."""
        return self._factor("wait").value * work

    def learn_decode(self, kind: str, pixels: int, seconds: float) -> None:
        """Take in a measured decoding."""
        self._learn("decode", self._factor(("decode", kind)), _decode_seconds(kind, pixels), seconds)

    def learn_inference(self, options: Options, point: OperatingPoint, shared: bool, seconds: float) -> None:
        """Take in a measured inference, per image."""
        expected = self._inference_seconds(options, point, shared)
        factor = self._inference_factor(options, point, shared)
        self._inferences[_network(options, shared)][_half_octaves(point)] = factor
        self._learn("inference", factor, expected, seconds)

    def learn_finish(self, options: Options, point: OperatingPoint, seconds: float) -> None:
        """Take in a measured end."""
        self._learn("encode", self._factor(_finish_key(options)), _finish_seconds(options, point), seconds)

    def learn_wait(self, work: float, seconds: float) -> None:
        """Learn from a measured wait behind `work`, if it is long enough to say anything."""
        if work > 0.02:
            self._learn("queue", self._factor("wait"), work, seconds)

    def careful(self, seconds: float, shared: bool) -> float:
        """Predicted `seconds` from the choice of a budget to the answer, stretched so that few exceed it."""
        return seconds * (1 + self._margin(_size_key(seconds, shared)).share(time.perf_counter()))

    def careful_delay(self, seconds: float) -> float:
        """Predicted `seconds` until an inference can start behind others, stretched likewise."""
        return seconds + DELAY_UNIT * self._margin("delay").share(time.perf_counter())

    def learn_total(self, predicted: float, seconds: float, shared: bool) -> None:
        """Take in the time from the choice of a budget to the end."""
        excess = (seconds - predicted) / max(predicted, 1e-6)
        self._margin(_size_key(predicted, shared)).learn(time.perf_counter(), excess)
        self._metrics.prediction_error.labels("total").observe(excess)

    def learn_delay(self, predicted: float, seconds: float) -> None:
        """Take in the time that an inference had to wait for others."""
        self._margin("delay").learn(time.perf_counter(), (seconds - predicted) / DELAY_UNIT)

    def _margin(self, key: Hashable) -> Margin:
        margin = self._margins.get(key)
        if margin is None:
            margin = self._margins[key] = Margin()
        return margin

    def _factor(self, key: Hashable) -> Factor:
        factor = self._factors.get(key)
        if factor is None:
            factor = self._factors[key] = Factor()
        return factor

    def _inference_factor(self, options: Options, point: OperatingPoint, shared: bool) -> Factor:
        """Of the size of `point`; of one not measured yet, a new one as the nearest measured size has it."""
        measured, size = self._inferences[_network(options, shared)], _half_octaves(point)
        if size in measured:
            return measured[size]
        nearest = min(measured, key=lambda other: abs(other - size), default=None)
        return Factor() if nearest is None else Factor(measured[nearest].value)

    def _learn(self, stage: str, factor: Factor, expected: float, seconds: float) -> None:
        if expected <= 0:
            return
        predicted = factor.value * expected
        self._metrics.prediction_error.labels(stage).observe((seconds - predicted) / predicted)
        factor.learn(seconds / expected)

    def _inference_seconds(self, options: Options, point: OperatingPoint, shared: bool) -> float:
        curve = self._curves.get(_network(options, shared))
        return (curve or Curve(())).seconds(point.multiply_adds)


def _network(options: Options, shared: bool) -> tuple[str, str, bool]:
    manifest = options.session.manifest
    return manifest.name, manifest.version, shared


def _half_octaves(point: OperatingPoint) -> int:
    """Class of sizes whose inferences contention stretches alike: a short one more than a long one."""
    return round(2 * math.log2(point.multiply_adds))


def _size_key(seconds: float, shared: bool) -> Hashable:
    # A lone inference keeps to its time better than several do, and a long one better than a short one.
    return ("total", shared, round(math.log2(max(seconds, 1e-3))))


def _finish_key(options: Options) -> Hashable:
    # Not by size: what is expected is in proportion to the answer's pixels.
    return ("finish", options.session.manifest.name, options.representation, options.maps)


def _decode_seconds(kind: str, pixels: int) -> float:
    if kind == RAW:
        return 0.0
    return pixels * DECODE_SECONDS_PER_PIXEL.get(kind, OTHER_SECONDS_PER_PIXEL)


def _finish_seconds(options: Options, point: OperatingPoint) -> float:
    height, width = point.resize.target(options.size)
    return FINISH_SECONDS + FINISH_SECONDS_PER_PIXEL * height * width


RAW = "RGB"
