"""A task under a name that stands nowhere in the code goes from a training step to every answer.

It is one more row of TASKS; nothing else of the code knows of it. The page shows such a map in tests/page.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model_export.data.loader import collate
from model_export.data.sample import VOID, Sample
from model_export.evaluation.evaluate import evaluate
from model_export.evaluation.full_size import full_size
from model_export.evaluation.points import Point
from model_export.export.allocation import allocated
from model_export.export.export import Identity, add_metrics, export, load_exportable
from model_export.export.predictors import OnnxPredictor, TorchPredictor
from model_export.export.verify import verify
from model_export.measures.probability import ProbabilityMeasure
from model_export.networks import activations, agreement, losses
from model_export.networks.losses import Batch
from model_export.networks.tasks import DEFAULT_TASKS, TASKS, Task
from model_export.training import checkpoint
from model_export.training.config import TrainingConfig
from model_export.training.gates import agreement as agreement_of
from model_export.training.loop import train_step
from model_export.training.saved import load_network
from model_export.training.train import RunOptions, start
from pag import Client
from service.model_folder.files import load_manifest
from service.model_folder.geometry import plan_scaled
from service.model_folder.manifest import MODEL_NAME
from tests.support.command_line import run_pag
from tests.support.open_inference import pixels_input, triton_client
from tests.support.operators.nodes import needs_library
from tests.support.photographs import encoded
from tests.support.servers import running_server

NAME = "kelp_rims"
HEIGHT, WIDTH = 64, 96
TOLERANCE = 5e-3
ROOT = Path(__file__).parents[2]

pytestmark = [needs_library, pytest.mark.slow]


def rims(batch: Batch) -> Tensor:
    """1 where a pixel's label is not that of the pixel to its right, 0 elsewhere, -1 where one is void."""
    labels = batch["labels"]
    right = torch.cat([labels[:, :, 1:], labels[:, :, -1:]], 2)
    return torch.where((labels == VOID) | (right == VOID), -1, (labels != right).long())


ROW = Task(
    kind="probability",
    phrase="rims of kelp",
    output=f"{NAME}_probability",
    channels=1,
    target=rims,
    loss=losses.binary_cross_entropy,
    distance=losses.divergence_of_probabilities,
    agreement=agreement.OF_PROBABILITIES,
    measure=ProbabilityMeasure(NAME),
    finish=activations.SIGMOID,
)


