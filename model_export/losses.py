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


def _given(maps: Tensor | None) -> Tensor:
    assert maps is not None, "a loss is taken of a task that the network has"
    return maps


def sample_targets(targets: Tensor) -> Tensor:
    """[N, H, W, ...] -> [N, H/4, W/4, ...]: the pixel at the centre of each 4x4 cell."""
    return targets[:, _LOSS_STRIDE // 2 :: _LOSS_STRIDE, _LOSS_STRIDE // 2 :: _LOSS_STRIDE]


def semantics(maps: Maps, batch: Batch, adjustment: Tensor | None = None) -> Tensor:
    """Cross-entropy of logits + adjustment [K] over labelled pixels; 0 where a batch has none."""
    labels = sample_targets(batch["labels"])
    logits = upsample(_given(maps.semantic_logits))
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
    difference = upsample(_given(maps.log_depth))[:, 0] - torch.log(target.clamp(min=1e-3))
    count = valid.sum((1, 2)).clamp(min=1)
    centred = difference - ((difference * valid).sum((1, 2)) / count)[:, None, None]
    metric = batch["depth_metric"].float()
    absolute = ((difference.abs() * valid).sum((1, 2)) / count * metric).sum() / metric.sum().clamp(min=1)
    return absolute + ((centred.abs() * valid).sum((1, 2)) / count).mean()


def normals(maps: Maps, batch: Batch) -> Tensor:
    """Mean chord |n - n*| over valid pixels: about the angle in radians, with a bounded gradient."""
    target = sample_targets(batch["normals"]).permute(0, 3, 1, 2)
    valid = (target.square().sum(1) > 0.5).float()
    cosine = (F.normalize(upsample(_given(maps.normals)), dim=1) * target).sum(1)
    chord = torch.sqrt(2 * (1 - cosine).clamp(min=0) + 1e-4)
    return (chord * valid).sum() / valid.sum().clamp(min=1)


LOSSES: dict[str, Callable[[Maps, Batch, Tensor | None], Tensor]] = {
    "semantics": semantics,
    "depth": lambda maps, batch, _: depth(maps, batch),
    "normals": lambda maps, batch, _: normals(maps, batch),
}


def task_terms(maps: Maps, batch: Batch, adjustment: Tensor | None = None) -> dict[str, Tensor]:
    """Task name -> unweighted loss; adjustment [K]: of the semantic logits, as in `semantics`."""
    tasks = (name for name, value in zip(LOSSES, maps, strict=True) if value is not None)
    return {name: LOSSES[name](maps, batch, adjustment) for name in tasks}


def distillation_terms(student: Maps, teacher: Maps) -> dict[str, Tensor]:
    """Terms that draw a student's maps to those of the pass at ratio 1 (detached here)."""
    pairs = zip(DISTANCES.items(), student, teacher, strict=True)
    return {
        f"distil_{task}": distance(own, aim.detach())
        for (task, distance), own, aim in pairs
        if own is not None and aim is not None
    }


def _divergence_of_classes(student: Tensor, teacher: Tensor) -> Tensor:
    log_student, log_teacher = (F.log_softmax(logits.float(), 1) for logits in (student, teacher))
    return F.kl_div(log_student, log_teacher, log_target=True, reduction="none").sum(1).mean()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "semantics": _divergence_of_classes,
    "depth": lambda student, teacher: (student - teacher).abs().mean(),
    "normals": lambda student, teacher: (1 - (student * teacher).sum(1)).mean(),
}
"""Task -> mean distance of a student's map from its teacher's, in the order of Maps."""


def gate_divergence(records: Iterable[GateRecord]) -> Tensor:
    """KL(rho || g) = rho log(rho/g) + (1-rho) log((1-rho)/(1-g)), mean over images, sum over gates (talk)."""
    return torch.stack([_divergence(record) for record in records]).sum()


def _divergence(record: GateRecord) -> Tensor:
    rho = record.ratio.clamp(1e-4, 1 - 1e-4)
    g = record.soft_share.clamp(1e-4, 1 - 1e-4)
    return (rho * torch.log(rho / g) + (1 - rho) * torch.log((1 - rho) / (1 - g))).mean()
