"""The operators' meaning on numbers that a person can check."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.op.reference import budget_mask, perforated_conv

# One channel, 4 x 4: the value says where a pixel lies.
MAP = np.array(
    [
        [11, 12, 13, 14],
        [21, 22, 23, 24],
        [31, 32, 33, 34],
        [41, 42, 43, 44],
    ],
    np.float32,
)[None, :, :, None]

# A 1 x 1 kernel that hands its input on, so that the tests show what becomes of the pixels.
ONE = np.ones((1, 1, 1, 1), np.float32)


def conv(X, W, B=None, M=None, R=None, **attributes):
    """The one image and one channel of the result."""
    return perforated_conv(X, W, B, M, R, **attributes)[0, :, :, 0]


def mask_of(*pixels):
    M = np.zeros((1, 4, 4), np.bool_)
    for y, x in pixels:
        M[0, y, x] = True
    return M


def test_without_a_mask_it_is_a_convolution():
    W = np.array([[1, 2], [0, -1]], np.float32)[None, :, :, None]
    # Top left: 11 + 2 * 12 - 22 + the bias.
    np.testing.assert_array_equal(
        conv(MAP, W, np.array([100], np.float32)), [[113, 115, 117], [133, 135, 137], [153, 155, 157]]
    )


def test_pads_are_top_left_bottom_right():
    W = np.ones((1, 2, 2, 1), np.float32)
    one_pixel = np.full((1, 1, 1, 1), 5, np.float32)
    # With rows above and columns right, the pixel is seen from the windows above it and to both sides.
    assert conv(one_pixel, W, pads=[1, 0, 0, 1]).tolist() == [[5]]
    assert conv(one_pixel, W, pads=[1, 1, 0, 1]).tolist() == [[5, 5]]
    assert conv(one_pixel, W, pads=[1, 1, 2, 1]).tolist() == [[5, 5], [5, 5], [0, 0]]


def test_stride_and_dilation_are_y_then_x():
    assert conv(MAP, ONE, strides=[2, 3]).tolist() == [[11, 14], [31, 34]]
    taps = np.array([[1], [100]], np.float32)[None, :, :, None]
    assert conv(MAP, taps, dilations=[3, 1]).tolist() == [[4111, 4212, 4313, 4414]]


def test_depthwise_channels_do_not_mix():
    X = np.array([1, 10], np.float32).reshape(1, 1, 1, 2)
    W = np.array([2, 3], np.float32).reshape(2, 1, 1, 1)
    assert perforated_conv(X, W, group=2).tolist() == [[[[2, 30]]]]


def test_fill_zero_leaves_the_residual():
    R = np.full((1, 4, 4, 1), 0.5, np.float32)
    got = conv(MAP, ONE, None, mask_of((0, 1), (3, 3)), R)
    want = np.full((4, 4), 0.5)
    want[0, 1], want[3, 3] = 12.5, 44.5
    np.testing.assert_array_equal(got, want)


def test_an_empty_mask_still_interpolates_from_the_grid():
    X = np.array([[0, 9, 4, 9], [9, 9, 9, 9], [8, 9, 16, 9], [9, 9, 9, 9]], np.float32)[None, :, :, None]
    # The grid is 0, 4 over 8, 16. The last row and column have no neighbour beyond and repeat the one before.
    np.testing.assert_array_equal(
        conv(X, ONE, None, mask_of(), fill="interpolate"),
        [[0, 2, 4, 4], [4, 7, 10, 10], [8, 12, 16, 16], [8, 12, 16, 16]],
    )


def test_a_pixel_in_the_mask_is_computed_and_its_neighbours_do_not_see_it():
    X = np.zeros((1, 4, 4, 1), np.float32)
    X[0, 1, 1] = 7
    want = np.zeros((4, 4))
    want[1, 1] = 7
    np.testing.assert_array_equal(conv(X, ONE, None, mask_of((1, 1)), fill="interpolate"), want)


def test_an_odd_length_ends_on_the_grid():
    X = np.array([0, 100, 2, 100, 6], np.float32).reshape(1, 1, 5, 1)
    M = np.zeros((1, 1, 5), np.bool_)
    assert conv(X, ONE, None, M, fill="interpolate").tolist() == [[0, 1, 2, 4, 6]]


def test_bias_is_part_of_what_is_interpolated_and_absent_from_zero():
    M, B = np.zeros((1, 4, 4), np.bool_), np.array([5], np.float32)
    blank = np.zeros((1, 4, 4, 1), np.float32)
    assert (conv(blank, ONE, B, M, fill="interpolate") == 5).all()
    assert (conv(blank, ONE, B, M, fill="zero") == 0).all()


@pytest.mark.parametrize(
    ("activation", "want"), [("none", [-2, 3, 9]), ("relu", [0, 3, 9]), ("relu6", [0, 3, 6])]
)
def test_activation_follows_the_residual(activation, want):
    X = np.array([-3, 2, 8], np.float32).reshape(1, 1, 3, 1)
    assert conv(X, ONE, None, None, np.ones_like(X), activation=activation).tolist() == [want]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"W": np.ones((1, 1, 1, 2), np.float32)}, r"W \(1, 1, 1, 2\).*X \(1, 4, 4, 1\)"),
        ({"W": np.ones((1, 5, 1, 1), np.float32)}, r"W \(1, 5, 1, 1\).*X \(1, 4, 4, 1\)"),
        ({"B": np.ones(2, np.float32)}, r"B \(2,\).*W \(1, 1, 1, 1\)"),
        ({"M": np.ones((1, 4, 3), np.bool_)}, r"M has shape \(1, 4, 3\).*\(1, 4, 4\)"),
        ({"R": np.ones((1, 4, 4, 2), np.float32)}, r"R has shape \(1, 4, 4, 2\).*\(1, 4, 4, 1\)"),
        ({"group": 2}, r"group 2.*X \(1, 4, 4, 1\).*W \(1, 1, 1, 1\)"),
        ({"activation": "gelu"}, "activation.*'gelu'"),
        ({"fill": "nearest"}, "fill.*'nearest'"),
    ],
)
def test_wrong_inputs_are_named_with_both_shapes(changed, message):
    with pytest.raises(ValueError, match=message):
        perforated_conv(**({"X": MAP, "W": ONE} | changed))


SCORES = np.array([[[0.1, 0.9, 0.3], [0.8, 0.2, 0.7], [0.4, 0.6, 0.5]]], np.float32)


def chosen(ratio, S=SCORES, **attributes):
    """Flat indices of the pixels in the mask."""
    return np.flatnonzero(budget_mask(S, np.array([ratio], np.float32), **attributes)).tolist()


def test_the_best_scores_are_in_and_the_count_is_rounded_down():
    assert chosen(3 / 9) == [1, 3, 5]
    assert chosen(3.9 / 9) == [1, 3, 5]
    assert chosen(1.0) == list(range(9))


def test_the_grid_comes_first_and_counts():
    assert chosen(5 / 9, coarse_stride=2) == [0, 1, 2, 6, 8]
    assert chosen(0.0, coarse_stride=2) == [0, 2, 6, 8]


@pytest.mark.parametrize("ratio", [0.0, -1.0, np.nan])
def test_no_ratio_is_no_pixel(ratio):
    assert chosen(ratio) == []


@pytest.mark.parametrize("ratio", [1.5, np.inf])
def test_a_ratio_above_one_is_everything(ratio):
    assert chosen(ratio) == list(range(9))


def test_ties_go_to_the_lower_index_and_nan_is_last():
    S = np.array([[[np.nan, 1, 1], [1, -np.inf, np.inf]]], np.float32)
    assert chosen(3 / 6, S) == [1, 2, 5]
    assert chosen(5 / 6, S) == [0, 1, 2, 3, 5], "NaN counts as -inf, so the index decides between the two"


def test_the_product_is_of_float32():
    # 0.7 is a little less than 0.7 in float32, but times 10 it rounds to 7 in float32.
    S = np.zeros((1, 1, 10), np.float32)
    assert len(chosen(0.7, S)) == 7


def test_images_do_not_share_their_budget():
    S = np.stack([SCORES[0], SCORES[0] + 10])
    M = budget_mask(S, np.array([1 / 9, 2 / 9], np.float32))
    assert M.sum(axis=(1, 2)).tolist() == [1, 2]


def test_wrong_budget_inputs_are_refused():
    with pytest.raises(ValueError, match=r"S \(1, 3, 3\) and ratio \(2,\)"):
        budget_mask(SCORES, np.ones(2, np.float32))
    with pytest.raises(ValueError, match="coarse_stride"):
        budget_mask(SCORES, np.ones(1, np.float32), coarse_stride=3)
