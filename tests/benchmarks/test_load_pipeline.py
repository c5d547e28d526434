"""The bare loop and the peers answer as the service does."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.load.photographs import HEIGHT, WIDTH, write_photographs
from benchmarks.load.pipeline import NPZ, ZIP, Pipeline
from tests.support.tiny_model import write_model


def test_answers_hold_every_map_at_the_photograph_s_size(tmp_path: Path) -> None:
    body = Path(write_photographs(tmp_path, 2)[1]).read_bytes()
    pipeline = Pipeline(write_model(tmp_path), threads=1)
    arrays = np.load(io.BytesIO(pipeline.answer(body, "model", NPZ)))
    shapes = {name: arrays[name].shape for name in ("semantics", "depth", "normals")}
    assert shapes == {
        "semantics": (HEIGHT, WIDTH),
        "depth": (HEIGHT, WIDTH),
        "normals": (HEIGHT, WIDTH, 3),
    }
    with zipfile.ZipFile(io.BytesIO(pipeline.answer(body, "input", ZIP))) as archive:
        assert set(archive.namelist()) == {"semantics.png", "depth.png", "normals.png", "meta.json"}
        png = np.frombuffer(archive.read("semantics.png"), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(png, cv2.IMREAD_UNCHANGED), arrays["semantics"])


def test_photographs_differ(tmp_path: Path) -> None:
    files = [Path(path).read_bytes() for path in write_photographs(tmp_path, 4)]
    assert len(set(files)) == 4
