"""MultiPool: the three modes, and one branch a pixel without the others' help."""

from __future__ import annotations

import pytest
import torch

from model_export.networks.pooling import DILATIONS, MODES, MultiPool


@pytest.fixture
def pool(randomise) -> MultiPool:
    """All branches differ and every one of them is somewhere chosen."""
    pool = MultiPool(8, hidden=(8, 8)).eval()
    for branch in pool.branches:
        torch.nn.init.normal_(branch.weight, std=0.2)
    randomise(pool)
    pool.head[2].bias.data.zero_()
    return pool


X = torch.rand(2, 8, 24, 26, generator=torch.Generator().manual_seed(5))


def dense(pool: MultiPool) -> torch.Tensor:
    """[N, branches, C, H, W], the copy first."""
    return torch.stack([X, *(branch(X) for branch in pool.branches)], 1)


def test_pag_selects_each_pixel_s_branch_from_all_of_them(pool: MultiPool) -> None:
    choice = pool.head(X).argmax(1)
    assert len(choice.unique()) > 2, "the test needs several branches chosen"
    want = dense(pool).gather(1, choice[:, None, None].expand(-1, 1, 8, -1, -1))[:, 0]
    torch.testing.assert_close(pool(X), want, rtol=0, atol=0)


@pytest.mark.parametrize("mode", MODES)
def test_a_mask_leaves_its_own_pixels_as_they_are(pool: MultiPool, mode: str) -> None:
    pool.mode = mode
    mask = torch.rand(2, 1, 24, 26) < 0.4
    where = mask.expand(-1, 8, -1, -1)
    torch.testing.assert_close(pool(X, mask)[where], pool(X)[where], rtol=0, atol=0)


def test_average_is_the_mean_of_the_branches(pool: MultiPool) -> None:
    pool.mode = "average"
    torch.testing.assert_close(pool(X), dense(pool).mean(1))


def test_average_does_not_run_the_head(pool: MultiPool) -> None:
    pool.mode = "average"
    for part in pool.head:
        part.register_forward_hook(lambda *_: pytest.fail("its answer is not read"))
    pool(X)


def test_weighted_is_the_softmax_weighted_sum(pool: MultiPool) -> None:
    pool.mode = "weighted"
    weights = pool.head(X).softmax(1)[:, :, None]
    torch.testing.assert_close(pool(X), (weights * dense(pool)).sum(1))


def test_pag_in_training_takes_one_branch_a_pixel_and_teaches_the_head(pool: MultiPool) -> None:
    for part in (pool, *pool.modules()):
        if hasattr(part, "statistics_frozen"):
            part.statistics_frozen = True
    y = pool.train()(X)
    distance = (dense(pool) - y[:, None]).abs().amax(2).amin(1)
    assert distance.max() < 1e-5
    y.square().sum().backward()
    assert pool.head[2].weight.grad is not None and pool.head[2].weight.grad.abs().sum() > 0


def test_the_branches_start_equal_with_the_talk_s_dilations() -> None:
    pool = MultiPool(8)
    assert [branch.dilation for branch in pool.branches] == list(DILATIONS[1:]) == [1, 2, 4, 6, 8, 10]
    for branch in list(pool.branches)[1:]:
        assert torch.equal(branch.weight, pool.branches[0].weight)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="max"):
        MultiPool(8, mode="max")
