"""Losses: of tasks at stride 4, distances of a student's map from its teacher's at stride 8, KL of gates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from model_export.data.sample import VOID
from model_export.networks.gates import GateRecord

Batch = Mapping[str, Tensor]
"""Tensors of data.loader.collate; `adjustment` [K], if there, is added to the logits of classes."""
_LOSS_STRIDE = 4


def upsample(maps: Tensor) -> Tensor:
    """[N, C, h, w] at stride 8 -> [N, C, 2h, 2w] at the losses' stride 4, float32, half-pixel centres."""
    return F.interpolate(maps.float(), scale_factor=2.0, mode="bilinear", align_corners=False)


def sample_targets(targets: Tensor) -> Tensor:
    """[N, H, W, ...] -> [N, H/4, W/4, ...]: the pixel at the centre of each 4x4 cell."""
    return targets[:, _LOSS_STRIDE // 2 :: _LOSS_STRIDE, _LOSS_STRIDE // 2 :: _LOSS_STRIDE]


def cross_entropy(logits: Tensor, labels: Tensor, batch: Batch) -> Tensor:
    """Mean over labelled pixels, of logits [N, K, h, w] and labels [N, H, W]; 0 where a batch has none."""
    sampled, wide = sample_targets(labels), upsample(logits)
    if "adjustment" in batch:
        wide = wide + batch["adjustment"][:, None, None]
    total = F.cross_entropy(wide, sampled, ignore_index=VOID, reduction="sum")
    return total / (sampled != VOID).sum().clamp(min=1)


def log_depth_error(log_depth: Tensor, depth: Tensor, batch: Batch) -> Tensor:
    """Mean |log d - log d*|: as it is on metric images, with each image's mean difference removed on all.

    The second term needs no scale, so images whose scale is only estimated take part in it.

    Args:
        log_depth: [N, 1, h, w], logarithm of metres.
        depth: [N, H, W] metres, 0 where it is not known.
        batch: `depth_metric` [N] is true of metric images.
    """
    target = sample_targets(depth)
    valid = (target > 0).float()
    difference = upsample(log_depth)[:, 0] - torch.log(target.clamp(min=1e-3))
    count = valid.sum((1, 2)).clamp(min=1)
    centred = difference - ((difference * valid).sum((1, 2)) / count)[:, None, None]
    metric = batch["depth_metric"].float()
    absolute = ((difference.abs() * valid).sum((1, 2)) / count * metric).sum() / metric.sum().clamp(min=1)
    return absolute + ((centred.abs() * valid).sum((1, 2)) / count).mean()


def chord(vectors: Tensor, targets: Tensor, _: Batch) -> Tensor:
    """Mean |n - n*| over valid pixels: about the angle in radians, with a bounded gradient.

    Args:
        vectors: [N, 3, h, w], of unit length.
        targets: [N, H, W, 3], of unit length; zero where invalid.
    """
    target = sample_targets(targets).permute(0, 3, 1, 2)
    valid = (target.square().sum(1) > 0.5).float()
    cosine = (F.normalize(upsample(vectors), dim=1) * target).sum(1)
    length = torch.sqrt(2 * (1 - cosine).clamp(min=0) + 1e-4)
    return (length * valid).sum() / valid.sum().clamp(min=1)


def binary_cross_entropy(logits: Tensor, targets: Tensor, _: Batch) -> Tensor:
    """Mean over known pixels, of logits [N, 1, h, w] and targets [N, H, W] in 0..1, below 0 where unknown."""
    target = sample_targets(targets).float()
    valid = (target >= 0).float()
    losses = F.binary_cross_entropy_with_logits(upsample(logits)[:, 0], target.clamp(min=0), reduction="none")
    return (losses * valid).sum() / valid.sum().clamp(min=1)


def divergence_of_classes(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of logits [N, K, h, w] from the teacher's."""
    log_student, log_teacher = (F.log_softmax(logits.float(), 1) for logits in (student, teacher))
    return F.kl_div(log_student, log_teacher, log_target=True, reduction="none").sum(1).mean()


def divergence_of_probabilities(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of the yes or no behind logits [N, 1, h, w] from the teacher's."""
    return divergence_of_classes(*(torch.cat([logits, -logits], 1) / 2 for logits in (student, teacher)))


def mean_difference(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (student - teacher).abs().mean()


def mean_turn(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 1 - cosine, of unit vectors [N, 3, h, w]."""
    return (1 - (student * teacher).sum(1)).mean()


def gate_divergence(records: Iterable[GateRecord]) -> Tensor:
    """KL(rho || g) = rho log(rho/g) + (1-rho) log((1-rho)/(1-g)), mean over images, sum over gates (talk)."""
    return torch.stack([_divergence(record) for record in records]).sum()


def _divergence(record: GateRecord) -> Tensor:
    rho = record.ratio.clamp(1e-4, 1 - 1e-4)
    g = record.soft_share.clamp(1e-4, 1 - 1e-4)
    return (rho * torch.log(rho / g) + (1 - rho) * torch.log((1 - rho) / (1 - g))).mean()
