"""The losses have the values worked out by hand, and look at valid pixels only."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model_export.networks import losses
from model_export.networks.gates import GateRecord
from model_export.networks.tasks import DEFAULT_TASKS, Maps, distillation_terms, task_terms

VOID = 255
H, W = 32, 48


def maps(images: int = 2) -> Maps:
    normals = torch.nn.functional.normalize(torch.randn(images, 3, H // 8, W // 8), dim=1)
    logits, log_depth = torch.randn(images, 40, H // 8, W // 8), torch.randn(images, 1, H // 8, W // 8) / 4
    return {"semantics": logits, "depth": log_depth, "normals": normals}


def batch(images: int = 2) -> dict[str, Tensor]:
    normals = torch.nn.functional.normalize(torch.randn(images, H, W, 3), dim=3)
    return {
        "labels": torch.randint(0, 40, (images, H, W)),
        "depth": torch.rand(images, H, W) + 1,
        "depth_metric": torch.ones(images, dtype=torch.bool),
        "normals": normals,
    }


def constant_depth(metres: float, images: int = 1) -> Maps:
    return maps(images) | {"depth": torch.full((images, 1, H // 8, W // 8), math.log(metres))}


def loss_of(task: str, prediction: Maps, target: dict[str, Tensor]) -> Tensor:
    return task_terms({task: prediction[task]}, target)[task]


def test_only_tasks_that_a_network_has_are_learned_and_distilled() -> None:
    some = {name: value for name, value in maps().items() if name != "depth"}
    assert set(task_terms(some, batch())) == {"semantics", "normals"}
    assert set(distillation_terms(some, some)) == {"distil_semantics", "distil_normals"}


def test_semantics_of_equal_logits_is_the_logarithm_of_the_number_of_classes() -> None:
    flat = maps() | {"semantics": torch.zeros(2, 40, H // 8, W // 8)}
    assert loss_of("semantics", flat, batch()).item() == pytest.approx(math.log(40))


def test_class_balance_is_paid_on_logits_moved_by_it_and_on_no_other_task() -> None:
    prediction, target, adjustment = maps(), batch(), torch.randn(40)
    moved = prediction | {"semantics": prediction["semantics"] + adjustment[:, None, None]}
    with_it = task_terms(prediction, target | {"adjustment": adjustment})
    want = task_terms(moved, target)
    assert set(with_it) == set(want) == set(DEFAULT_TASKS)
    for name, value in want.items():
        torch.testing.assert_close(with_it[name], value)
    assert abs(with_it["semantics"] - loss_of("semantics", prediction, target)) > 0.01


def test_balanced_logits_that_say_nothing_predict_the_classes_shares() -> None:
    """log p moved onto equal logits makes the softmax p: the loss is the labels' cross-entropy under p."""
    flat = maps() | {"semantics": torch.zeros(2, 40, H // 8, W // 8)}
    target, shares = batch(), torch.rand(40).softmax(0)
    want = -shares.log()[losses.sample_targets(target["labels"])].mean()
    torch.testing.assert_close(loss_of("semantics", flat, target | {"adjustment": shares.log()}), want)


def test_depth_off_by_a_factor_costs_its_logarithm_on_metric_images() -> None:
    target = batch(1) | {"depth": torch.full((1, H, W), 2.0)}
    assert loss_of("depth", constant_depth(4.0), target).item() == pytest.approx(math.log(2), abs=1e-6)


def test_depth_off_by_a_factor_costs_nothing_where_the_scale_is_unknown() -> None:
    target = batch(1) | {"depth_metric": torch.zeros(1, dtype=torch.bool)}
    prediction = maps(1)
    scaled = prediction | {"depth": prediction["depth"] + math.log(3)}
    assert loss_of("depth", prediction, target).item() > 0.1
    torch.testing.assert_close(loss_of("depth", scaled, target), loss_of("depth", prediction, target))


def test_the_metric_term_counts_metric_images_alone() -> None:
    target = batch(2) | {"depth": torch.full((2, H, W), 2.0), "depth_metric": torch.tensor([True, False])}
    prediction = constant_depth(4.0, 2)
    prediction["depth"][1] += 1
    # Both maps are flat, so the centred term is zero and the second image costs nothing.
    assert loss_of("depth", prediction, target).item() == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("degrees", [10.0, 60.0, 90.0])
def test_normals_cost_about_the_angle_in_radians(degrees: float) -> None:
    angle = math.radians(degrees)
    target = batch() | {"normals": torch.tensor([0.0, 0.0, 1.0]).expand(2, H, W, 3)}
    tilted = torch.tensor([math.sin(angle), 0.0, math.cos(angle)])
    prediction = maps() | {"normals": tilted[None, :, None, None].expand(2, 3, H // 8, W // 8)}
    # The chord 2 sin(angle / 2), and the 1e-4 that bounds the gradient at zero.
    want = math.sqrt((2 * math.sin(angle / 2)) ** 2 + 1e-4)
    assert loss_of("normals", prediction, target).item() == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("task", DEFAULT_TASKS)
def test_invalid_pixels_do_not_count(task: str) -> None:
    """Half of the targets invalid: the loss is that of the other half, whatever the maps say there."""
    target, prediction = batch(), maps()
    target["labels"][:, :, W // 2 :] = VOID
    target["depth"][:, :, W // 2 :] = 0
    target["normals"][:, :, W // 2 :] = 0
    # The last column of valid cells is interpolated from both halves; the rest of the invalid half is free.
    changed = {name: value.clone() for name, value in prediction.items()}
    for value in changed.values():
        value[..., W // 16 + 1 :] = 3.0
    torch.testing.assert_close(loss_of(task, changed, target), loss_of(task, prediction, target))


@pytest.mark.parametrize("task", DEFAULT_TASKS)
def test_a_batch_without_a_valid_pixel_costs_nothing_and_teaches_nothing(task: str) -> None:
    target, prediction = batch(), maps()
    target["labels"].fill_(VOID)
    target["depth"].zero_()
    target["normals"].zero_()
    leaves = {name: value.requires_grad_() for name, value in prediction.items()}
    loss = loss_of(task, leaves, target)
    assert loss.item() == 0
    loss.backward()
    assert all(value.grad is None or not value.grad.any() for value in leaves.values())


@pytest.mark.parametrize("task", DEFAULT_TASKS)
def test_the_gradient_is_finite_even_at_a_perfect_map(task: str) -> None:
    target = batch() | {
        "depth": torch.full((2, H, W), 2.0),
        "normals": torch.tensor([0.0, 0.0, 1.0]).expand(2, H, W, 3),
    }
    forward = torch.tensor([0.0, 0.0, 1.0])[None, :, None, None].expand(2, 3, H // 8, W // 8)
    perfect = constant_depth(2.0, 2) | {"normals": forward}
    leaves = {name: value.clone().requires_grad_() for name, value in perfect.items()}
    loss_of(task, leaves, target).backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in leaves.values())


def test_targets_are_sampled_where_the_maps_are_upsampled_to() -> None:
    """A ramp in x is the same ramp in both, up to the half pixel between a cell's centre and its sample."""
    ramp = torch.arange(W, dtype=torch.float32)[None, None].expand(1, H, W)
    cells = torch.nn.functional.avg_pool2d(ramp[:, None], 8)
    inner = slice(1, -1)  # interpolation holds the value beyond the outermost centres
    difference = losses.sample_targets(ramp)[..., inner] - losses.upsample(cells)[:, 0, :, inner]
    torch.testing.assert_close(difference, torch.full_like(difference, 0.5))


def test_distillation_of_equal_maps_is_zero() -> None:
    teacher = maps()
    for name, value in distillation_terms(teacher, teacher).items():
        assert value.item() == pytest.approx(0, abs=1e-6), name


def test_distillation_teaches_the_student_and_not_the_teacher() -> None:
    student, teacher = ({name: value.requires_grad_() for name, value in maps().items()} for _ in range(2))
    terms = distillation_terms(student, teacher)
    assert all(value > 0 for value in terms.values())
    sum(terms.values()).backward()
    assert all(value.grad is not None and value.grad.any() for value in student.values())
    assert all(value.grad is None for value in teacher.values())


def test_distillation_is_the_kullback_leibler_divergence_from_the_teacher() -> None:
    student, teacher = maps(), maps()
    p, q = teacher["semantics"].softmax(1), student["semantics"].softmax(1)
    want = (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(distillation_terms(student, teacher)["distil_semantics"], want)


def test_a_yes_or_no_costs_its_binary_cross_entropy_over_the_known_pixels() -> None:
    logits, target = torch.full((1, 1, H // 8, W // 8), 2.0), torch.ones(1, H, W)
    target[:, :, W // 2 :] = -1
    want = math.log(1 + math.exp(-2))
    assert losses.binary_cross_entropy(logits, target, {}).item() == pytest.approx(want)
    assert losses.binary_cross_entropy(logits, torch.full((1, H, W), -1.0), {}).item() == 0


def test_the_distance_of_probabilities_is_that_of_two_classes() -> None:
    student, teacher = torch.randn(2, 2, 1, 4, 6)
    p, q = teacher.sigmoid(), student.sigmoid()
    want = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()
    torch.testing.assert_close(losses.divergence_of_probabilities(student, teacher), want)


def record(ratio: list[float], share: list[float]) -> GateRecord:
    return GateRecord(torch.tensor(ratio), torch.tensor(share))


def test_the_gates_divergence_is_zero_exactly_where_they_spend_what_was_asked() -> None:
    assert losses.gate_divergence([record([0.3, 0.8], [0.3, 0.8])]).item() == pytest.approx(0, abs=1e-7)
    for wrong in (0.29, 0.31):
        assert losses.gate_divergence([record([0.3], [wrong])]).item() > 1e-5


def test_the_gates_divergence_is_the_mean_over_images_and_the_sum_over_gates() -> None:
    # 0.5 ln(0.5/0.25) + 0.5 ln(0.5/0.75) = 0.143841
    half = record([0.5, 0.5], [0.25, 0.5])
    assert losses.gate_divergence([half, half, half]).item() == pytest.approx(3 * 0.143841 / 2, abs=1e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_shut_or_open_gate_has_a_finite_divergence(share: float) -> None:
    assert math.isfinite(losses.gate_divergence([record([0.5], [share])]).item())
    assert math.isfinite(losses.gate_divergence([record([1.0], [share])]).item())
