"""A run from start to end: resumed bit for bit, logged, and with the right weights in the right group."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_export.data.class_shares import class_shares
from model_export.networks.parser import DenseParser
from model_export.training import checkpoint, train
from model_export.training.config import PRESETS, TrainingConfig, View
from model_export.training.log import read_log
from model_export.training.train import RunOptions, make_network, make_optimizer, preset

pytestmark = pytest.mark.slow

Validate = Callable[[DenseParser], dict[str, float]]


class Interrupted(Exception):
    """Stands for a signal or a power cut."""


@pytest.fixture(autouse=True)
def _made_data(monkeypatch: pytest.MonkeyPatch, rooms: Any) -> None:
    """Rooms; those of the unlabelled split have labels where a folder of them is given."""

    def open_split(name: str, labels: Path | None = None) -> Any:
        return rooms() if name == "train" else rooms(3, labelled=labels is not None)

    monkeypatch.setattr(train, "open_split", open_split)


def options_of(folder: Path, **changes: Any) -> RunOptions:
    return RunOptions(folder, **({"save_minutes": 0.0, "validate_steps": 2, "workers": 0} | changes))


def validate(network: DenseParser) -> dict[str, float]:
    """Draws random numbers, as a validation may."""
    torch.rand(random.randrange(1, 9))
    return {"parameters": float(sum(p.numel() for p in network.parameters()))}


def interrupt(_: DenseParser) -> dict[str, float]:
    raise Interrupted


DENSE = {"gated": False, "multipool": "weighted", "freeze_all_statistics": False, "frozen_stages": 1}


VIEWS = (View((64, 96), labelled=1, unlabelled=1), View((32, 64), labelled=2, unlabelled=0))
MIXED = DENSE | {"views": VIEWS, "class_balance": 0.5}


@pytest.mark.parametrize("changes", [{}, DENSE, MIXED], ids=["gated", "dense", "mixed views"])
@pytest.mark.slow
def test_a_run_taken_up_again_ends_bit_for_bit_as_one_that_was_not_interrupted(
    tmp_path: Path, config: TrainingConfig, changes: dict[str, Any]
) -> None:
    config = replace(config, **changes)
    whole = checkpoint.read(train.run(config, options_of(tmp_path / "whole"), validate))
    parts = options_of(tmp_path / "parts")
    with pytest.raises(Interrupted):
        train.run(config, parts, interrupt)
    assert checkpoint.read(tmp_path / "parts" / "checkpoint.pt")["step"] == 2
    torch.manual_seed(99)  # another process starts from other random numbers
    resumed = checkpoint.read(train.run(config, parts, validate))
    assert resumed["step"] == whole["step"] == 4
    for part in ("network", "average"):
        for name, value in whole[part].items():
            assert torch.equal(resumed[part][name], value), f"{part} {name}"
    for slot, values in whole["optimizer"]["state"].items():
        for name, value in values.items():
            assert torch.equal(resumed["optimizer"]["state"][slot][name], value), name
    assert torch.equal(resumed["random"], whole["random"])


def test_a_run_writes_its_log_and_plot(tmp_path: Path, config: TrainingConfig) -> None:
    train.run(config, options_of(tmp_path), validate)
    lines = read_log(tmp_path / "log.jsonl")
    assert [line["kind"] for line in lines] == [
        "start", "step", "step", "validation", "step", "step", "validation", "end",
    ]  # fmt: skip
    assert lines[0]["config"] == json.loads(json.dumps(config.to_json()))
    assert lines[0]["command"].startswith("python -m model_export")
    assert "semantics" in lines[1]["values"]
    assert (tmp_path / "progress.png").stat().st_size > 1000


def test_a_second_stage_starts_from_the_average_of_the_first(tmp_path: Path, config: TrainingConfig) -> None:
    dense = replace(config, steps=1, **DENSE)
    first = train.run(dense, options_of(tmp_path / "dense"))
    state = train.start(config, options_of(tmp_path / "gated", initial=first))
    average = checkpoint.averaged_weights(checkpoint.read(first))
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, average[name]), name
    assert state.step == 0


def first_stage(folder: Path, config: TrainingConfig) -> Path:
    """A checkpoint of a network of that configuration, as one leaves it that was not trained long."""
    network = make_network(config, pretrained=False)
    average = checkpoint.WeightAverage(network, config.average_decay)
    state = checkpoint.TrainingState(network, make_optimizer(network, config), average)
    checkpoint.save(folder / "first.pt", state, config.to_json())
    return folder / "first.pt"


@pytest.mark.parametrize(
    ("options", "new"),
    [
        ({"gated": False}, set()),
        ({"skipped": "layer"}, set()),
        ({"gated": False, "encoder_blocks": 12}, {"reduce.weight", "context.first.weight"}),
    ],
    ids=["ungated", "layer gates", "truncated"],
)
def test_a_second_stage_of_another_network_takes_over_what_is_the_same(
    tmp_path: Path, options: dict[str, Any], new: set[str]
) -> None:
    lite0 = TrainingConfig("efficientnet_lite0", {"pretrained": False})
    initial = first_stage(tmp_path, lite0)
    given = checkpoint.averaged_weights(checkpoint.read(initial))
    second = replace(lite0, options={"pretrained": False, **options}, seed=3)
    own = train.start(second, options_of(tmp_path / "second", initial=initial)).network.state_dict()
    kept = {name for name in own if name not in given or not torch.equal(own[name], given[name])}
    assert kept == new


def test_an_initial_checkpoint_of_another_network_is_refused_by_the_weights_it_lacks(
    tmp_path: Path, config: TrainingConfig
) -> None:
    initial = first_stage(tmp_path, config)
    wider = replace(config, options={"width": 0.25})
    with pytest.raises(ValueError, match=r"does not fit this network: encoder\.stem\.weight"):
        train.start(wider, options_of(tmp_path / "second", initial=initial))
    deeper = replace(config, network="resnet50")
    with pytest.raises(ValueError, match=r"does not fit this network: encoder\.stages\.0\.2\."):
        train.start(deeper, options_of(tmp_path / "second", initial=initial))


def terms_of_first_step(folder: Path, config: TrainingConfig, **changes: Any) -> dict[str, float]:
    train.run(replace(config, steps=1), options_of(folder, validate_steps=0, **changes))
    values: dict[str, float] = next(
        line["values"] for line in read_log(folder / "log.jsonl") if line["kind"] == "step"
    )
    return values


def test_pseudo_labels_teach_semantics_on_unlabelled_images(tmp_path: Path, config: TrainingConfig) -> None:
    config = replace(config, **DENSE, views=(View((64, 96), labelled=0, unlabelled=2),))
    assert terms_of_first_step(tmp_path / "without", config)["semantics"] == 0
    folder = tmp_path / "labels"
    assert terms_of_first_step(tmp_path / "with", config, pseudo_labels=folder)["semantics"] > 1


def test_a_run_s_class_balance_is_that_of_its_labelled_images(
    tmp_path: Path, config: TrainingConfig, rooms: Any
) -> None:
    """The first step's loss, moved by tau log(share): both classes of the rooms are frequent, 38 absent."""
    config = replace(config, **DENSE)
    plain = terms_of_first_step(tmp_path / "plain", config)
    balanced = terms_of_first_step(tmp_path / "balanced", replace(config, class_balance=1.0))
    shares = class_shares(rooms())
    # Untrained logits are nearly equal: about log 40 without the shares, the classes' entropy with them.
    assert plain["semantics"] == pytest.approx(math.log(40), abs=0.3)
    assert balanced["semantics"] == pytest.approx(-(shares[:2] * np.log(shares[:2])).sum(), abs=0.3)
    assert balanced["depth"] == plain["depth"]


