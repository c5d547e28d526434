"""A budget that lowers the working resolution too, over real HTTP, with the shipped network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.model_folder.files import load_manifest
from service.model_folder.manifest import MANIFEST_NAME
from tests.support.parsing import arrays, pixels, post
from tests.support.photographs import encoded
from tests.support.servers import PATIENT, running_server
from tests.support.tiny_model import manifest_document, write_model

SHIPPED = Path(__file__).parents[3] / "weights" / "efficientnet_lite0-nyuv2"
SCALES = [{"budget": 0.2, "scale": 0.6}, {"budget": 0.4, "scale": 0.8}, {"budget": 0.7, "scale": 1.0}]
pytestmark = pytest.mark.slow

AS_ARRAYS = "application/x-npz"
# However busy the machine is, no budget is lowered and nothing refused.


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of the service with the shipped network, whose budgets are given scales."""
    if not SHIPPED.is_dir():
        pytest.skip(f"needs {SHIPPED.name} in weights/")
    weights = tmp_path_factory.mktemp("scaled")
    folder = Path(shutil.copytree(SHIPPED, weights / SHIPPED.name))
    document = json.loads((folder / MANIFEST_NAME).read_text())
    document["budget"] |= {"floor": 0.2, "scales": SCALES}
    (folder / MANIFEST_NAME).write_text(json.dumps(document))
    with running_server(weights=weights, threads=1, **PATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    """A real one, 400x600."""
    return Image.fromarray(pytest.importorskip("skimage.data").coffee())


def meta_of(found: dict[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads(str(found["meta"]))
    return meta


@pytest.mark.parametrize(
    ("budget", "scale", "fed"),
    [(0.2, 0.6, [240, 360]), (0.3, 0.6, [240, 360]), (0.5, 0.8, [320, 480]), (0.7, 1.0, [400, 600])],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_maps_come_back_as_sent_whatever_the_scale(
    client: httpx.Client, photograph: Image.Image, kind: str, budget: float, scale: float, fed: list[int]
) -> None:
    answer = post(client, encoded(photograph, kind), AS_ARRAYS, budget=budget, size="input")
    found = arrays(answer)
    assert found["semantics"].shape == found["depth"].shape == (400, 600)
    assert found["normals"].shape == (400, 600, 3)
    assert np.isfinite(found["depth"]).all()
    meta = meta_of(found)
    assert (meta["budget"]["scale"], meta["size"]["network"]) == (scale, fed)
    assert (meta["budget"]["used"], meta["budget"]["reason"]) == (budget, "client")
    assert meta["budget"]["share"] <= budget + 1e-6
    assert float(answer.headers["pag-scale"]) == scale
    assert float(answer.headers["pag-share"]) == pytest.approx(meta["budget"]["share"], abs=1e-6)


def test_the_whole_budget_spends_exactly_all(client: httpx.Client, photograph: Image.Image) -> None:
    budget = post(client, encoded(photograph), maps="depth", budget=1).json()["budget"]
    assert (budget["scale"], budget["share"], budget["reason"]) == (1.0, 1.0, "client")
    # 400x600 is padded to 416x608; the network's figure is that of 480x640.
    total = load_manifest(SHIPPED).multiply_adds.total
    assert budget["multiply_adds"] == round(total * 416 * 608 / (480 * 640))


def test_maps_lie_where_the_picture_does_at_every_scale(tmp_path: Path) -> None:
    document = manifest_document()["budget"] | {"floor": 0.2, "scales": SCALES}
    write_model(tmp_path, budget=document)
    ramp = np.add.outer(np.arange(301) / 4, np.arange(450) / 4).astype(np.uint8)
    photo = encoded(np.repeat(ramp[..., None], 3, axis=2))
    with running_server(weights=tmp_path, threads=1, **PATIENT) as client:
        full, small, middle = (
            arrays(post(client, photo, AS_ARRAYS, budget=budget, maps="depth"))["depth"]
            for budget in (1, 0.2, 0.45)
        )
    # What the network said of a smaller image is brought back to the camera of the whole one.
    small, middle = small / 0.6, middle / 0.8
    for part in (small, middle):
        # The tiny network's depth is grey / 128 plus the budget that it was fed. Interpolation keeps a ramp,
        # but for the flat border of half a cell; grey is rounded to a whole number of 255 twice.
        inside = (part - full)[16:-16, 16:-16]
        assert np.ptp(inside) < 2 * 2 * 0.5 / 128
    # Padded they are 192x288 and 320x480: .36 of the pixels.
    assert np.median(small - full) == pytest.approx(0.2 / 0.36 - 1, abs=0.01)


def test_maps_of_the_model_s_size_depend_on_the_budget(client: httpx.Client, photograph: Image.Image) -> None:
    sizes = {}
    for budget in (0.2, 0.4, 1):
        found = arrays(post(client, encoded(photograph), AS_ARRAYS, budget=budget, size="model"))
        meta = meta_of(found)["size"]
        assert list(found["depth"].shape) == [meta["height"], meta["width"]] == meta["network"]
        sizes[budget] = found["depth"].shape
    assert sizes == {0.2: (240, 360), 0.4: (320, 480), 1: (400, 600)}


@pytest.mark.parametrize("shape", [(97, 61), (301, 450), (1000, 1500)])
@pytest.mark.parametrize("budget", [0.2, 0.3, 0.45, 1])
def test_any_size_is_served_within_the_budget(
    client: httpx.Client, photograph: Image.Image, shape: tuple[int, int], budget: float
) -> None:
    photo = encoded(photograph.resize(shape[::-1]), "JPEG")
    answer = post(client, photo, AS_ARRAYS, budget=budget, maps="semantics,depth")
    found = arrays(answer)
    assert found["semantics"].shape == found["depth"].shape == shape
    told = meta_of(found)["budget"]
    assert told["used"] == budget
    assert told["share"] <= budget + 1e-6


@pytest.mark.parametrize("accept", ["application/json", "application/zip", AS_ARRAYS, "image/png"])
def test_below_the_floor_the_floor_is_served_and_said(
    client: httpx.Client, photograph: Image.Image, accept: str
) -> None:
    headers = post(client, encoded(photograph), accept, budget=0.05, maps="depth").headers
    assert float(headers["pag-budget-requested"]) == 0.05
    assert (float(headers["pag-budget-used"]), headers["pag-budget-reason"]) == (0.2, "floor")
    assert float(headers["pag-scale"]) == 0.6
    assert float(headers["pag-share"]) <= 0.2 + 1e-6


def test_padding_may_raise_the_floor_of_a_tiny_image(client: httpx.Client, photograph: Image.Image) -> None:
    told = post(client, encoded(photograph.resize((32, 32))), maps="depth", budget=0.2).json()["budget"]
    # 32x32 and its 19x19 are both padded to 32x32: the gates' own floor is the least.
    assert (told["requested"], told["reason"], told["scale"]) == (0.2, "floor", 0.6)
    assert told["used"] == pytest.approx(load_manifest(SHIPPED).gates_floor, abs=1e-6)
    assert told["share"] == pytest.approx(told["used"], abs=1e-4)


@pytest.mark.parametrize(("size", "shape"), [("input", (400, 600)), ("model", (240, 360))])
def test_the_overlay_is_of_the_size_asked_for(
    client: httpx.Client, photograph: Image.Image, size: str, shape: tuple[int, int]
) -> None:
    answer = post(client, encoded(photograph, "JPEG"), output="overlay", size=size, budget=0.2)
    assert pixels(answer.content).shape[:2] == shape


def test_the_models_route_shows_the_scales(client: httpx.Client) -> None:
    (entry,) = client.get("/models").json()["models"]
    assert (entry["budget_floor"], entry["budget_scales"]) == (0.2, SCALES)
    names = client.get("/openapi.json").json()["components"]["schemas"]
    assert "scale" in names["BudgetMeta"]["properties"]
    assert "budget_scales" in names["ModelEntry"]["properties"]
