"""The map of where the gated compute went, over real HTTP, with the shipped network."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.model_folder.files import load_manifest
from tests.support.parsing import arrays, pixels, post
from tests.support.photographs import encoded, picture
from tests.support.problems import assert_problem
from tests.support.servers import Serve, running_server
from tests.support.tiny_model import map_entries, write_model

pytestmark = pytest.mark.slow

WEIGHTS = Path(__file__).parents[3] / "weights"
SHIPPED = WEIGHTS / "efficientnet_lite0-nyuv2"
MAPS = ["semantics", "depth", "normals"]
NPZ, ZIP, JSON, PNG = "application/x-npz", "application/zip", "application/json", "image/png"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Client of the service with the shipped network, which lowers no budget."""
    if not SHIPPED.is_dir():
        pytest.skip(f"needs {SHIPPED.name} in weights/")
    with running_server(
        weights=WEIGHTS, model=SHIPPED.name, threads=1, brownout=False, max_wait_seconds=600
    ) as started:
        yield started


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    """A real one, 480x640."""
    return Image.fromarray(pytest.importorskip("skimage.data").coffee()).resize((640, 480))


def computed(client: httpx.Client, photo: bytes, **query: Any) -> tuple[Any, dict[str, Any]]:
    found = arrays(post(client, photo, NPZ, maps="computed", **query))
    assert sorted(found) == ["computed", "meta"]
    return found["computed"], json.loads(str(found["meta"]))


def gated_share(meta: dict[str, Any], height: int, width: int) -> float:
    """Share of the gated multiply-adds at the size fed, by the price that the answer tells."""
    manifest = load_manifest(SHIPPED)
    fed = meta["size"]["network_padded"]
    spent = meta["budget"]["share"] * manifest.plan_resize(height, width).pixels / (fed[0] * fed[1])
    total, always = manifest.multiply_adds.total, manifest.multiply_adds.always
    return float((spent * total - always) / (total - always))


@pytest.mark.parametrize("size", ["input", "model"])
@pytest.mark.parametrize("budget", [0.07, 0.2, 0.36, 0.5])
def test_its_mean_is_the_gated_work_that_was_done(
    client: httpx.Client, photograph: Image.Image, budget: float, size: str
) -> None:
    shares, meta = computed(client, encoded(photograph), budget=budget, size=size)
    assert shares.dtype == np.float32
    assert shares.shape == ((480, 640) if size == "input" else tuple(meta["size"]["network"]))
    assert shares.min() >= 0 and shares.max() <= 1
    # Some pixels got more than others: that is what the map is for.
    assert shares.max() - shares.min() > 0.3
    # At these sizes nothing is padded. Where the scale does not divide them evenly, some of the network's
    # pixels are shown by one row or column more than others: 36 rows at scale .6 by 13 or 14 of 480.
    assert shares.mean(dtype=float) == pytest.approx(gated_share(meta, 480, 640), abs=1e-3)


def test_padding_takes_part_in_the_price_but_not_in_the_map(
    client: httpx.Client, photograph: Image.Image
) -> None:
    shares, meta = computed(client, encoded(photograph.resize((450, 301))), budget=0.5)
    assert shares.shape == (301, 450)
    # 241x360 is fed as 256x384. Its padding, 12 % of it, may have been computed more or less than the rest.
    assert shares.mean(dtype=float) == pytest.approx(gated_share(meta, 301, 450), abs=0.12)


@pytest.mark.parametrize("shape", [(480, 640), (97, 61), (1000, 1500)])
def test_at_the_whole_budget_everything_was_computed(
    client: httpx.Client, photograph: Image.Image, shape: tuple[int, int]
) -> None:
    shares, _ = computed(client, encoded(photograph.resize(shape[::-1])), budget=1)
    assert shares.shape == shape
    # The gates' shares are rounded before they are summed.
    np.testing.assert_allclose(shares, 1, atol=1e-6)


def test_all_representations_hold_the_same_map(client: httpx.Client, photograph: Image.Image) -> None:
    photo, asked = encoded(photograph), {"budget": 0.36, "maps": ",".join(["computed", *MAPS])}
    canonical = arrays(post(client, photo, NPZ, **asked))
    assert sorted(canonical) == sorted([*MAPS, "computed", "meta"])
    told = json.loads(str(canonical["meta"]))["maps"]["computed"]
    assert (told["array"], told["dtype"]) == ("computed", "float32")
    stored = np.rint(255 * canonical["computed"])
    answer = post(client, photo, JSON, **asked)
    # In the fixed order, however they are asked for.
    assert list(answer.json()["maps"]) == [*MAPS, "computed"]
    assert 'computed="dtype=uint8,unit=share of the gated multiply-adds"' in answer.headers["pag-maps"]
    meta = answer.json()["maps"]["computed"]
    assert (meta["dtype"], meta["formula"]) == ("uint8", "share = v / 255")
    with zipfile.ZipFile(io.BytesIO(post(client, photo, ZIP, **asked).content)) as archive:
        files = {"zip": archive.read("computed.png"), "json": base64.b64decode(meta["png"])}
    files["png"] = post(client, photo, PNG, budget=0.36, maps="computed").content
    for data in files.values():
        assert (pixels(data) == stored).all()


def test_the_other_maps_are_the_same_with_it(client: httpx.Client, photograph: Image.Image) -> None:
    photo = encoded(photograph)
    plain = arrays(post(client, photo, NPZ, budget=0.36))
    assert sorted(plain) == sorted([*MAPS, "meta"]), "it is made by name only"
    beside = arrays(post(client, photo, NPZ, budget=0.36, maps=",".join([*MAPS, "computed"])))
    for name in MAPS:
        np.testing.assert_array_equal(beside[name], plain[name])


def test_a_model_that_does_not_tell_it_names_what_there_is(tmp_path: Path, serve: Serve) -> None:
    write_model(tmp_path, maps=map_entries(*MAPS))
    with serve(weights=tmp_path) as client:
        answer = post(client, encoded(picture(32, 32)), maps="computed")
        body = assert_problem(answer, 422, "unknown-map", "the model has semantics, depth, normals.")
        assert body["available"] == MAPS
        assert [each["name"] for each in client.get("/models/tiny").json()["maps"]] == MAPS
        assert "computed" not in {each["name"] for each in client.get("/v2/models/tiny").json()["outputs"]}
