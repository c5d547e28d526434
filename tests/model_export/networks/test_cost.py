"""Multiply-adds against counts by hand and the talk's figures; budgets and ratios are inverse."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model_export.networks.build import build
from model_export.networks.cost import LayerCost, NetworkCost, count
from model_export.networks.parser import DenseParser

pytestmark = pytest.mark.slow


def on_meta(name: str, **options: object) -> DenseParser:
    """A network of the real size without its numbers."""
    with torch.device("meta"):
        return build(name, **options)


def by_kind(cost: NetworkCost) -> dict[str, float]:
    sums: dict[str, float] = {}
    for layer in cost.layers:
        kind = layer.name.rsplit(".", 1)[-1] if layer.name.startswith("encoder.stages") else layer.name
        sums[kind] = sums.get(kind, 0) + layer.multiply_adds / 1e9
    return sums


def test_resnet50_costs_what_the_talk_s_does() -> None:
    """ResNet-50 at output stride 8 on 425 x 560, in 1e9: worked out from the talk's FLOPs table."""
    kinds = by_kind(count(on_meta("resnet50", multipool=None), 425, 560))
    talk = {"encoder.stem": 0.56, "first": 16.8, "middle": 44.0, "last": 19.6, "shortcut": 10.65}
    for kind, figure in talk.items():
        assert kinds[kind] == pytest.approx(figure, rel=0.005), kind


@pytest.mark.parametrize(
    ("skipped", "under_gate"),
    [
        ("skip", {"middle", "last"}),
        ("bypass", {"middle"}),
        ("interpolate", {"first", "middle", "last"}),
        ("layer", {"first", "middle", "last"}),
    ],
)
def test_one_block_by_hand(skipped: str, under_gate: set[str]) -> None:
    cost = count(build("resnet26", width=0.125, skipped=skipped, multipool=None), 64, 96)
    # res3_1: 32 channels to 64 of width 16, from stride 4 to 8, so 8 x 12 pixels.
    pixels, prefix = 8 * 12, "encoder.stages.1.0."
    want = {
        "gate": 32 * (1 if skipped == "layer" else pixels),
        "shortcut": 32 * 64 * pixels,
        "first": 32 * 16 * pixels,
        "middle": 9 * 16 * 16 * pixels,
        "last": 16 * 64 * pixels,
    }
    block = {layer.name.removeprefix(prefix): layer for layer in cost.layers if layer.name.startswith(prefix)}
    assert {name: layer.multiply_adds for name, layer in block.items()} == want
    assert {name for name, layer in block.items() if layer.gate == prefix[:-1]} == under_gate
    assert {layer.gate for name, layer in block.items() if name not in under_gate} == {None}


def test_a_depthwise_block_by_hand() -> None:
    cost = count(build("efficientnet_lite0", pretrained=False), 64, 96)
    name = "encoder.stages.3.1"  # 80 channels, expansion 6, 3x3, stride 16
    assert cost.gated()[name] == (80 * 480 + 9 * 480 + 480 * 80) * 4 * 6


def test_multipool_costs_one_branch_a_pixel_in_pag_and_all_of_them_otherwise() -> None:
    branch = 9 * 64 * 64 * 8 * 12
    for mode, branches in (("pag", 1), ("weighted", 6), ("average", 6)):
        cost = count(build("resnet26", width=0.125, multipool=mode), 64, 96)
        layers = {layer.name: layer.multiply_adds for layer in cost.layers}
        assert layers["encoder.stages.3.1.middle"] == branches * branch
        assert not any("branches" in name for name in layers)
        head = {name: macs for name, macs in layers.items() if ".middle.head." in name}
        assert head.get("encoder.stages.3.1.middle.head.0") == (
            None if mode == "average" else 64 * 128 * 8 * 12
        )


@pytest.mark.parametrize("mode", ["pag", "weighted", "average"])
def test_a_gate_saves_multipool_s_branches_but_not_its_head(mode: str) -> None:
    name = "encoder.stages.3.1"
    cost = count(build("resnet26", width=0.125, multipool=mode), 64, 96)
    assert [layer.gate for layer in cost.layers if layer.name == f"{name}.middle"] == [name]
    assert {layer.gate for layer in cost.layers if ".middle.head." in layer.name} <= {None}


