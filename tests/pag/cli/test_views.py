"""A video shows any map by its kind, whatever its name."""

from __future__ import annotations

import numpy as np
import pytest

from pag.cli.exit_codes import REFUSED, Stop
from pag.cli.views import choose_view, draw_map
from pag.client import ClassEntry, MapInfo, Model

COLOURS = (ClassEntry(0, "wall", (10, 20, 30)), ClassEntry(1, "floor", (40, 50, 60)))


def model(*maps: MapInfo, default: tuple[str, ...] | None = None) -> Model:
    named = {info.name: info for info in maps}
    return Model("m", "1", "", True, named, default or tuple(named), 0.1, 1.0, {}, {})


MAPS = (MapInfo("what", "labels", classes=COLOURS), MapInfo("far", "metric"), MapInfo("rims", "probability"))


@pytest.mark.parametrize(
    ("name", "maps", "size"),
    [
        ("overlay", ["what"], (6, 8)),
        ("far", ["far"], (6, 8)),
        ("rims", ["rims"], (6, 8)),
        ("side-by-side", ["what", "far", "rims"], (12, 16)),
    ],
)
def test_a_view_knows_its_maps_and_its_size(name: str, maps: list[str], size: tuple[int, int]) -> None:
    view = choose_view(name, model(*MAPS))
    assert [info.name for info in view.maps] == maps
    assert view.size(6, 8) == size


def test_four_maps_beside_the_frame_make_a_grid_of_six() -> None:
    further = MapInfo("more", "share")
    assert choose_view("side-by-side", model(*MAPS, further)).size(6, 8) == (12, 24)
    # What is only returned by name is not among them.
    assert choose_view("side-by-side", model(*MAPS, further, default=("what",))).size(6, 8) == (6, 16)


@pytest.mark.parametrize("name", ["nothing", "unknown", "overlay"])
def test_a_view_that_the_model_cannot_give(name: str) -> None:
    with pytest.raises(Stop, match=r"--view side-by-side, rims$") as refused:
        choose_view(name, model(MapInfo("rims", "probability"), MapInfo("unknown", "of tomorrow")))
    assert refused.value.code == REFUSED


@pytest.mark.parametrize(
    ("kind", "values", "colour"),
    [
        ("labels", np.uint8(1), (40, 50, 60)),
        ("labels", np.uint8(255), (0, 0, 0)),
        ("probability", np.float32(1), (255, 255, 255)),
        ("share", np.float32(0.2), (51, 51, 51)),
        ("metric", np.float32(np.nan), (0, 0, 0)),
        ("vectors", np.float32([0, 0, 1]), (128, 128, 255)),
    ],
)
@pytest.mark.parametrize("side", [1, 2])
def test_each_kind_has_its_colours_at_the_frames_size(
    kind: str, values: np.ndarray, colour: tuple[int, int, int], side: int
) -> None:
    array = np.broadcast_to(values, (side, side, *values.shape)).copy()
    drawn = draw_map(MapInfo("any", kind, classes=COLOURS), array, 4, 6)
    assert (drawn.shape, drawn.dtype) == ((4, 6, 3), np.uint8)
    assert (drawn == np.uint8(colour)).all()


def test_near_is_warmer_than_far() -> None:
    near, far = draw_map(MapInfo("any", "metric"), np.float32([[0.6, 9.0]]), 1, 2)[0].astype(int)
    assert near[0] > near[2]
    assert far[2] > far[0]
