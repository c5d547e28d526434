"""Figures from the timings of single layers: ratios, means, shares of peaks, and their limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from benchmarks.layers import FIGURE, Layer
from benchmarks.op_contenders import BODY, DENSITIES, MASK_KINDS, NATIVE, ONEDNN, OPENVINO, ORT, Contender
from benchmarks.roofline import Roofline
from benchmarks.timing import Limit, Timings, geometric_mean

ELEMENT_BYTES = 4
"""Single layers take and give float32 at every precision."""

COMPARED = (
    (NATIVE["f32"], ORT), (NATIVE["f32"], OPENVINO["f32"]), (NATIVE["f32"], BODY),
    (NATIVE["bf16"], OPENVINO["bf16"]), (NATIVE["bf16"], ONEDNN), (NATIVE["bf16"], NATIVE["f32"]),
)  # fmt: skip

LARGEST_EXCESS = 0.06
"""Of time(density) / time(1) over the density."""
LARGEST_RATIO = 1.0
"""Of native's dense time over a peer's at the same precision, geometric mean."""


@dataclass(frozen=True)
class LayerResult:
    """Timings of one layer's contenders, and their errors, both by the contender's name."""

    layer: Layer
    timings: Timings
    errors: dict[str, float]

    def has(self, contender: Contender) -> bool:
        """Whether it ran."""
        return contender.name in self.errors

    def milliseconds(self, contender: Contender) -> float:
        """Median."""
        return self.timings.median(contender.name)

    def ratio(self, contender: Contender, base: Contender) -> float:
        """Of times; NaN if one did not run."""
        if not (self.has(contender) and self.has(base)):
            return float("nan")
        return self.timings.ratio(contender.name, base.name)

    def peak_share(self, contender: Contender, roofline: Roofline) -> float:
        """Of the peak of multiply-adds at the contender's precision."""
        rate = 1e3 * self.layer.gflop / self.milliseconds(contender)
        return rate / roofline.peak(contender.precision)

    def roof_share(self, contender: Contender, roofline: Roofline) -> float:
        """Of the least time that the peaks of multiply-adds and of reading leave, in that time's favour."""
        least = roofline.least_milliseconds(
            self.layer.gflop, self.layer.gbytes(ELEMENT_BYTES), contender.precision
        )
        return least / self.milliseconds(contender)

    def gbytes_a_second(self, contender: Contender) -> float:
        """Input, weights and output over the time, each counted once, as float32."""
        return 1e3 * self.layer.gbytes(ELEMENT_BYTES) / self.milliseconds(contender)

    def mask_ratios(self, native: Contender) -> dict[tuple[str, float], float]:
        """(kind, density) -> time over the dense time; empty for small layers."""
        masks = product(MASK_KINDS, DENSITIES)
        return {m: self.ratio(native.at(*m), native) for m in masks if self.has(native.at(*m))}

    def excess(self, native: Contender) -> float:
        """The largest of time ratio less density."""
        return max(ratio - density for (_, density), ratio in self.mask_ratios(native).items())

    def to_json(self, roofline: Roofline) -> dict[str, Any]:
        """Everything measured and derived."""
        ran = [native for native in NATIVE.values() if self.has(native)]
        return {
            "network": self.layer.network,
            "layer": self.layer.name,
            "count": self.layer.count,
            "gflop": round(self.layer.gflop, 4),
            "milliseconds": self.timings.to_json(),
            "errors": {name: float(f"{error:.2g}") for name, error in self.errors.items()},
            "share_of_peak": {n.name: round(self.peak_share(n, roofline), 3) for n in ran},
            "share_of_roof": {n.name: round(self.roof_share(n, roofline), 3) for n in ran},
            "largest_excess": {n.name: round(self.excess(n), 3) for n in ran if self.mask_ratios(n)},
        }


def geometric_means(results: Sequence[LayerResult]) -> dict[str, dict[str, float]]:
    """Network -> "a / b" -> mean over its layers, each as often as it comes there."""
    means: dict[str, dict[str, float]] = {}
    for network in dict.fromkeys(result.layer.network for result in results):
        own = [result for result in results if result.layer.network == network]
        counts = [result.layer.count for result in own]
        means[network] = {
            f"{a.name} / {b.name}": round(geometric_mean([r.ratio(a, b) for r in own], counts), 3)
            for a, b in COMPARED
            if all(r.has(a) and r.has(b) for r in own)
        }
    return means


def sums(results: Sequence[LayerResult]) -> dict[str, dict[str, float]]:
    """Network -> contender -> milliseconds of its layers one after another, each as often as it comes."""
    totals: dict[str, dict[str, float]] = {}
    for result in results:
        total = totals.setdefault(result.layer.network, {})
        for contender in (*NATIVE.values(), ORT, BODY, *OPENVINO.values(), ONEDNN):
            if result.has(contender):
                spent = result.layer.count * result.milliseconds(contender)
                total[contender.name] = round(total.get(contender.name, 0) + spent, 2)
    return totals


def limits(results: Sequence[LayerResult]) -> list[Limit]:
    """Figures that have a limit."""
    return [*_mask_limits(results), *_peer_limits(results)]


def _mask_limits(results: Iterable[LayerResult]) -> Iterator[Limit]:
    for native in NATIVE.values():
        masked = [result for result in results if result.mask_ratios(native)]
        for result in masked:
            if result.layer.name == FIGURE:
                what = f"{native.name}, {FIGURE}: excess of time over density"
                yield Limit(what, result.excess(native), LARGEST_EXCESS)
        if masked:
            worst = max(masked, key=lambda result: result.excess(native))
            what = f"{native.name}, worst layer, {worst.layer.name}: excess of time over density"
            yield Limit(what, worst.excess(native), LARGEST_EXCESS)


def _peer_limits(results: Sequence[LayerResult]) -> Iterator[Limit]:
    for network, means in geometric_means(results).items():
        for pair in (
            (NATIVE["f32"], ORT),
            (NATIVE["f32"], OPENVINO["f32"]),
            (NATIVE["bf16"], OPENVINO["bf16"]),
        ):
            name = " / ".join(contender.name for contender in pair)
            if name in means:
                yield Limit(f"{network}: {name}, dense", means[name], LARGEST_RATIO)


def to_json(results: Sequence[LayerResult], roofline: Roofline) -> dict[str, Any]:
    """All of it."""
    return {
        "geometric_means": geometric_means(results),
        "sums_of_milliseconds": sums(results),
        "limits": [limit.to_json() for limit in limits(results)],
        "layers": [result.to_json(roofline) for result in results],
    }
