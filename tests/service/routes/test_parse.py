"""POST /parse over real HTTP: every representation, every body, every refusal."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.parsing import arrays, pixels, post
from tests.support.photographs import LANDSCAPE, encoded, picture, png_header
from tests.support.problems import assert_problem
from tests.support.servers import Serve
from tests.support.tiny_model import map_entries, write_model

MAPS = ("semantics", "depth", "normals")


def test_json_is_the_default_and_describes_itself(client: httpx.Client) -> None:
    answer = post(client, budget=0.5)
    assert answer.headers["content-type"] == "application/json"
    meta = answer.json()
    assert meta["model"] == {"name": "tiny", "version": "1.0.0"}
    # 96x128 has 192 and 48 pixels at strides 8 and 16: 96 and 12 are computed at budget .5.
    share = (150 + 400 * 96 / 192 + 450 * 12 / 48) / 1000
    assert meta["budget"] == {
        "requested": 0.5,
        "used": 0.5,
        "reason": "client",
        "scale": 1.0,
        "share": share,
        "multiply_adds": round(1000 * share * 96 * 128 / 307200),
    }
    assert meta["image"] == {"height": 96, "width": 128, "format": "PNG"}
    assert meta["size"]["network_padded"] == [96, 128]
    maps = {name: pixels(base64.b64decode(meta["maps"][name]["png"])) for name in MAPS}
    assert [maps[name].dtype for name in MAPS] == [np.uint8, np.uint16, np.uint8]
    assert [maps[name].shape for name in MAPS] == [(96, 128), (96, 128), (96, 128, 3)]
    assert len(meta["maps"]["semantics"]["classes"]) == 40
    assert meta["maps"]["semantics"]["invalid"] == 255
    assert meta["maps"]["depth"]["unit"] == "millimetre"
    assert meta["maps"]["depth"]["invalid"] == 0
    assert "127.5" in meta["maps"]["normals"]["formula"]
    assert "camera" in meta["maps"]["normals"]["frame"]


def test_all_representations_hold_the_same_maps(client: httpx.Client) -> None:
    canonical = arrays(post(client, accept="application/x-npz"))
    assert (canonical["depth"].dtype, canonical["normals"].dtype) == (np.float32, np.float32)
    meta = json.loads(str(canonical["meta"]))
    assert meta["maps"]["depth"]["unit"] == "metre"
    answer = post(client, accept="application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {item.compress_type for item in archive.infolist()} == {zipfile.ZIP_STORED}
        assert sorted(archive.namelist()) == ["depth.png", "meta.json", "normals.png", "semantics.png"]
        files = {name: archive.read(f"{name}.png") for name in MAPS}
        assert json.loads(archive.read("meta.json"))["maps"]["depth"]["file"] == "depth.png"
    assert (pixels(files["semantics"]) == canonical["semantics"]).all()
    # Stored to the nearest millimetre and to the nearest 1/127.5.
    np.testing.assert_allclose(pixels(files["depth"]) / 1000, canonical["depth"], atol=0.0006)
    np.testing.assert_allclose(pixels(files["normals"]) / 127.5 - 1, canonical["normals"], atol=0.004)
    for name in MAPS:
        alone = post(client, accept="image/png", maps=name)
        assert alone.headers["content-type"] == "image/png"
        assert alone.content == files[name]


def test_maps_follow_the_picture_and_the_budget(client: httpx.Client) -> None:
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[:, 32:] = 255
    found = arrays(post(client, encoded(photo), "application/x-npz", budget=0.5))
    # depth = mean of (pixel - 127) / 128 + 2 + budget, far from the edge between the halves.
    assert found["depth"][0, 0] == pytest.approx(-127 / 128 + 2.5)
    assert found["depth"][0, 63] == pytest.approx(1 + 2.5)
    assert found["semantics"][0, 0] != found["semantics"][0, 63]
    assert arrays(post(client, encoded(photo), "application/x-npz"))["depth"][0, 63] == pytest.approx(4)


DEPTH_HEADER = (
    'depth="dtype=uint16,unit=millimetre,invalid=0"',
    'depth="dtype=float32,unit=metre,invalid=NaN"',
)


@pytest.mark.parametrize(
    ("query", "used", "reason"),
    [({}, 1.0, "default"), ({"budget": 0.1}, 0.25, "floor"), ({"budget": 0.6}, 0.6, "client")],
)
def test_every_representation_carries_the_budget(
    client: httpx.Client, query: dict[str, float], used: float, reason: str
) -> None:
    for accept in ("application/json", "application/zip", "application/x-npz", "image/png"):
        named = {"maps": "depth"} if accept == "image/png" else {}
        headers = post(client, accept=accept, **named, **query).headers
        assert float(headers["pag-budget-requested"]) == query.get("budget", 1.0)
        assert float(headers["pag-budget-used"]) == used
        assert headers["pag-budget-reason"] == reason
        assert headers["pag-scale"] == "1.0"
        assert float(headers["pag-share"]) <= used + 1e-6
        assert headers["pag-model"] == "tiny"
        assert headers["vary"] == "Accept"
        stages = re.findall(r"(\w+);dur=[\d.]+", headers["server-timing"])
        assert stages == ["decode", "preprocess", "queue", "inference", "postprocess", "encode"]
        assert DEPTH_HEADER[accept == "application/x-npz"] in headers["pag-maps"]


def test_a_form_and_a_wrong_content_type_give_the_same(client: httpx.Client) -> None:
    expected = post(client, accept="image/png", maps="depth").content
    query = {"maps": "depth"}
    accept = {"Accept": "image/png"}
    form = client.post(
        "/parse", files={"file": ("x.txt", LANDSCAPE, "text/plain")}, params=query, headers=accept
    )
    assert form.content == expected
    for kind in ("application/json", "image/jpeg", "application/x-www-form-urlencoded", ""):
        raw = client.post("/parse", content=LANDSCAPE, params=query, headers={**accept, "Content-Type": kind})
        assert raw.content == expected

    def pieces() -> Any:
        yield LANDSCAPE[:100]
        yield LANDSCAPE[100:]

    assert client.post("/parse", content=pieces(), params=query, headers=accept).content == expected


def test_size_model_gives_maps_as_the_network_saw_them(client: httpx.Client) -> None:
    large = encoded(picture(960, 1280), "JPEG")
    meta = post(client, large, maps="depth", size="model").json()
    assert (meta["size"]["height"], meta["size"]["width"]) == (480, 640)
    assert (meta["image"]["height"], meta["image"]["width"]) == (960, 1280)
    assert pixels(base64.b64decode(meta["maps"]["depth"]["png"])).shape == (480, 640)
    assert arrays(post(client, large, "application/x-npz"))["depth"].shape == (960, 1280)


@pytest.mark.parametrize("size", ["input", "model"])
def test_the_overlay_is_a_picture(client: httpx.Client, size: str) -> None:
    answer = post(client, encoded(picture(700, 900), "JPEG"), output="overlay", size=size)
    assert answer.headers["content-type"] == "image/png"
    shown = pixels(answer.content)
    assert shown.shape[2] == 3
    assert shown.shape[:2] == ((700, 900) if size == "input" else (489, 628))


def test_exif_orientation_is_honoured(client: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    meta = post(client, encoded(picture(64, 96), "JPEG", exif=exif), maps="depth").json()
    assert meta["image"] == {"height": 96, "width": 64, "format": "JPEG"}


@settings(max_examples=25)
@given(st.integers(16, 700), st.integers(16, 700), st.sampled_from(["input", "model"]))
def test_any_size_is_answered_at_that_size(client: httpx.Client, height: int, width: int, size: str) -> None:
    photo = encoded(picture(height, width), "BMP")
    answer = post(client, photo, "application/x-npz", size=size, maps="semantics,depth")
    found = arrays(answer)
    expected = tuple(json.loads(str(found["meta"]))["size"][key] for key in ("height", "width"))
    assert found["semantics"].shape == found["depth"].shape == expected
    if size == "input":
        assert expected == (height, width)
    assert np.isfinite(found["depth"]).all()


@pytest.mark.parametrize("shape", [(16, 4000), (4000, 16), (16, 16)])
def test_extreme_shapes_work(client: httpx.Client, shape: tuple[int, int]) -> None:
    found = arrays(post(client, encoded(picture(*shape)), "application/x-npz"))
    assert found["normals"].shape == (*shape, 3)
    np.testing.assert_allclose(np.linalg.norm(found["normals"], axis=2), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("image/*", "image/png"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0.4, application/zip;q=0.9", "application/zip"),
        ("application/json;q=0, */*", "application/zip"),
        ("IMAGE/PNG", "image/png"),
    ],
)
def test_the_accept_header_is_weighed(client: httpx.Client, accept: str, kind: str) -> None:
    assert post(client, accept=accept, maps="depth").headers["content-type"] == kind


def test_what_cannot_be_accepted_names_the_fix(client: httpx.Client) -> None:
    body = assert_problem(post(client, accept="image/png"), 406, "not-acceptable", "maps=semantics")
    assert body["available"] == ["application/json", "application/zip", "application/x-npz"]
    refused = assert_problem(post(client, accept="text/html"), 406, "not-acceptable", "can be answered as")
    assert "image/png" not in refused["detail"]
    assert_problem(
        post(client, accept="application/json", output="overlay"), 406, "not-acceptable", "output=overlay"
    )


@pytest.mark.parametrize("budget", ["0", "-0.1", "1.01", "nan", "inf", "-inf", "", "half"])
def test_a_budget_outside_its_domain_is_refused(client: httpx.Client, budget: str) -> None:
    body = assert_problem(post(client, budget=budget), 422, "invalid-parameter", "query.budget")
    assert body["errors"][0]["location"] == "query.budget"
    assert "is not a number of more than 0 and at most 1" in body["detail"]


@pytest.mark.parametrize(
    ("query", "status", "slug", "words"),
    [
        ({"maps": "boundaries"}, 422, "unknown-map", "semantics, depth, normals"),
        ({"maps": ""}, 422, "unknown-map", ""),
        ({"tasks": "depth"}, 422, "invalid-parameter", "query.tasks: tasks is called maps now"),
        ({"model": "large"}, 404, "unknown-model", "loaded: tiny"),
        ({"size": "huge"}, 422, "invalid-parameter", "query.size: 'huge' is none of 'input' or 'model'"),
        ({"buget": "0.5"}, 422, "invalid-parameter", "did you mean budget? There are budget, min_budget,"),
        ({"zebra": "0.5"}, 422, "invalid-parameter", "'zebra' is no parameter: there are budget,"),
        ({"answer": "zip"}, 422, "invalid-parameter", "query.answer: answer is of /stream"),
        ({"output": "overlay", "maps": "depth"}, 422, "invalid-parameter", "semantics alone"),
    ],
)
def test_unknown_names_are_refused(
    client: httpx.Client, query: dict[str, str], status: int, slug: str, words: str
) -> None:
    assert_problem(post(client, **query), status, slug, words)


@pytest.mark.parametrize(
    ("data", "status", "slug"),
    [
        (b"", 400, "empty-body"),
        (b"no image", 415, "unsupported-image"),
        (LANDSCAPE[: len(LANDSCAPE) // 2], 422, "undecodable-image"),
        (encoded(picture(15, 64)), 422, "image-too-small"),
        (png_header(30000, 30000), 413, "image-too-large"),
    ],
    ids=["empty", "text", "truncated", "small", "bomb"],
)
def test_bad_images_are_refused(client: httpx.Client, data: bytes, status: int, slug: str) -> None:
    assert_problem(post(client, data), status, slug)


@pytest.mark.parametrize(
    "body", [b"photo.jpg", encoded(picture(64, 64), "JPEG").replace(b"\n", b"").replace(b"\0", b"")]
)
def test_what_curl_makes_of_a_file_is_explained(client: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/parse", content=body, headers=headers)
    assert answer.status_code in (415, 422)
    assert "--data-binary @photo.jpg" in answer.json()["detail"]
    assert "curl" not in client.post("/parse", content=body).json()["detail"]


def test_bad_forms_are_refused(client: httpx.Client) -> None:
    assert_problem(client.post("/parse", files={"photo": LANDSCAPE}), 400, "malformed-request", "'file'")
    assert_problem(client.post("/parse", files={"file": b""}), 400, "empty-body")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_problem(client.post("/parse", content=b"nonsense", headers=broken), 400, "malformed-request")
    unbounded = {"Content-Type": "multipart/form-data"}
    assert_problem(client.post("/parse", content=LANDSCAPE, headers=unbounded), 400, "malformed-request")


def test_limits_are_counted_while_bytes_arrive(narrow: httpx.Client) -> None:
    assert_problem(post(narrow, bytes(20_001)), 413, "body-too-large", "20000 bytes")
    # Chunked bodies declare no length.
    chunked = narrow.post("/parse", content=iter([bytes(9_000)] * 3))
    assert_problem(chunked, 413, "body-too-large")
    assert_problem(narrow.post("/parse", files={"file": bytes(20_001)}), 413, "body-too-large")
    body = assert_problem(post(narrow), 413, "image-too-large", "at most 10000")
    assert (body["width"], body["height"], body["limit"]) == (128, 96, 10_000)


def test_a_slow_body_times_out(impatient: httpx.Client) -> None:
    address = (impatient.base_url.host, impatient.base_url.port)
    with socket.create_connection(address) as connection:
        head = b"POST /parse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head + b"few")
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 408")
    assert "urn:problem-type:request-timeout" in answer


def test_several_models_need_a_choice(tmp_path: Path, serve: Serve) -> None:
    write_model(tmp_path, "a")
    write_model(tmp_path, "b", maps=map_entries("depth"))
    with serve(weights=tmp_path) as client:
        assert_problem(
            post(client), 422, "no-default-model", "(a, b), or start the server with PAG_MODEL=NAME"
        )
        assert post(client, model="b").json()["model"]["name"] == "b"
        assert post(client, model="b", accept="image/png").status_code == 200
        assert_problem(post(client, model="b", output="overlay"), 422, "unknown-map", "of kind metric")
    with serve(weights=tmp_path, model="a", default_budget=0.5, default_size="model") as client:
        meta = post(client).json()
        assert (meta["model"]["name"], meta["budget"]["used"], meta["size"]["mode"]) == ("a", 0.5, "model")


def test_request_ids_are_taken_over_when_well_formed(client: httpx.Client) -> None:
    given_id = {"X-Request-ID": "abc-123"}
    assert client.post("/parse", content=LANDSCAPE, headers=given_id).json()["request_id"] == "abc-123"
    answer = client.post("/parse", content=LANDSCAPE, headers={"X-Request-ID": "a b"})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
