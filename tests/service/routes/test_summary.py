"""output=summary and output=regions: what a map says in numbers is what its pixels say."""

from __future__ import annotations

import io
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from service.model_folder.maps import ClassEntry, LabelsMap
from service.summaries import summarise
from tests.support.photographs import encoded, picture
from tests.support.problems import assert_problem

PHOTO = encoded(picture(96, 128))
NAMES = ("wall", "floor", "chair")
ENTRY = LabelsMap(
    name="rooms",
    kind="labels",
    output="logits",
    stride=8,
    void=255,
    classes=tuple(ClassEntry(id=id, name=name, color=(0, 0, id)) for id, name in enumerate(NAMES)),
)


def asked(client: httpx.Client, **query: Any) -> dict[str, Any]:
    answer = client.post("/parse", content=PHOTO, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()["maps"]
    return found


def arrays_of(client: httpx.Client) -> dict[str, NDArray[Any]]:
    answer = client.post("/parse", content=PHOTO, headers={"Accept": "application/x-npz"})
    return dict(np.load(io.BytesIO(answer.content)))


def unpacked(segmentation: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask of COCO's uncompressed run lengths."""
    counts = segmentation["counts"]
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(segmentation["size"], order="F")


def test_a_summary_has_numbers_and_no_pixels(client: httpx.Client) -> None:
    maps, expected = asked(client, output="summary"), arrays_of(client)
    assert list(maps) == ["semantics", "depth", "normals"]
    assert not any({"png", "array", "file"} & set(meta) for meta in maps.values())
    classes = maps["semantics"]["summary"]["classes"]
    assert [each["share"] for each in classes] == sorted((each["share"] for each in classes), reverse=True)
    for each in classes:
        assert each["share"] == pytest.approx((expected["semantics"] == each["id"]).mean(), abs=1e-4)
        assert "region" not in each
    depth, metres = maps["depth"]["summary"], expected["depth"]
    found = (depth["minimum"], depth["median"], depth["maximum"])
    # Rounded to four digits after the point.
    assert found == pytest.approx((np.nanmin(metres), np.nanmedian(metres), np.nanmax(metres)), abs=1e-4)
    assert depth["known_share"] == pytest.approx(np.isfinite(metres).mean(), abs=1e-4)
    assert maps["normals"]["summary"]["mean"] == pytest.approx(expected["normals"].mean((0, 1)), abs=1e-3)


def test_regions_are_those_of_the_pixels(client: httpx.Client) -> None:
    labels = arrays_of(client)["semantics"]
    maps = asked(client, output="regions", maps="semantics,computed")
    assert {"minimum", "median", "maximum", "known_share"} == set(maps["computed"]["summary"])
    for each in maps["semantics"]["summary"]["classes"]:
        mask, region = labels == each["id"], each["region"]
        np.testing.assert_array_equal(unpacked(region["segmentation"]), mask)
        assert region["area"] == mask.sum()
        assert tuple(region["bbox"]) == cv2.boundingRect(mask.astype(np.uint8))


def test_pixels_without_numbers_are_not_promised(client: httpx.Client) -> None:
    headers = {"Accept": "application/x-npz"}
    answer = client.post("/parse", content=PHOTO, params={"output": "summary"}, headers=headers)
    assert_problem(answer, 406, "not-acceptable", "Leave out output=summary")


@given(
    arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 12)] * 2), elements=st.sampled_from([0, 1, 2, 255]))
)
def test_run_lengths_give_any_mask_back(labels: NDArray[np.uint8]) -> None:
    summary = summarise(ENTRY, labels, regions=True).model_dump()
    covered = np.zeros(labels.shape, int)
    for each in summary["classes"]:
        mask = unpacked(each["region"]["segmentation"])
        np.testing.assert_array_equal(mask, labels == each["id"])
        left, top, width, height = each["region"]["bbox"]
        assert mask[top : top + height, left : left + width].sum() == each["region"]["area"]
        for x, y, w, h in each["region"]["pieces"]:
            assert mask[y : y + h, x : x + w].any()
        covered += mask
    np.testing.assert_array_equal(covered, labels != 255)
    assert summary["void_share"] == pytest.approx((labels == 255).mean(), abs=1e-4)
