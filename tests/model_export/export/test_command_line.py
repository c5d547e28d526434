"""The way of one's own network on the command line, and its errors: a message, no trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_export.__main__ import main
from model_export.networks.build import build
from model_export.training.saved import save_network
from service.model_folder.files import load_manifest

OPTIONS = {"width": 0.125, "classes": 3, "tasks": ["semantics"], "multipool": None}


@pytest.fixture
def folder(tmp_path: Path, randomise: Callable[[torch.nn.Module], None], monkeypatch) -> Path:  # type: ignore[no-untyped-def]
    """dense.pt of a random network, photographs/ and labels/, as the working folder."""
    monkeypatch.chdir(tmp_path)
    network = build("resnet26", **OPTIONS)
    randomise(network)
    save_network(Path("dense.pt"), "resnet26", OPTIONS, network)
    rng = np.random.default_rng(0)
    for name in ("photographs", "labels"):
        Path(name).mkdir()
    for number in range(3):
        pixels = rng.integers(0, 256, (70, 100, 3), np.uint8)
        Image.fromarray(pixels).save(f"photographs/{number}.jpg")
        Image.fromarray(rng.integers(0, 3, (70, 100), np.uint8)).save(f"labels/{number}.png")
    return tmp_path


def message_of(*words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(words)
    return str(stop.value)


@pytest.fixture(autouse=True)
def _argv(monkeypatch: pytest.MonkeyPatch) -> None:
    """main takes the process's words over; they are put back."""
    monkeypatch.setattr("sys.argv", ["model_export"])


@pytest.mark.slow
def test_from_a_checkpoint_to_a_measured_folder(
    folder: Path, native: None, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = ("--photographs", "photographs")
    main(["learn-gates", "--checkpoint", "dense.pt", *photographs, "--folder", "runs/gated", "--steps", "2"])
    gated = "runs/gated/checkpoint.pt"
    main(["allocate", "--checkpoint", gated, *photographs, "--images", "1", "--output", "table.json"])
    capsys.readouterr()
    main(["about", "--checkpoint", gated])
    text = capsys.readouterr().out.replace("who may use", "all may use").replace("what the", "the")
    Path("about.json").write_text(text)
    exported = ("--table", "table.json", "--about", "about.json", "--folder", "weights/mine")
    main(["export", "--checkpoints", "dense.pt", gated, *exported])
    main([
        "verify", "--checkpoint", gated, "--table", "table.json", "--model", "weights/mine", *photographs,
        "--images", "1",
    ])  # fmt: skip
    main(["evaluate", "--model", "weights/mine", *photographs, "--labels", "labels", "--output", "measured"])
    manifest = load_manifest(Path("weights/mine"))
    rows = manifest.metrics.splits["photographs"]
    budgets = [row.budget for row in rows]
    assert budgets == sorted(set(budgets)) and budgets[-1] == 1
    assert all(0 < row.model_dump()["miou"] < 1 and row.figure("miou40") is None for row in rows)
    assert manifest.metrics.protocol.startswith("3 photographs with labels of the model's owner")
    card = Path("weights/mine/card.md").read_text()
    assert "| budget | share | scale | mIoU | pixel acc. |" in card
    assert "python -m model_export learn-gates --checkpoint dense.pt" in card
    assert json.loads(Path("measured/mine.json").read_text())["classes"] == ["class 0", "class 1", "class 2"]


def test_errors_that_can_be_mended_are_a_message(folder: Path) -> None:
    export = ("export", "--folder", "weights/mine", "--checkpoints")
    assert message_of(*export, "dense.pt").startswith("error: dense.pt was not trained by `train`")
    assert message_of(*export, "absent.pt").startswith("error: no checkpoint at absent.pt")
    assert "no preset 'x'; there are" in message_of("train", "--preset", "x", "--folder", "runs/x")
    gates = ("learn-gates", "--checkpoint", "dense.pt", "--photographs", "photographs", "--folder", "runs/x")
    assert "steps and batch must be 1 or more" in message_of(*gates, "--steps", "0")
    assert "manifest.json" in message_of("evaluate", "--model", "absent", "--photographs", "photographs")
    assert not Path("weights").exists() and not Path("runs").exists()


def test_own_classes_are_not_measured_on_nyuv2(folder: Path) -> None:
    assert "measure it on your own" in message_of("evaluate", "--checkpoint", "dense.pt")
    words = ("evaluate", "--checkpoint", "dense.pt", "--photographs", "photographs", "--labels", "labels")
    assert "--photographs, --labels and --model go together" in message_of(*words)
