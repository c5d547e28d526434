"""Maps of a photograph, however it is given and whichever client is used."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from pag import AsyncClient, Client, Parsing, read_npz
from pag.client.calls import Call, parse_request
from pag.client.decode import NPZ
from tests.support.photographs import LANDSCAPE, LANDSCAPE_PIXELS, encoded, picture
from tests.support.servers import GUARD_SECONDS

ALL = "semantics,depth,normals,computed"


def assert_same(a: Parsing, b: Parsing) -> None:
    assert a.maps.keys() == b.maps.keys()
    for name, values in a.maps.items():
        np.testing.assert_array_equal(values, b.maps[name], err_msg=name)


@pytest.fixture(scope="module")
def expected(client: Client) -> Parsing:
    return client.parse(LANDSCAPE, budget=0.5)


def test_maps_come_with_units_and_price(expected: Parsing) -> None:
    assert (expected.semantics.dtype, expected.semantics.shape) == (np.uint8, (96, 128))
    assert (expected.depth.dtype, expected.depth.shape) == (np.float32, (96, 128))
    assert (expected.normals.dtype, expected.normals.shape) == (np.float32, (96, 128, 3))
    np.testing.assert_allclose(np.linalg.norm(expected.normals, axis=-1), 1, atol=1e-5)
    assert (expected.budget.requested, expected.budget.used, expected.budget.reason) == (0.5, 0.5, "client")
    assert 0 < expected.budget.share <= 0.5
    assert (expected.model, expected.model_version) == ("tiny", "1.0.0")
    assert (expected.image.height, expected.image.width, expected.image.format) == (96, 128, "PNG")
    assert expected.size == (96, 128) and expected.void == 255 and len(expected.classes) == 40
    assert [expected.kind(name) for name in expected.maps] == ["labels", "metric", "vectors"]
    assert (expected.map_info["depth"].unit, expected.map_info["normals"].frame) == (
        "metre",
        "x right, y down, z towards the camera",
    )
    assert expected.milliseconds["inference"] > 0 and expected.milliseconds["encode"] > 0


def test_a_parsing_describes_itself_in_a_line(expected: Parsing) -> None:
    assert repr(expected) == "<Parsing 96x128 semantics+depth+normals, tiny 1.0.0, budget 0.5 (client)>"


def test_class_shares_are_of_all_pixels_and_fall(expected: Parsing) -> None:
    shares = expected.class_shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    name, share = next(iter(shares.items()))
    (entry,) = (entry for entry in expected.classes if entry.name == name)
    assert share == pytest.approx(np.mean(expected.semantics == entry.id))


def test_points_lie_at_their_depth_within_the_field_of_view(expected: Parsing) -> None:
    points = expected.points(horizontal_degrees=90)
    assert points.dtype == np.float32 and points.shape == (96, 128, 3)
    np.testing.assert_array_equal(points[..., 2], expected.depth)
    right = points[:, -1, 0] / points[:, -1, 2]
    np.testing.assert_allclose(right, 127 / 128, rtol=1e-5)
    assert (points[0, :, 1] < 0).all() and (points[-1, :, 1] > 0).all()


@pytest.mark.parametrize("form", ["text path", "path", "bytearray", "memoryview", "pixels", "strided pixels"])
def test_every_form_of_a_picture_gives_the_same_maps(
    form: str, client: Client, expected: Parsing, photo_file: Path
) -> None:
    forms = {
        "text path": str(photo_file),
        "path": photo_file,
        "bytearray": bytearray(LANDSCAPE),
        "memoryview": memoryview(LANDSCAPE),
        "pixels": LANDSCAPE_PIXELS,
        "strided pixels": LANDSCAPE_PIXELS[:, ::-1].copy()[:, ::-1],
    }
    assert_same(client.parse(forms[form], budget=0.5), expected)


def test_files_give_the_same_maps(client: Client, expected: Parsing, photo_file: Path) -> None:
    assert_same(client.parse(io.BytesIO(LANDSCAPE), budget=0.5), expected)
    with photo_file.open("rb") as file:
        assert_same(client.parse(file, budget=0.5), expected)


def test_large_pixels_are_sent_smaller_without_loss(client: Client) -> None:
    pixels = picture(1700, 1700)
    sent = client.parse(pixels, size="model")
    assert sent.image.format == "PNG"
    assert_same(sent, client.parse(encoded(pixels), size="model"))


@pytest.mark.parametrize(
    ("image", "error", "fix"),
    [
        (LANDSCAPE_PIXELS[..., 0], ValueError, r"uint8 \[H,W,3\] RGB, not uint8 \[96, 128\]: convert grey"),
        (LANDSCAPE_PIXELS / np.float32(255), ValueError, "not float32"),
        (LANDSCAPE_PIXELS[:0], ValueError, r"not uint8 \[0, 128, 3\]"),
        (io.StringIO("text"), TypeError, "mode 'rb'"),
        (42, TypeError, "not int"),
        ("/nowhere/photo.jpg", FileNotFoundError, "photo.jpg"),
    ],
)
def test_what_is_no_picture_is_said_before_anything_is_sent(
    image: object, error: type[Exception], fix: str, client: Client
) -> None:
    with pytest.raises(error, match=fix):
        client.parse(image)  # type: ignore[arg-type]


def test_options_reach_the_server(client: Client) -> None:
    parsing = client.parse(
        LANDSCAPE, budget=0.5, min_budget=0.5, maps=["depth", "computed"], size="model", model="tiny"
    )
    assert list(parsing.maps) == ["depth", "computed"]
    assert parsing.computed.max() <= 1
    assert parsing.classes == () and parsing.void is None


def test_misspelt_options_are_errors(client: Client) -> None:
    with pytest.raises(TypeError, match="no option 'buget'; there are budget, min_budget"):
        client.parse(LANDSCAPE, buget=0.5)  # type: ignore[call-arg]


def test_the_former_word_for_maps_is_an_error_that_names_the_new_one(client: Client) -> None:
    with pytest.raises(TypeError, match="'tasks' is called 'maps' now"):
        client.parse(LANDSCAPE, tasks=["depth"])  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'tasks' is called 'maps' now"):
        client.stream([LANDSCAPE], tasks=["depth"])  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "maps",
    [
        "depth,computed",
        ("depth", "computed"),
        {"depth", "computed"},
        (name for name in ("depth", "computed")),
    ],
)
def test_maps_are_named_by_whatever_holds_names(maps: Iterable[str], client: Client) -> None:
    assert list(client.parse(LANDSCAPE, maps=maps).maps) == ["depth", "computed"]


@pytest.mark.parametrize(
    ("options", "error", "fix"),
    [
        ({"maps": []}, ValueError, "maps names no map: leave it out"),
        ({"maps": ["depth", 3]}, TypeError, "maps are names, .* not 3"),
        ({"maps": 5}, TypeError, "maps are names"),
        ({"deadline_ms": "80"}, TypeError, "deadline_ms is a number, not '80'"),
        ({"budget": "half"}, TypeError, "budget is a number, not 'half'"),
        ({"min_budget": True}, TypeError, "min_budget is a number, not True"),
        ({"size": 320}, TypeError, "size is a text, not 320"),
    ],
)
def test_options_of_the_wrong_kind_are_named_before_anything_is_sent(
    options: Any, error: type[Exception], fix: str, client: Client
) -> None:
    with pytest.raises(error, match=fix):
        client.parse(LANDSCAPE, **options)
    with pytest.raises(error, match=fix):
        client.stream([LANDSCAPE], **options)
    with pytest.raises(error, match=fix), client.stream([LANDSCAPE]) as stream:
        stream.change(**options)


def test_numbers_of_numpy_are_numbers(client: Client) -> None:
    parsing = client.parse(LANDSCAPE, budget=np.float32(0.5), deadline_ms=np.int64(60_000))
    assert parsing.budget.requested == 0.5


def test_ids_are_taken_over(client: Client) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    parsing = client.parse(LANDSCAPE, request_id="mine-1", traceparent=trace)
    assert parsing.request_id == "mine-1"
    assert parsing.traceparent is not None and parsing.traceparent.split("-")[1] == trace.split("-")[1]


def test_files_hold_what_the_arrays_hold(client: Client) -> None:
    parsing = client.parse(LANDSCAPE, maps=ALL)
    files = client.files(LANDSCAPE, maps=ALL)
    assert sorted(files) == ["computed.png", "depth.png", "meta.json", "normals.png", "semantics.png"]
    assert json.loads(files["meta.json"])["model"]["name"] == "tiny"
    np.testing.assert_array_equal(_pixels(files["semantics.png"]), parsing.semantics)
    depth = _pixels(files["depth.png"])
    np.testing.assert_array_equal(depth == 0, np.isnan(parsing.depth))
    np.testing.assert_allclose(depth[depth > 0] * 0.001, parsing.depth[depth > 0], atol=0.00051)
    normals = _pixels(files["normals.png"])[..., ::-1] / 127.5 - 1
    np.testing.assert_allclose(normals, parsing.normals, atol=0.51 / 127.5)
    np.testing.assert_allclose(_pixels(files["computed.png"]) / 255, parsing.computed, atol=0.51 / 255)


def test_an_overlay_is_a_picture_of_the_photograph_s_size(client: Client) -> None:
    assert _pixels(client.overlay(LANDSCAPE)).shape == (96, 128, 3)


def test_a_saved_answer_can_be_read_later(url: str, expected: Parsing) -> None:
    headers = {"Accept": "application/x-npz"}
    answer = httpx.post(f"{url}/parse?budget=0.5", content=LANDSCAPE, headers=headers, timeout=GUARD_SECONDS)
    assert_same(read_npz(answer.content), expected)


def test_models_tell_what_each_budget_buys(client: Client) -> None:
    (model,) = client.models()
    assert repr(model) == "<Model tiny 1.0.0 semantics+depth+normals+computed, default>"
    assert (model.budget_floor, model.budget_default) == (0.25, 1.0)
    assert model.curves["val"][0]["miou40"] == 0.3
    assert model.classes[3].name == "class 3"
    kinds = {name: info.kind for name, info in model.maps.items()}
    assert kinds == {"semantics": "labels", "depth": "metric", "normals": "vectors", "computed": "share"}
    assert (model.maps["semantics"].void, model.maps["depth"].unit) == (255, "metre")
    assert model.maps["normals"].frame == "x right, y down, z towards the camera"
    assert model.default_maps == ("semantics", "depth", "normals")
    assert model.document["licence"]["weights"] == "Apache-2.0"


def test_tools_read_answers_their_own_way(url: str, client: Client, expected: Parsing) -> None:
    request = parse_request(LANDSCAPE, NPZ, {"budget": 0.5})
    call = Call(request, lambda answer: (answer.headers["content-type"], answer.body))

    async def use() -> tuple[str, bytes]:
        async with AsyncClient(url, timeout=GUARD_SECONDS) as other:
            return await other.call(call)

    for kind, body in (client.call(call), asyncio.run(use())):
        assert kind == NPZ
        assert_same(read_npz(body), expected)


def test_the_async_client_gives_the_same(
    url: str, client: Client, photo_file: Path, expected: Parsing
) -> None:
    async def use() -> None:
        async with AsyncClient(url, timeout=GUARD_SECONDS) as other:
            images = [LANDSCAPE, LANDSCAPE_PIXELS, photo_file, str(photo_file), io.BytesIO(LANDSCAPE)]
            for parsing in await asyncio.gather(*(other.parse(image, budget=0.5) for image in images)):
                assert_same(parsing, expected)
            assert await other.models() == client.models()
            assert await other.overlay(LANDSCAPE) == client.overlay(LANDSCAPE)
            theirs, ours = await other.files(LANDSCAPE), client.files(LANDSCAPE)
            assert {**theirs, "meta.json": b""} == {**ours, "meta.json": b""}
            assert await other.ready()
            await other.wait_until_ready()
            assert repr(other) == f"<AsyncClient {url}>"

    asyncio.run(use())


def test_threads_share_a_client(client: Client, expected: Parsing) -> None:
    parsings: list[Parsing] = []
    threads = [
        threading.Thread(target=lambda: parsings.append(client.parse(LANDSCAPE, budget=0.5, min_budget=0.5)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parsings) == len(threads)
    for parsing in parsings:
        assert_same(parsing, expected)


def test_the_shipped_network_answers_both_clients_alike(shipped_server: httpx.Client) -> None:
    url = str(shipped_server.base_url)
    with Client(url, timeout=GUARD_SECONDS) as client:
        model = client.models()[0]
        first = client.parse(LANDSCAPE_PIXELS, maps=model.maps, budget=0.4)
        assert list(first.maps) == list(model.maps)
        assert_same(client.parse(encoded(LANDSCAPE_PIXELS), maps=model.maps, budget=0.4), first)
        assert first.budget.share <= 0.4
        assert first.class_shares().keys() <= {entry.name for entry in model.classes}

    async def use() -> Parsing:
        async with AsyncClient(url, timeout=GUARD_SECONDS) as other:
            return await other.parse(LANDSCAPE_PIXELS, maps=model.maps, budget=0.4)

    assert_same(asyncio.run(use()), first)


def _pixels(png: bytes) -> NDArray[np.generic]:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
