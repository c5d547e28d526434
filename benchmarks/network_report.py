"""Figures from the timings of whole networks: a table for each, and their limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.engines import NATIVE, PRECISIONS
from benchmarks.network_contenders import ONEDNN, OPENVINO, ORT, Contender
from benchmarks.subjects import Setting, Subject
from benchmarks.timing import Limit, Timings

LARGEST_EXCESS = {"efficientnet_lite0": 0.10, "resnet50": 0.06}
"""Of time(budget) / time(1) over the share of multiply-adds, by the network's encoder."""
LARGEST_RATIO = 1.0
"""Of native's time at budget 1 over an ungated peer's at the same precision."""

PEERS = {"f32": (ORT, OPENVINO["f32"]), "bf16": (OPENVINO["bf16"], ONEDNN)}
LIMITING_PEERS = {"f32": (ORT, OPENVINO["f32"]), "bf16": (OPENVINO["bf16"],)}


@dataclass(frozen=True)
class NetworkResult:
    """Timings of one network's contenders by name, and their errors where nothing is skipped."""

    subject: Subject
    timings: Timings
    errors: dict[str, float]

    def native(self, precision: str, setting: Setting) -> str:
        """Name of the contender."""
        return Contender(NATIVE[precision], setting.label).name

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those at which native did run."""
        full = self.subject.settings[0]
        return tuple(p for p in PRECISIONS if self.native(p, full) in self.timings.milliseconds)

    def ran(self, peers: Sequence[Contender]) -> list[Contender]:
        """Those of the peers that did run."""
        return [peer for peer in peers if peer.name in self.timings.milliseconds]

    def time_ratio(self, precision: str, setting: Setting) -> float:
        """time(setting) / time(1), both with gates."""
        full = self.native(precision, self.subject.settings[0])
        return self.timings.ratio(self.native(precision, setting), full)

    def _time_ratios(self, setting: Setting) -> dict[str, float]:
        return {p: round(self.time_ratio(p, setting), 4) for p in self.precisions}

    def over(self, precision: str, setting: Setting, peer: Contender) -> float:
        """Time of native at the setting over the peer's."""
        return self.timings.ratio(self.native(precision, setting), peer.name)

    def limits(self) -> Iterator[Limit]:
        """Of each precision: the worst excess, and budget 1 against the peers."""
        name, (full, *lower) = self.subject.name, self.subject.settings
        for precision in self.precisions:
            worst = max(lower, key=lambda s: self.time_ratio(precision, s) - s.share)
            what = f"{name}, native {precision}, {worst.label}: excess of time over share"
            yield Limit(
                what, self.time_ratio(precision, worst) - worst.share, LARGEST_EXCESS[name.split("-")[0]]
            )
            for peer in self.ran(LIMITING_PEERS[precision]):
                what = f"{name}, native {precision} at budget 1 over {peer.name}"
                yield Limit(what, self.over(precision, full, peer), LARGEST_RATIO)

    def to_json(self) -> dict[str, Any]:
        """Everything measured and derived."""
        settings = [asdict(s) | {"time_ratio": self._time_ratios(s)} for s in self.subject.settings]
        return {
            "network": self.subject.name,
            "gmacs": round(self.subject.gmacs, 3),
            "settings": settings,
            "milliseconds": self.timings.to_json(),
            "errors": self.errors,
            "limits": [limit.to_json() for limit in self.limits()],
        }


def print_network(result: NetworkResult) -> None:
    """The peers, then native at its settings, then the limits."""
    subject, timings = result.subject, result.timings
    runs = min(len(values) for values in timings.milliseconds.values())
    print(f"\n{subject.name}, {subject.gmacs:.1f} GMAC; medians of {runs} runs (quartiles' spread)")
    for name in timings.milliseconds:
        if not name.startswith("native") or name.endswith("ungated"):
            rate = 2 * subject.gmacs / timings.median(name)
            print(
                f"  {name:26}{timings.median(name):9.2f} ms ({timings.spread(name):4.0%}) {rate:6.2f} TFLOP/s"
            )
    for precision in result.precisions:
        _print_settings(result, precision)
    print("  " + _errors(result))
    for limit in result.limits():
        print(f"  {limit}")


def _print_settings(result: NetworkResult, precision: str) -> None:
    peers = result.ran(PEERS[precision])
    heads = "".join(f"{'/' + peer.engine.runtime:>10}" for peer in peers)
    print(f"  {'native ' + precision:16}{'share':>7}{'ms':>10}{'':7}{'ratio':>7}{'excess':>8}{heads}")
    for setting in result.subject.settings:
        name, ratio = result.native(precision, setting), result.time_ratio(precision, setting)
        line = f"  {setting.label:16}{setting.share:7.3f}{result.timings.median(name):10.2f}"
        line += f" ({result.timings.spread(name):4.0%}){ratio:7.3f}{ratio - setting.share:8.3f}"
        print(line + "".join(f"{result.over(precision, setting, peer):10.2f}" for peer in peers))


def _errors(result: NetworkResult) -> str:
    full = result.subject.settings[0]
    values = {precision: result.errors[result.native(precision, full)] for precision in result.precisions}
    text = ", ".join(f"{precision} {error:.1e}" for precision, error in values.items())
    return f"logits' largest error at budget 1, relative: {text}"