def test_frozen_depthwise_filters_are_trained_in_scale_and_shift_alone() -> None:
    config = TrainingConfig("efficientnet_lite0", {"pretrained": False}, gated=True, frozen_depthwise=True)
    network = make_network(config)
    optimizer = make_optimizer(network, config)
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    frozen = {name for name, parameter in network.named_parameters() if id(parameter) not in trained}
    assert len(frozen) == 16 and all(name.endswith(".middle.weight") for name in frozen)
    assert all(name.startswith("encoder.") for name in frozen)


def test_every_trained_weight_is_in_one_group_and_no_vector_decays(config: TrainingConfig) -> None:
    config = replace(config, gate_rate=5.0, encoder_rate=0.25, frozen_stages=1)
    network = make_network(config)
    optimizer = make_optimizer(network, config)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert names[id(parameter)] not in rates
            rates[names[id(parameter)]] = group["lr"] / config.learning_rate
            assert (group["weight_decay"] > 0) == (parameter.ndim > 1)
    frozen = set(names.values()) - set(rates)
    first_parts = {n for n in names.values() if n.startswith(("encoder.stem.", "encoder.stages.0."))}
    assert frozen == {name for name in first_parts if ".gate." not in name}
    assert rates["encoder.stages.1.0.gate.weight"] == rates["decoder.0.gate.bias"] == 5.0
    assert rates["encoder.stages.1.0.first.weight"] == 0.25 and rates["heads.depth.1.weight"] == 1.0


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_build_their_network_with_their_options(name: str) -> None:
    config = preset(name)
    network = make_network(config, pretrained=False)
    assert {pool.mode for pool in network.multipools()} == {config.multipool}
    assert bool(network.gates()) == config.options.get("gated", True)
    again = TrainingConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config


def test_peers_differ_from_the_gated_network_where_their_name_says() -> None:
    gates = {name: list(make_network(preset(name), pretrained=False).gates()) for name in PRESETS}
    assert gates["lite0_ratio_30"] == gates["lite0_gated"] and preset("lite0_ratio_30").fixed_ratio == 0.3
    assert 0 < len(gates["lite0_identity_skip"]) < len(gates["lite0_gated"])
    assert gates["lite0_layer_skip"] == gates["lite0_identity_skip"]
    assert gates["lite0_ungated"] == gates["lite0_truncated_12"] == []
    blocks = {
        name: sum(len(stage) for stage in make_network(preset(name), pretrained=False).encoder.stages)
        for name in ("lite0_gated", "lite0_truncated_14", "lite0_truncated_12")
    }
    assert blocks == {"lite0_gated": 16, "lite0_truncated_14": 14, "lite0_truncated_12": 12}


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"lite0_dense.*lite0_gated.*smoke"):
        preset("lite1")