def sample(number: int) -> Sample:
    """Stripes of two classes on noise, with depth and normals that are the same everywhere."""
    rng = np.random.default_rng(number)
    stripes = (np.arange(WIDTH)[None] // 12 + np.zeros((HEIGHT, 1), np.int64)) % 2
    labels = stripes.astype(np.uint8)
    labels[:8] = VOID
    image = 120 * stripes[..., None] + rng.integers(0, 100, (HEIGHT, WIDTH, 3))
    normals = np.tile(np.float32([0, 0, 1]), (HEIGHT, WIDTH, 1))
    depth = np.full((HEIGHT, WIDTH), 2, np.float32)
    return Sample(image.astype(np.uint8), labels, depth, depth_metric=True, normals=normals)


SAMPLES = [sample(0), sample(1)]
PHOTO = SAMPLES[0].image


@pytest.fixture(autouse=True, scope="module")
def row() -> Iterator[None]:
    """The one row, while this module's tests run; the maps are too small for a second thread of torch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, NAME, ROW)
        yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class Trained:
    """A checkpoint after one step, the step's terms, and the weights folder with its export."""

    checkpoint: Path
    terms: dict[str, float]
    weights: Path

    @property
    def folder(self) -> Path:
        """Of the exported model."""
        return self.weights / "kelp"


@pytest.fixture(scope="module")
def trained(row: None, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A small network of four tasks."""
    root = tmp_path_factory.mktemp("any_task")
    options = {"width": 0.125, "tasks": [*DEFAULT_TASKS, NAME]}
    config = TrainingConfig("resnet26", options, gated=True, multipool="pag", freeze_all_statistics=True)
    state = start(config, RunOptions(root / "run"))
    state.network.train()
    terms = train_step(state, collate(SAMPLES), config)
    head = state.network.get_submodule(f"heads.{NAME}.1")
    torch.nn.init.normal_(head.weight, std=0.3)  # or the map would be as good as flat
    state.average.values = dict(state.network.state_dict())
    (root / "run").mkdir()
    path = root / "run" / "checkpoint.pt"
    checkpoint.save(path, state, config.to_json())
    export([path], root / "weights" / "kelp", Identity("kelp", "0.1.0"))
    return Trained(path, terms, root / "weights")


@pytest.fixture(scope="module")
def client(trained: Trained) -> Iterator[httpx.Client]:
    """Client of a service with that network alone."""
    with running_server(weights=trained.weights, threads=1, brownout=False) as started:
        yield started


@pytest.fixture(scope="module")
def expected(trained: Trained) -> NDArray[np.float32]:
    """The map of PHOTO at its own size, as torch says."""
    outputs = TorchPredictor(load_exportable(trained.checkpoint))(PHOTO, 1.0)
    maps = full_size(outputs, plan_scaled(HEIGHT, WIDTH, 32, 1.0), 1.0)
    assert maps[NAME].std() > 0.01
    return maps[NAME]


def close(given: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    return given.dtype == np.float32 and bool((np.abs(given - expected) < TOLERANCE).all())


def close_png(png: bytes, expected: NDArray[np.float32]) -> bool:
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    return pixels.dtype == np.uint8 and bool((np.abs(pixels / 255 - expected) < TOLERANCE + 0.5 / 255).all())


def parsed(client: httpx.Client, accept: str, **query: str) -> httpx.Response:
    answer = client.post("/parse", content=encoded(PHOTO), headers={"Accept": accept}, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_name_stands_nowhere_in_the_code() -> None:
    files = [path for part in ("model_export", "service", "pag") for path in (ROOT / part).rglob("*.*")]
    texts = [path for path in files if path.suffix in (".py", ".js", ".html", ".css", ".json")]
    assert len(texts) > 100
    assert not [path for path in texts if NAME in path.read_text(encoding="utf-8")]


def test_a_step_learns_and_distils_it(trained: Trained) -> None:
    assert {NAME, f"gated_{NAME}", f"gated_distil_{NAME}"} < set(trained.terms)
    assert 0 < trained.terms[NAME] < 5


def test_gates_are_allocated_by_it_and_its_agreement_is_told(trained: Trained) -> None:
    network = load_network(trained.checkpoint)
    with_it, told = (
        allocated(network, SAMPLES[:1], progress=False),
        agreement_of(network, network, SAMPLES, 1),
    )
    assert with_it.gates == tuple(network.gates())
    assert told[NAME] == pytest.approx(0, abs=1e-6)


def test_the_folder_names_it_and_all_forms_agree(trained: Trained) -> None:
    manifest = load_manifest(trained.folder)
    assert manifest.default_map_names() == (*DEFAULT_TASKS, NAME)
    entry = manifest.map(NAME)
    assert (entry.kind, entry.output, entry.stride) == ("probability", ROW.output, 8)
    exportable = load_exportable(trained.checkpoint)
    results = verify(exportable, trained.folder / MODEL_NAME, [PHOTO], (0.7, 1.0), lambda _: None)
    assert ROW.output in {result.output for result in results}


def test_its_figures_come_into_manifest_and_card(trained: Trained) -> None:
    predictor = OnnxPredictor(trained.folder / MODEL_NAME, threads=1)
    evaluation = evaluate(predictor, SAMPLES, [Point(1.0, 1.0)], progress=False)
    figures = evaluation.figures(Point(1.0, 1.0))
    assert 0 < figures[f"{NAME}_best_f1"] < 1
    manifest = add_metrics(trained.folder, "made", {1.0: figures}, "Made images.")
    assert manifest.metrics.splits["made"][0].model_dump()[f"{NAME}_best_f1"] > 0
    assert f"{NAME} F1" in (trained.folder / "card.md").read_text()


def test_models_tell_its_kind(client: httpx.Client) -> None:
    model = client.get("/models").json()["models"][0]
    assert {entry["name"]: entry["kind"] for entry in model["maps"]}[NAME] == "probability"
    assert model["default_maps"] == [*DEFAULT_TASKS, NAME]


def test_every_format_of_parse_has_it(client: httpx.Client, expected: NDArray[np.float32]) -> None:
    arrays = np.load(io.BytesIO(parsed(client, "application/x-npz").content))
    assert close(arrays[NAME], expected)
    document = parsed(client, "application/json").json()
    assert document["maps"][NAME]["kind"] == "probability"
    assert close_png(base64.b64decode(document["maps"][NAME]["png"]), expected)
    with zipfile.ZipFile(io.BytesIO(parsed(client, "application/zip").content)) as archive:
        assert json.loads(archive.read("meta.json"))["maps"][NAME]["kind"] == "probability"
        assert close_png(archive.read(f"{NAME}.png"), expected)
    assert close_png(parsed(client, "image/png", maps=NAME).content, expected)


def test_the_client_and_its_stream_have_it(client: httpx.Client, expected: NDArray[np.float32]) -> None:
    with Client(str(client.base_url)) as mine:
        parsing = mine.parse(encoded(PHOTO), maps=[NAME])
        assert (list(parsing.maps), parsing.kind(NAME)) == ([NAME], "probability")
        assert close(parsing.maps[NAME], expected)
        (frame,) = mine.stream([encoded(PHOTO)], maps=[NAME], every_frame=True)
    assert frame.parsing is not None and close(frame.parsing.maps[NAME], expected)


def test_the_command_line_has_it(client: httpx.Client, expected: NDArray[np.float32], tmp_path: Path) -> None:
    ended = run_pag("parse", "-", "-o", tmp_path, "--server", str(client.base_url), stdin=encoded(PHOTO))
    assert ended.returncode == 0, ended.stderr
    assert close_png((tmp_path / f"stdin.{NAME}.png").read_bytes(), expected)


def test_the_inference_protocol_has_it(client: httpx.Client, expected: NDArray[np.float32]) -> None:
    outputs = client.get("/v2/models/kelp").json()["outputs"]
    assert {output["name"]: output["datatype"] for output in outputs}[NAME] == "FP32"
    with triton_client(client) as remote:
        values = remote.infer("kelp", [pixels_input(PHOTO)]).as_numpy(NAME)
    assert close(values.reshape(HEIGHT, WIDTH), expected)
