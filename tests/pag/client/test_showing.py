"""What a parsing shows and saves: masks, pictures, notebooks, figures, files, clouds of points."""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pag import Client, PagError, Parsing
from tests.support.photographs import LANDSCAPE, LANDSCAPE_PIXELS


@pytest.fixture(scope="module")
def parsing(client: Client) -> Parsing:
    return client.parse(LANDSCAPE, budget=0.5)


def test_a_mask_is_where_the_class_is(parsing: Parsing) -> None:
    for name, share in parsing.class_shares().items():
        assert parsing.mask(name).mean() == pytest.approx(share)
    with pytest.raises(ValueError, match="no class 'unicorn'; there are"):
        parsing.mask("unicorn")


def test_pictures_have_the_colours_of_the_classes(parsing: Parsing) -> None:
    (name, *_) = parsing.class_shares()
    (entry,) = [each for each in parsing.classes if each.name == name]
    assert (parsing.picture("semantics")[parsing.mask(name)] == entry.color).all()
    near, far = (np.unravel_index(find(parsing.depth), parsing.size) for find in (np.nanargmin, np.nanargmax))
    depth = parsing.picture("depth").astype(int)
    # Near is warm, far is cold.
    assert depth[near][0] > depth[near][2] and depth[far][2] > depth[far][0]


def test_it_is_saved_as_arrays_or_pictures(parsing: Parsing, tmp_path: Path) -> None:
    parsing.save(tmp_path / "maps.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "maps.npz")["depth"], parsing.depth)
    parsing.save(tmp_path / "maps")
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [
        f"{name}.png" for name in sorted(parsing.maps)
    ]
    shown = np.asarray(Image.open(tmp_path / "maps" / "normals.png"))
    np.testing.assert_array_equal(shown, parsing.picture("normals"))
    with pytest.raises(ValueError, match=r"not as \.tiff"):
        parsing.save(tmp_path / "maps.tiff")


def test_a_notebook_shows_every_map(parsing: Parsing) -> None:
    page = parsing._repr_html_()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)" alt="(\w+)"', page)
    assert [name for _, name in pictures] == list(parsing.maps)
    for data, _ in pictures:
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (128, 96)


def test_a_figure_needs_matplotlib(parsing: Parsing, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [axes.get_title() for axes in parsing.plot().axes] == list(parsing.maps)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PagError, match="pip install matplotlib"):
        parsing.plot()


def test_a_cloud_is_saved_as_ply(parsing: Parsing, tmp_path: Path) -> None:
    cloud = parsing.point_cloud(LANDSCAPE_PIXELS)
    cloud.save(tmp_path / "room.ply")
    head, _, body = (tmp_path / "room.ply").read_bytes().partition(b"end_header\n")
    lines = head.decode().splitlines()
    assert lines[:3] == ["ply", "format binary_little_endian 1.0", f"element vertex {len(cloud.points)}"]
    kinds = {"float": "<f4", "uchar": "u1"}
    fields = [(line.split()[2], kinds[line.split()[1]]) for line in lines if line.startswith("property")]
    rows = np.frombuffer(body, fields)
    known = np.isfinite(parsing.depth)
    np.testing.assert_array_equal(rows["z"], parsing.depth[known])
    np.testing.assert_array_equal(rows["green"], LANDSCAPE_PIXELS[known][:, 1])
    assert (parsing.point_cloud().colors == parsing.picture("semantics")[known]).all()
    with pytest.raises(ValueError, match="the size of the maps"):
        parsing.point_cloud(LANDSCAPE_PIXELS[1:])
    with pytest.raises(ValueError, match=r"name the file \.ply"):
        cloud.save(tmp_path / "room.obj")


def test_images_of_pillow_are_taken_upright(client: Client) -> None:
    # As a camera held on its side writes it.
    turned = Image.fromarray(np.rot90(LANDSCAPE_PIXELS).copy())
    turned.getexif()[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "PNG", exif=turned.getexif())
    opened = Image.open(io.BytesIO(buffer.getvalue()))
    np.testing.assert_array_equal(client.parse(opened).depth, client.parse(LANDSCAPE_PIXELS).depth)
    grey = client.parse(Image.fromarray(LANDSCAPE_PIXELS[..., 0]))
    assert grey.size == LANDSCAPE_PIXELS.shape[:2]


def test_an_address_is_no_path(client: Client) -> None:
    with pytest.raises(ValueError, match=r"httpx\.get\(url\)\.content"):
        client.parse("https://example.org/room.jpg")


def test_a_summary_is_asked_for(client: Client, parsing: Parsing) -> None:
    found = client.summary(LANDSCAPE, budget=0.5)["maps"]["semantics"]["summary"]["classes"]
    shares = {each["name"]: each["share"] for each in found}
    assert shares == pytest.approx(parsing.class_shares(), abs=1e-4)
    (first, *_) = client.summary(LANDSCAPE, regions=True, maps="semantics")["maps"]["semantics"]["summary"][
        "classes"
    ]
    assert first["region"]["area"] == parsing_area(client, first["name"])


def parsing_area(client: Client, name: str) -> int:
    return int(client.parse(LANDSCAPE, maps="semantics").mask(name).sum())
