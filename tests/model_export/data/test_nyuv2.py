"""The NYUv2 folder, its traps and its cache."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_export.data.nyuv2 import (
    SPLITS,
    NyuV2,
    build_cache,
    metres,
    open_split,
    read_depth_scales,
    read_grey,
    read_labels40,
    read_split,
)


def test_labels_become_zero_based_with_void_255(made_folder: Path, made_cache: Path) -> None:
    path = made_folder / "labels40" / "0001.png"
    with Image.open(path) as image:
        stored = np.array(image)
    labels = NyuV2(made_cache, ["0001"])[0].labels
    assert labels.dtype == np.uint8
    assert (labels[200, 0], labels[200, 1]) == (255, 39)
    assert np.array_equal(labels[stored > 0], stored[stored > 0] - 1)
    assert np.array_equal(labels == 255, stored == 0)
    assert np.array_equal(labels, read_labels40(path))


def test_an_unlabelled_image_is_all_void(made_cache: Path) -> None:
    samples = NyuV2(made_cache, ["0004", "0001"])
    assert samples.labelled == [False, True]
    assert (samples[0].labels == 255).all()


def test_depth_is_metres_with_trust_and_missing_pixels(made_cache: Path) -> None:
    samples = NyuV2(made_cache, ["0009", "0001"])
    assert [samples[0].depth_metric, samples[1].depth_metric] == [False, True]
    depth = samples[1].depth
    assert depth.dtype == np.float32
    assert depth[240, 320] == pytest.approx(127.5 / 255 * 3.0)
    assert depth[100, 100] == 0
    assert not depth[:10].any() and not depth[:, -10:].any()


def test_normals_of_a_wall_come_back_from_the_cache(made_cache: Path) -> None:
    normals = NyuV2(made_cache, ["0001"])[0].normals
    assert normals[240, 320].tolist() == pytest.approx([0, 0, 1], abs=0.01)
    assert normals[0, 0].tolist() == [0, 0, 0]


def test_images_keep_their_row(made_cache: Path) -> None:
    assert [NyuV2(made_cache, [id_])[0].image[0, 0, 0] for id_ in ("0003", "0001", "0007")] == [0, 40, 80]


def test_a_palette_png_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).convert("P").save(path)
    with pytest.raises(ValueError, match="mode is P, expected L"):
        read_grey(path)


def test_a_class_beyond_40_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    Image.fromarray(np.full((4, 4), 41, np.uint8)).save(path)
    with pytest.raises(ValueError, match="41 is beyond"):
        read_labels40(path)


@pytest.fixture
def pseudo_labels(tmp_path: Path) -> Path:
    """A folder of labels for 0004, sure of the upper half only."""
    labels = np.zeros((480, 640), np.uint8)
    labels[:240] = 7
    Image.fromarray(labels).save(tmp_path / "0004.png")
    return tmp_path


def test_labels_of_a_folder_take_the_place_of_the_cached_ones(
    made_folder: Path, made_cache: Path, pseudo_labels: Path
) -> None:
    sample = open_split("train_unlabelled", made_folder.parent, made_cache, pseudo_labels)[0]
    assert sample.labels.dtype == np.uint8
    assert (sample.labels[:240] == 6).all() and (sample.labels[240:] == 255).all()
    without = open_split("train_unlabelled", made_folder.parent, made_cache)[0]
    assert (without.labels == 255).all()
    assert np.array_equal(sample.image, without.image) and np.array_equal(sample.depth, without.depth)


@pytest.mark.parametrize("mode", ["P", "RGB", "1", "LA"])
def test_pseudo_labels_of_any_mode_but_grey_are_refused(
    made_cache: Path, pseudo_labels: Path, mode: str
) -> None:
    path = pseudo_labels / "0004.png"
    with Image.open(path) as image:
        changed = image.convert(mode)
    changed.save(path)
    with pytest.raises(ValueError, match=f"mode is {mode}, expected L"):
        NyuV2(made_cache, ["0004"], pseudo_labels)[0]


def test_pseudo_labels_that_do_not_fit_their_image_are_refused(made_cache: Path, pseudo_labels: Path) -> None:
    Image.fromarray(np.ones((240, 320), np.uint8)).save(pseudo_labels / "0004.png")
    with pytest.raises(ValueError, match=r"0004\.png: 240x320"):
        NyuV2(made_cache, ["0004"], pseudo_labels)[0]


def test_an_image_without_pseudo_labels_is_named_before_the_first_step(
    made_cache: Path, pseudo_labels: Path
) -> None:
    with pytest.raises(ValueError, match=r"no labels for 0001, 0003"):
        NyuV2(made_cache, ["0001", "0003", "0004"], pseudo_labels)


def test_splits_open_by_name(made_folder: Path, made_cache: Path) -> None:
    assert open_split("train", made_folder.parent, made_cache).ids == ["0003", "0001"]
    with pytest.raises(ValueError, match="unknown split 'dev'"):
        read_split(made_folder, "dev")


def test_a_cache_that_is_absent_partial_or_of_another_form_says_so(made_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m"):
        NyuV2(tmp_path)
    with pytest.raises(ValueError, match="no images 1449"):
        NyuV2(made_cache, ["1449"])
    shutil.copy(made_cache / "index.json", tmp_path)
    index = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**index, "form": 0}))
    with pytest.raises(ValueError, match="form 0"):
        NyuV2(tmp_path)


def test_a_failed_build_leaves_no_cache(made_folder: Path, tmp_path: Path) -> None:
    with pytest.raises((FileNotFoundError, KeyError)):
        build_cache(made_folder, tmp_path, ["0001", "9999"], processes=1)
    with pytest.raises(FileNotFoundError):
        NyuV2(tmp_path)


def test_pickles_small_for_worker_processes(made_cache: Path) -> None:
    samples = NyuV2(made_cache)
    expected = samples[0]
    data = pickle.dumps(samples)
    assert len(data) < 10_000
    assert np.array_equal(pickle.loads(data)[0].image, expected.image)


def test_value_zero_is_missing_whatever_the_scale() -> None:
    values = np.zeros((32, 32), np.uint8)
    values[16, 16] = 255
    depth = metres(values, 10.0)
    assert depth[16, 16] == pytest.approx(255.5 / 255 * 10)
    assert np.count_nonzero(depth) == 1


def test_the_real_folder_holds_what_its_splits_name(real_data: Path) -> None:
    folder = real_data / "nyuv2"
    splits = {name: read_split(folder, name) for name in SPLITS}
    assert {name: len(ids) for name, ids in splits.items()} == {
        "train": 390,
        "val": 30,
        "test": 180,
        "train_unlabelled": 795,
    }
    assert len({id_ for ids in splits.values() for id_ in ids}) == 1395
    scales = read_depth_scales(folder)
    for name, ids in splits.items():
        for id_ in ids[::40]:
            assert (folder / "images" / f"{id_}.jpg").exists() and id_ in scales
            assert (folder / "labels40" / f"{id_}.png").exists() == (name != "train_unlabelled")


def test_a_real_image_goes_through_the_cache(real_data: Path, tmp_path: Path) -> None:
    build_cache(real_data / "nyuv2", tmp_path, ["0034"], processes=1)
    sample = NyuV2(tmp_path)[0]
    assert sample.image.shape == (480, 640, 3)
    assert 0 < np.median(sample.depth) < 10
    assert 0.3 < (np.abs(sample.normals).max(-1) > 0).mean() <= 1
