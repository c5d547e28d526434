"""Maps of any name and kind in a parsing, however many of a kind there are."""

from __future__ import annotations

import copy
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pag import BadAnswer, Parsing, read_npz
from pag.client.decode import read_models

SIZE = (2, 3)
CLASSES = [{"id": 0, "name": "wall", "color": [1, 2, 3]}, {"id": 7, "name": "floor", "color": [4, 5, 6]}]
IDS = np.array([[0, 7, 7], [7, 255, 0]], np.uint8)
DISTANCE = np.full(SIZE, 2, np.float32)

LABELS = {"kind": "labels", "dtype": "uint8", "unit": "class id", "invalid": 255, "classes": CLASSES}
METRIC = {"kind": "metric", "dtype": "float32", "unit": "metre", "invalid": "NaN"}
PROBABILITY = {"kind": "probability", "dtype": "float32", "unit": "probability"}
VECTORS = {"kind": "vectors", "dtype": "float32", "unit": "unit vector", "frame": "x east, y north, z up"}


def npz(**maps: tuple[dict[str, Any], np.ndarray[Any, Any]]) -> bytes:
    """An answer with these maps: description and array by name."""
    meta = {
        "request_id": "r",
        "model": {"name": "any", "version": "2"},
        "budget": {
            "requested": 1,
            "used": 1,
            "reason": "default",
            "scale": 1,
            "share": 1,
            "multiply_adds": 9,
        },
        "image": {"height": 2, "width": 3, "format": "PNG"},
        "size": {"height": SIZE[0], "width": SIZE[1]},
        "milliseconds": {},
        "maps": {name: description for name, (description, _) in maps.items()},
    }
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.array(json.dumps(meta)), **{name: array for name, (_, array) in maps.items()})
    return buffer.getvalue()


def parsing(**maps: tuple[dict[str, Any], np.ndarray[Any, Any]]) -> Parsing:
    return read_npz(npz(**maps))


def test_maps_are_named_by_the_server() -> None:
    edges = np.full(SIZE, 0.5, np.float32)
    found = parsing(edges=(PROBABILITY, edges), rooms=(LABELS, IDS))
    assert list(found.maps) == ["edges", "rooms"]
    np.testing.assert_array_equal(found.edges, edges)
    assert found.edges is found.maps["edges"] is found.require("edges")
    assert (found.kind("edges"), found.map_info["rooms"].void) == ("probability", 255)
    assert "edges" in dir(found) and hasattr(found, "rooms") and not hasattr(found, "depth")


def test_a_map_that_is_not_there_is_an_error_that_lists_those_that_are() -> None:
    found = parsing(edges=(PROBABILITY, np.zeros(SIZE, np.float32)), rooms=(LABELS, IDS))
    words = r"no map 'depth': it has edges, rooms; request others with maps=\[...\]"
    with pytest.raises(AttributeError, match=words):
        _ = found.depth
    for read in (found.require, found.kind):
        with pytest.raises(ValueError, match=words):
            read("depth")


def test_an_attribute_wins_over_a_map_of_its_name() -> None:
    found = parsing(model=(PROBABILITY, np.zeros(SIZE, np.float32)))
    assert found.model == "any"
    assert found.maps["model"].shape == SIZE


def test_a_parsing_can_be_copied_and_sent_to_another_process() -> None:
    found = parsing(rooms=(LABELS, IDS))
    for other in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        np.testing.assert_array_equal(other.rooms, IDS)
        assert other.classes == found.classes


def test_class_shares_are_those_of_the_labels_map() -> None:
    found = parsing(far=(METRIC, DISTANCE), rooms=(LABELS, IDS))
    assert found.class_shares() == {"floor": 3 / 6, "wall": 2 / 6}
    assert ([entry.name for entry in found.classes], found.void) == (["wall", "floor"], 255)
    with pytest.raises(ValueError, match="far is of kind metric, not labels"):
        found.class_shares("far")


