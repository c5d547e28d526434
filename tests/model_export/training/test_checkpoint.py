"""Checkpoints are whole or absent, and the moving average is one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from model_export.training import checkpoint
from model_export.training.checkpoint import TrainingState, WeightAverage


def state_of(value: float = 1.0) -> TrainingState:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    nn.init.constant_(network[0].weight, value)
    return TrainingState(network, torch.optim.AdamW(network.parameters()), WeightAverage(network, 0.99))


def test_what_is_saved_comes_back_with_the_random_numbers_that_follow(tmp_path: Path) -> None:
    state = state_of(3.0)
    state.step = 7
    state.network(torch.randn(4, 2)).sum().backward()
    state.optimizer.step()
    state.average.update(state.network)
    checkpoint.save(tmp_path / "checkpoint.pt", state, {"steps": 9})
    following = torch.rand(3)

    other = state_of()
    content = checkpoint.read(tmp_path / "checkpoint.pt")
    checkpoint.restore(content, other)
    assert torch.equal(torch.rand(3), following)
    assert (other.step, other.average.updates, content["config"]) == (7, 1, {"steps": 9})
    for mine, theirs in zip(
        other.network.state_dict().values(), state.network.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)
    assert str(other.optimizer.state_dict()) == str(state.optimizer.state_dict())
    for name, value in checkpoint.averaged_weights(content).items():
        assert torch.equal(value, state.average.values[name])


def test_a_write_that_fails_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, state_of(1.0), {})

    def full_disk(_content: object, target: Path) -> None:
        target.write_bytes(b"half of a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(path, state_of(2.0), {})
    assert checkpoint.read(path)["network"]["0.weight"][0, 0] == 1


def test_an_absent_checkpoint_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.pt; train one"):
        checkpoint.read(tmp_path / "absent.pt")


def test_the_average_follows_at_once_and_then_slowly() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.0)
    average = WeightAverage(network, 0.9)
    nn.init.constant_(network.weight, 1.0)
    average.update(network)
    assert average.values["weight"].item() == pytest.approx(1 - 2 / 11)
    for _ in range(300):
        average.update(network)
    nn.init.constant_(network.weight, 2.0)
    average.update(network)
    assert average.values["weight"].item() == pytest.approx(1.1, abs=1e-5)


def test_the_average_counts_batches_instead_of_averaging_their_number() -> None:
    network = nn.BatchNorm1d(2)
    average = WeightAverage(network, 0.9)
    network.num_batches_tracked.fill_(12)
    average.update(network)
    assert average.values["num_batches_tracked"] == 12
