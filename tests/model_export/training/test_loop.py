"""One training step: what it changes, what it reports and when it stops."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model_export.networks.cost import count
from model_export.training.checkpoint import TrainingState, WeightAverage
from model_export.training.config import TrainingConfig
from model_export.training.loop import (
    NonFiniteLossError,
    draw_ratios,
    learning_rate_factor,
    normalise,
    train,
    train_step,
)
from model_export.training.train import make_network, make_optimizer

pytestmark = pytest.mark.slow

Batch = dict[str, Tensor]
TASKS = {"semantics", "depth", "normals"}
DISTILLED = {"gated_distil_semantics", "gated_distil_depth", "gated_distil_normals"}


def state_of(config: TrainingConfig) -> TrainingState:
    network = make_network(config)
    network.train()
    return TrainingState(
        network, make_optimizer(network, config), WeightAverage(network, config.average_decay)
    )


def weights(state: TrainingState) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.network.named_parameters()}


def test_a_gated_step_reports_both_passes_and_moves_every_weight(
    config: TrainingConfig, batch: Batch
) -> None:
    state = state_of(config)
    before = weights(state)
    terms = train_step(state, batch, config)
    assert set(terms) == TASKS | {f"gated_{task}" for task in TASKS} | DISTILLED | {"gated_gates"}
    moved = {name for name, value in weights(state).items() if not torch.equal(value, before[name])}
    # Hard MultiPool leaves branches that no pixel chose without a gradient.
    assert {name for name in before if name not in moved} <= {name for name in before if ".branches." in name}
    assert state.step == 1


def test_a_dense_step_leaves_the_gates_alone(config: TrainingConfig, batch: Batch) -> None:
    config = replace(config, gated=False, multipool="weighted")
    state = state_of(config)
    before = weights(state)
    assert set(train_step(state, batch, config)) == TASKS
    for name, value in weights(state).items():
        assert torch.equal(value, before[name]) == (".gate." in name), name


def test_loss_weights_scale_the_reported_terms(config: TrainingConfig, batch: Batch) -> None:
    first = train_step(state_of(config), batch, config)
    torch.manual_seed(0)
    unweighted = replace(config, loss_weights=dict(config.loss_weights) | {"depth": 0.0})
    second = train_step(state_of(unweighted), batch, unweighted)
    assert first["depth"] > 0 and second["depth"] == 0 == second["gated_depth"]


def test_repeated_steps_lower_the_loss(config: TrainingConfig, batch: Batch) -> None:
    config = replace(config, steps=12, gated=False, multipool="weighted", learning_rate=3e-3)
    losses = [sum(terms.values()) for terms in train(state_of(config), [batch] * 12, config)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("broken", sorted(TASKS - {"semantics"}))
def test_a_loss_that_is_not_finite_stops_naming_its_term(
    config: TrainingConfig, batch: Batch, broken: str
) -> None:
    state = state_of(config)
    train_step(state, batch, config)
    before, average = weights(state), copy.deepcopy(state.average.values)
    optimizer = copy.deepcopy(state.optimizer.state_dict())
    batch[broken][0, 2::4] = torch.inf
    with pytest.raises(NonFiniteLossError, match=rf"step 1: .*'{broken}': (nan|inf)"):
        train_step(state, batch, config)
    assert all(torch.equal(value, before[name]) for name, value in weights(state).items())
    assert all(torch.equal(value, average[name]) for name, value in state.average.values.items())
    assert str(state.optimizer.state_dict()) == str(optimizer)
    assert state.step == 1


def test_a_gradient_that_is_not_finite_stops_before_the_weights(config: TrainingConfig, batch: Batch) -> None:
    state = state_of(config)
    before = weights(state)
    next(state.network.heads.parameters()).register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(NonFiniteLossError, match=r"gradient is not finite.*semantics"):
        train_step(state, batch, config)
    assert all(torch.equal(value, before[name]) for name, value in weights(state).items())


def test_a_network_can_be_costed_straight_after_a_step(config: TrainingConfig, batch: Batch) -> None:
    state = state_of(config)
    train_step(state, batch, config)
    assert count(state.network, 64, 96).total > 0


def test_the_image_is_normalised_as_the_exported_graph_does() -> None:
    pixels = torch.tensor([[[[0, 127, 255]]]], dtype=torch.uint8)
    assert normalise(pixels).flatten().tolist() == [-127 / 128, 0, 1]


def test_the_first_image_trains_the_floor_and_gates_share_a_ratio_on_half_of_the_others(
    config: TrainingConfig,
) -> None:
    network, config = make_network(config), replace(config, ratio_floor=0.25)
    draws = [draw_ratios(network, 4, config) for _ in range(50)]
    assert all(set(ratios) == set(network.gates()) for ratios in draws)
    drawn = torch.stack([torch.stack(list(ratios.values())) for ratios in draws])
    assert (drawn[..., 0] == 0.25).all()
    others = drawn[..., 1:]
    assert 0.25 <= others.min() < 0.35 and 0.9 < others.max() <= 1
    alike = (others == others[:, :1]).all(1)
    assert 0.3 < alike.float().mean() < 0.7, "150 draws of a half"


def test_a_fixed_ratio_is_every_image_s_and_every_gate_s(config: TrainingConfig) -> None:
    network = make_network(config)
    drawn = draw_ratios(network, 3, replace(config, fixed_ratio=0.3))
    assert set(drawn) == set(network.gates())
    assert all(ratio.tolist() == pytest.approx([0.3] * 3) for ratio in drawn.values())


def test_layer_gates_are_trained_as_others_are(config: TrainingConfig, batch: Batch) -> None:
    config = replace(config, options={"width": 0.125, "skipped": "layer"})
    state = state_of(config)
    before = weights(state)
    assert "gated_gates" in train_step(state, batch, config)
    moved = {name for name, value in weights(state).items() if not torch.equal(value, before[name])}
    assert {f"{gate}.gate.weight" for gate in state.network.gates()} <= moved


def test_class_balance_moves_the_semantic_loss_alone(config: TrainingConfig, batch: Batch) -> None:
    config = replace(config, gated=False, multipool="weighted")
    plain = train_step(state_of(config), batch, config)
    torch.manual_seed(0)
    balanced_state = state_of(config)
    balanced_state.adjustment = torch.linspace(-4, 0, 40)
    balanced = train_step(balanced_state, batch, config)
    # The batch's labels are the first two classes, whose logits the adjustment lowers.
    assert balanced["semantics"] > plain["semantics"] + 1
    assert (balanced["depth"], balanced["normals"]) == (plain["depth"], plain["normals"])


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    config = TrainingConfig(steps=100, warmup_steps=10)
    factors = [learning_rate_factor(step, config) for step in range(101)]
    assert factors[0] == pytest.approx(0.1) and factors[50] == pytest.approx(0.5**0.9)
    assert factors[:9] == sorted(factors[:9]) and factors[9:] == sorted(factors[9:], reverse=True)
    assert factors[100] == 0
