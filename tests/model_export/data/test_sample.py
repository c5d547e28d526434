"""Normals survive their 8-bit code."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model_export.data.sample import decode_normals, encode_normals


@given(st.integers(0, 2**32 - 1))
def test_code_keeps_direction_to_a_third_of_a_degree(seed: int) -> None:
    # Half a step of 1/127 along each of three axes turns a unit vector by at most atan(sqrt(3)/2/127) = 0.39.
    normals = np.random.default_rng(seed).normal(size=(8, 8, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    decoded = decode_normals(encode_normals(normals, np.ones((8, 8), np.bool_)))
    assert np.allclose(np.linalg.norm(decoded, axis=-1), 1, atol=1e-5)
    assert np.degrees(np.arccos(np.clip((decoded * normals).sum(-1), -1, 1))).max() < 0.4


def test_invalid_becomes_the_zero_vector_and_the_lowest_component_does_not() -> None:
    normals = np.array([[[-1, 0, 0], [0, -1, 0]]], np.float32)
    decoded = decode_normals(encode_normals(normals, np.array([[True, False]])))
    assert decoded[0, 0].tolist() == [-1, 0, 0]
    assert decoded[0, 1].tolist() == [0, 0, 0]
