"""The tables of single layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from benchmarks.op_contenders import DENSITIES, MASK_KINDS, NATIVE
from benchmarks.op_results import COMPARED, LayerResult, geometric_means, limits, sums
from benchmarks.roofline import Roofline


def print_header() -> None:
    """Of the rows that print_row prints."""
    print(
        "\nDense, milliseconds (quartiles' spread); share of the peak; traffic; native's time over the peers'"
    )
    f32 = f"{'native f32':>17}{'peak':>6}{'GB/s':>6}{'/ort':>6}{'/ov':>6}{'/body':>6}"
    bf16 = f"{'native bf16':>18}{'peak':>6}{'GB/s':>6}{'/ov':>6}{'/dnn':>6}{'/f32':>6}"
    print(f"{'layer':26}{'n':>2}{'GFLOP':>7}{f32}{bf16}")


def print_row(result: LayerResult, roofline: Roofline) -> None:
    """One layer, dense."""
    cells = ""
    for native in NATIVE.values():
        if not result.has(native):
            continue
        spread = result.timings.spread(native.name)
        cells += f"{result.milliseconds(native):11.3f} ({spread:4.0%})"
        cells += f"{result.peak_share(native, roofline):6.0%}{result.gbytes_a_second(native):6.0f}"
        cells += "".join(f"{result.ratio(a, b):6.2f}" for a, b in COMPARED if a == native)
    layer = result.layer
    print(f"{layer.name:26}{layer.count:2}{layer.gflop:7.3f}{cells}", flush=True)


def print_masks(results: Sequence[LayerResult]) -> None:
    """Ratios to the dense time, layer by layer."""
    print("\nMasked: time over the dense time at these densities; largest excess over the density")
    heads = "  ".join(f"{kind:6}" + "".join(f"{density:5g}" for density in DENSITIES) for kind in MASK_KINDS)
    print(f"{'layer':26}{'':12}{heads}  excess")
    for result, native in product(results, NATIVE.values()):
        if ratios := result.mask_ratios(native):
            kinds = (
                " " * 6 + "".join(f"{ratios[kind, density]:5.2f}" for density in DENSITIES)
                for kind in MASK_KINDS
            )
            print(f"{result.layer.name:26}{native.name:12}{'  '.join(kinds)}{result.excess(native):8.2f}")


def print_summary(results: Sequence[LayerResult]) -> None:
    """Means, sums and limits."""
    print("\nGeometric means of time ratios, dense, each layer as often as it comes")
    for network, means in geometric_means(results).items():
        print(f"  {network}: " + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items()))
    print("Layers one after another, milliseconds")
    for network, total in sums(results).items():
        print(f"  {network}: " + ", ".join(f"{name} {value:.1f}" for name, value in total.items()))
    print("Limits")
    for limit in limits(results):
        print(f"  {limit}")
