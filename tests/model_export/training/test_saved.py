"""Networks from one's own loop: saved, read back, and refused by the entries that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from model_export.common.errors import FixableError
from model_export.networks.build import build
from model_export.training import checkpoint
from model_export.training.saved import StoredNetwork, load_network, save_network

OPTIONS = {"width": 0.125, "classes": 3, "tasks": ("semantics", "depth")}


def test_a_saved_network_comes_back(tmp_path: Path) -> None:
    network = build("resnet26", **OPTIONS)
    network.multipools()[0].mode = "weighted"
    random = torch.get_rng_state()
    save_network(tmp_path / "runs" / "mine.pt", "resnet26", OPTIONS, network)
    assert torch.equal(torch.get_rng_state(), random), "saving draws no random number from a run"
    again = load_network(tmp_path / "runs" / "mine.pt")
    assert not again.training and again.heads.tasks == ("semantics", "depth")
    assert [pool.mode for pool in again.multipools()] == ["weighted"]
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_the_plain_form_is_three_keys_anybody_can_write(tmp_path: Path) -> None:
    network = build("resnet26", **OPTIONS)
    content = {"network": "resnet26", "options": dict(OPTIONS), "weights": network.state_dict()}
    torch.save(content, tmp_path / "plain.pt")
    stored = StoredNetwork.read(tmp_path / "plain.pt")
    assert (stored.name, stored.on_nyuv2) == ("resnet26", False)
    assert stored.network().heads.classes == 3


def test_a_wrapped_network_is_saved_under_its_own_names(tmp_path: Path) -> None:
    network = build("resnet26", **OPTIONS)
    save_network(tmp_path / "mine.pt", "resnet26", OPTIONS, nn.DataParallel(network))
    assert load_network(tmp_path / "mine.pt").heads.classes == 3


def test_the_default_network_is_saved_without_fetching_its_encoder_s_weights(tmp_path: Path) -> None:
    network = build("efficientnet_lite0", classes=2, pretrained=False)
    save_network(tmp_path / "mine.pt", "efficientnet_lite0", {"classes": 2}, network)
    assert load_network(tmp_path / "mine.pt").heads.classes == 2


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        (
            "resnet26",
            {"classes": 4},
            r"heads\.semantics\.1\.weight is \[3, 64, 1, 1\], expected \[4, 64, 1, 1\]",
        ),
        ("resnet26", {"tasks": ["semantics"]}, r"heads\.depth\.0\.weight \[.*\] is not in the network"),
        ("resnet26", {"tasks": ["semantics", "depth", "normals"]}, r"heads\.normals\.0\.weight is missing"),
        ("resnet50", {}, r"is missing, expected .*\n  … and \d+ more"),
        ("resnet27", {}, r"no network 'resnet27'; there are"),
        ("resnet26", {"colour": 1}, "does not take these options: .*colour"),
        ("resnet26", {"classes": 256}, "classes must be 1 to 255"),
        ("resnet26", {"tasks": ["edges"]}, "tasks must be one or more of semantics, depth, normals"),
    ],
)
def test_what_does_not_fit_is_named_when_it_is_saved(
    tmp_path: Path, name: str, options: dict[str, object], says: str
) -> None:
    network = build("resnet26", **OPTIONS)
    with pytest.raises(FixableError, match=says):
        save_network(tmp_path / "mine.pt", name, OPTIONS | options, network)
    assert not (tmp_path / "mine.pt").exists()


def test_what_does_not_fit_is_named_when_it_is_read(tmp_path: Path) -> None:
    weights = build("resnet26", **OPTIONS).state_dict()
    del weights["encoder.stem.weight"]
    checkpoint.save_plain(tmp_path / "mine.pt", "resnet26", dict(OPTIONS), weights)
    with pytest.raises(
        FixableError, match=r"stem\.weight is missing, expected \[8, 3, 7, 7\]\n.*save_network\("
    ):
        load_network(tmp_path / "mine.pt")


def test_other_files_are_refused_with_how_to_make_a_checkpoint(tmp_path: Path) -> None:
    torch.save(build("resnet26", **OPTIONS).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(
        FixableError, match=r"encoder\.stem\.weight.*no checkpoint of ours(.|\n)*save_network\("
    ):
        load_network(tmp_path / "weights.pt")
    torch.save(nn.Linear(1, 1), tmp_path / "whole.pt")
    with pytest.raises(
        FixableError, match="cannot be read as tensors and plain values; write it with save_n"
    ):
        load_network(tmp_path / "whole.pt")
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(FixableError, match="cannot be read as tensors"):
        load_network(tmp_path / "text.pt")
