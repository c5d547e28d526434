"""A run from start to end: resumed bit for bit, logged, and with the right weights in the right group."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model_export.config import PRESETS, TrainingConfig
from model_export.networks.parser import DenseParser
from model_export.training import checkpoint, train
from model_export.training.log import read_log
from model_export.training.train import RunOptions, make_network, make_optimizer, preset

Validate = Callable[[DenseParser], dict[str, float]]


class Interrupted(Exception):
    """Stands for a signal or a power cut."""


@pytest.fixture(autouse=True)
def _made_data(monkeypatch: pytest.MonkeyPatch, rooms: Any) -> None:
    splits = {"train": rooms(), "train_unlabelled": rooms(3, labelled=False)}
    monkeypatch.setattr(train, "open_split", splits.__getitem__)


def options_of(folder: Path, **changes: Any) -> RunOptions:
    return RunOptions(folder, **({"save_minutes": 0.0, "validate_steps": 2, "workers": 0} | changes))


def validate(network: DenseParser) -> dict[str, float]:
    """Draws random numbers, as a validation may."""
    torch.rand(random.randrange(1, 9))
    return {"parameters": float(sum(p.numel() for p in network.parameters()))}


def interrupt(_: DenseParser) -> dict[str, float]:
    raise Interrupted


DENSE = {"gated": False, "multipool": "weighted", "freeze_all_statistics": False, "frozen_stages": 1}


@pytest.mark.parametrize("changes", [{}, DENSE], ids=["gated", "dense"])
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
    assert frozen == {n for n in names.values() if n.startswith(("encoder.stem.", "encoder.stages.0."))}
    assert rates["encoder.stages.1.0.gate.weight"] == rates["decoder.0.gate.bias"] == 5.0
    assert rates["encoder.stages.1.0.first.weight"] == 0.25 and rates["heads.depth.1.weight"] == 1.0


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_build_their_network_with_their_options(name: str) -> None:
    config = preset(name)
    network = make_network(config, pretrained=False)
    assert {pool.mode for pool in network.multipools()} == {config.multipool}
    again = TrainingConfig(**config.to_json())
    assert again == config


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"lite0_dense.*lite0_gated.*smoke"):
        preset("lite1")
