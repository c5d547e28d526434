"""LOSSES: name -> function; task losses at stride 4, distillation at stride 8, KL(rho || g) of gates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from model_export.networks.gates import GateRecord
from model_export.networks.parser import Maps

Batch = Mapping[str, Tensor]
VOID = 255
_LOSS_STRIDE = 4


def upsample(maps: Tensor) -> Tensor:
    """[N, C, h, w] at stride 8 -> [N, C, 2h, 2w] at the losses' stride 4, float32, half-pixel centres."""
    return F.interpolate(maps.float(), scale_factor=2.0, mode="bilinear", align_corners=False)


def sample_targets(targets: Tensor) -> Tensor:
    """[N, H, W, ...] -> [N, H/4, W/4, ...]: the pixel at the centre of each 4x4 cell."""
    return targets[:, _LOSS_STRIDE // 2 :: _LOSS_STRIDE, _LOSS_STRIDE // 2 :: _LOSS_STRIDE]


def semantics(maps: Maps, batch: Batch, adjustment: Tensor | None = None) -> Tensor:
    """Cross-entropy of logits + adjustment [K] over labelled pixels; 0 where a batch has none."""
    labels = sample_targets(batch["labels"])
    logits = upsample(maps.semantic_logits)
    if adjustment is not None:
        logits = logits + adjustment[:, None, None]
    total = F.cross_entropy(logits, labels, ignore_index=VOID, reduction="sum")
    return total / (labels != VOID).sum().clamp(min=1)


def depth(maps: Maps, batch: Batch) -> Tensor:
    """Mean |log d - log d*|: as it is on metric images, with each image's mean difference removed on all.

    The second term needs no scale, so images whose scale is only estimated take part in it.
    """
    target = sample_targets(batch["depth"])
    valid = (target > 0).float()
    difference = upsample(maps.log_depth)[:, 0] - torch.log(target.clamp(min=1e-3))
    count = valid.sum((1, 2)).clamp(min=1)
    centred = difference - ((difference * valid).sum((1, 2)) / count)[:, None, None]
    metric = batch["depth_metric"].float()
    absolute = ((difference.abs() * valid).sum((1, 2)) / count * metric).sum() / metric.sum().clamp(min=1)
    return absolute + ((centred.abs() * valid).sum((1, 2)) / count).mean()


def normals(maps: Maps, batch: Batch) -> Tensor:
    """Mean chord |n - n*| over valid pixels: about the angle in radians, with a bounded gradient."""
    target = sample_targets(batch["normals"]).permute(0, 3, 1, 2)
    valid = (target.square().sum(1) > 0.5).float()
    cosine = (F.normalize(upsample(maps.normals), dim=1) * target).sum(1)
    chord = torch.sqrt(2 * (1 - cosine).clamp(min=0) + 1e-4)
    return (chord * valid).sum() / valid.sum().clamp(min=1)


LOSSES: dict[str, Callable[[Maps, Batch, Tensor | None], Tensor]] = {
    "semantics": semantics,
    "depth": lambda maps, batch, _: depth(maps, batch),
    "normals": lambda maps, batch, _: normals(maps, batch),
}


def task_terms(maps: Maps, batch: Batch, adjustment: Tensor | None = None) -> dict[str, Tensor]:
    """Task name -> unweighted loss; adjustment [K]: of the semantic logits, as in `semantics`."""
    return {name: loss(maps, batch, adjustment) for name, loss in LOSSES.items()}


def distillation_terms(student: Maps, teacher: Maps) -> dict[str, Tensor]:
    """Terms that draw a student's maps to those of the pass at ratio 1 (detached here)."""
    log_student = F.log_softmax(student.semantic_logits.float(), 1)
    log_teacher = F.log_softmax(teacher.semantic_logits.detach().float(), 1)
    divergence = F.kl_div(log_student, log_teacher, log_target=True, reduction="none").sum(1).mean()
    return {
        "distil_semantics": divergence,
        "distil_depth": (student.log_depth - teacher.log_depth.detach()).abs().mean(),
        "distil_normals": (1 - (student.normals * teacher.normals.detach()).sum(1)).mean(),
    }


def gate_divergence(records: Iterable[GateRecord]) -> Tensor:
    """KL(rho || g) = rho log(rho/g) + (1-rho) log((1-rho)/(1-g)), mean over images, sum over gates (talk)."""
    return torch.stack([_divergence(record) for record in records]).sum()


def _divergence(record: GateRecord) -> Tensor:
    rho = record.ratio.clamp(1e-4, 1 - 1e-4)
    g = record.soft_share.clamp(1e-4, 1 - 1e-4)
    return (rho * torch.log(rho / g) + (1 - rho) * torch.log((1 - rho) / (1 - g))).mean()