def test_of_several_maps_of_a_kind_one_is_named() -> None:
    found = parsing(rooms=(LABELS, IDS), parts=(LABELS, np.zeros(SIZE, np.uint8)))
    assert found.class_shares("parts") == {"wall": 1.0}
    with pytest.raises(ValueError, match="2 maps of kind labels: name one of rooms, parts"):
        found.class_shares()
    with pytest.raises(ValueError, match="name one of rooms, parts"):
        _ = found.classes


def test_points_are_those_of_the_metric_map() -> None:
    found = parsing(far=(METRIC, DISTANCE), rooms=(LABELS, IDS))
    np.testing.assert_array_equal(found.points()[..., 2], DISTANCE)
    np.testing.assert_array_equal(found.points(90, name="far"), found.points(90))
    with pytest.raises(ValueError, match="no map of kind metric: it has rooms"):
        parsing(rooms=(LABELS, IDS)).points()
    with pytest.raises(ValueError, match="no map of kind labels: it has far"):
        parsing(far=(METRIC, DISTANCE)).class_shares()


def test_without_a_labels_map_there_are_no_classes() -> None:
    found = parsing(far=(METRIC, DISTANCE))
    assert (found.classes, found.void) == ((), None)


def test_a_kind_that_this_client_does_not_know_is_taken_as_it_comes() -> None:
    flow = np.zeros((*SIZE, 2), np.float32)
    assert parsing(flow=({"kind": "motion", "dtype": "float32"}, flow)).flow.shape == (*SIZE, 2)


@pytest.mark.parametrize(
    ("description", "array", "words"),
    [
        (VECTORS, np.zeros(SIZE, np.float32), r"x is float32 \(2, 3\), not float32 \(2, 3, 3\)"),
        (METRIC, np.zeros((*SIZE, 1), np.float32), r"x is float32 \(2, 3, 1\)"),
        (METRIC, np.zeros(SIZE, np.float64), "x is float64"),
        (METRIC, np.zeros((3, 2), np.float32), r"x is float32 \(3, 2\)"),
        ({**METRIC, "kind": "motion"}, np.zeros(3, np.float32), r"x is float32 \(3,\)"),
        ({"kind": "metric"}, np.zeros(SIZE, np.float32), "'dtype' is missing"),
        ({**METRIC, "dtype": "metres"}, np.zeros(SIZE, np.float32), "metres"),
    ],
)
def test_an_array_is_as_its_description_says(
    description: dict[str, Any], array: np.ndarray[Any, Any], words: str
) -> None:
    with pytest.raises(BadAnswer, match=words):
        parsing(x=(description, array))


@pytest.mark.parametrize("given", ["maps.npz", Path("maps.npz"), None])
def test_of_a_saved_file_the_bytes_are_read(given: Any) -> None:
    with pytest.raises(TypeError, match="takes the bytes of a file"):
        read_npz(given)


def test_models_describe_maps_in_the_same_form() -> None:
    entry = {
        "name": "any",
        "version": "2",
        "description": "",
        "default": True,
        "maps": [
            {"name": "rooms", "kind": "labels", "stride": 8, "classes": CLASSES, "void": 255},
            {"name": "up", "kind": "vectors", "stride": 8, "frame": "x east, y north, z up"},
        ],
        "default_maps": ["rooms"],
        "budget_floor": 0.25,
        "budget_default": 1.0,
        "metrics": {"splits": {}},
    }
    (model,) = read_models({"models": [entry]})
    assert list(model.maps) == ["rooms", "up"] and model.default_maps == ("rooms",)
    assert (model.maps["rooms"].void, model.maps["up"].frame) == (255, "x east, y north, z up")
    assert model.maps["rooms"].classes == model.classes == parsing(rooms=(LABELS, IDS)).classes
    assert repr(model) == "<Model any 2 rooms+up, default>"