def test_without_gates_nothing_can_be_saved() -> None:
    cost = count(build("resnet26", width=0.125, gated=False), 64, 96)
    assert (cost.floors, cost.floor, cost.always) == ({}, 1.0, cost.total)


def test_a_truncated_encoder_costs_what_its_blocks_cost() -> None:
    whole, short = (
        count(build("efficientnet_lite0", pretrained=False, encoder_blocks=blocks), 64, 96)
        for blocks in (16, 12)
    )
    encoders = [
        [layer for layer in cost.layers if layer.name.startswith("encoder.")] for cost in (whole, short)
    ]
    assert encoders[1] == encoders[0][: len(encoders[1])]
    assert short.total < whole.total


def test_heads_and_decoder_are_counted_once_each() -> None:
    cost = count(build("resnet26", width=0.125), 64, 96)
    layers = {layer.name: layer for layer in cost.layers}
    assert layers["heads.semantics.1"].multiply_adds == 64 * 40 * 8 * 12
    assert layers["reduce"].multiply_adds == 256 * 64 * 8 * 12
    assert len(layers) == len(cost.layers)
    assert cost.total == cost.always + sum(cost.gated().values())


def test_counting_leaves_the_network_and_its_numbers_alone() -> None:
    network = build("resnet26", width=0.125).train()
    network(torch.zeros(1, 3, 64, 96), {gate: torch.ones(1) for gate in network.gates()})
    count(network, 64, 96)
    assert network.training and next(network.parameters()).device.type == "cpu"
    network(torch.zeros(1, 3, 64, 96))


def test_the_default_network_can_save_a_third_at_least() -> None:
    cost = count(on_meta("efficientnet_lite0", pretrained=False))
    assert cost.floor <= 0.65
    assert set(cost.floors.values()) == {0.25}


@st.composite
def costs(draw: st.DrawFn) -> NetworkCost:
    floors = draw(st.lists(st.sampled_from([0.0, 0.25]), min_size=1, max_size=4))
    names = [f"gate {i}" for i in range(len(floors))]
    macs = st.integers(1, 10**6)
    layers = [LayerCost("always", draw(macs), None)]
    layers += [LayerCost(f"layer of {name}", draw(macs), name) for name in names]
    return NetworkCost(tuple(layers), dict(zip(names, floors, strict=True)))


@settings(max_examples=100, deadline=None)
@given(cost=costs(), budget=st.floats(0.001, 1))
def test_ratios_spend_exactly_the_budget_and_never_more(cost: NetworkCost, budget: float) -> None:
    ratios = cost.ratios(budget)
    assert all(cost.floors[name] <= ratio <= 1 for name, ratio in ratios.items())
    share = cost.share(ratios)
    assert share == pytest.approx(max(budget, cost.floor), abs=1e-12)
    assert share <= max(budget, cost.floor)


@settings(max_examples=100, deadline=None)
@given(cost=costs(), budgets=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)))
def test_more_budget_never_lowers_a_ratio(cost: NetworkCost, budgets: tuple[float, float]) -> None:
    less, more = sorted(budgets)
    assume(less < more)
    low, high = cost.ratios(less), cost.ratios(more)
    assert all(low[name] <= high[name] for name in low)


@given(cost=costs())
def test_the_ends_of_the_range(cost: NetworkCost) -> None:
    assert set(cost.ratios(1.0).values()) == {1.0}
    assert cost.share(cost.ratios(1.0)) == 1.0
    assert cost.ratios(cost.floor / 2) == cost.floors


@pytest.mark.parametrize("budget", [0.0, -0.1, 1.01, float("nan")])
def test_a_budget_outside_its_range_is_refused(budget: float) -> None:
    cost = NetworkCost((LayerCost("always", 1, None),), {})
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        cost.ratios(budget)
