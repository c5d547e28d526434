"""Labels that a trained network gives to unlabelled images, for the next network to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from model_export.common.sizes import SIZE_MULTIPLE
from model_export.common.writing import replacing
from model_export.data.nyuv2 import NyuV2
from model_export.networks.parser import DenseParser
from model_export.networks.pixels import normalise

SCALES = (0.6, 0.8, 1.0)
MAP_STRIDE = 4


def write_pseudo_labels(
    network: DenseParser, samples: NyuV2, folder: Path, *, bias: npt.NDArray[np.float64], confidence: float
) -> float:
    """Writes ID.png of each sample, 8-bit grey of the image's size: 0 = not sure, else class + 1.

    A pixel's class is that of the highest mean probability over SCALES and their mirror images.

    Args:
        network: trained; every pixel is computed.
        samples: the images to label.
        folder: of the PNG files.
        bias: [40], added to the logits before the softmax.
        confidence: least mean probability of a label that is kept.

    Returns:
        The share of pixels that got a label.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network.eval()
    kept = 0.0
    for position in tqdm(range(len(samples)), desc="pseudo-labels", unit="image"):
        labels = _labels(network, samples[position].image, torch.from_numpy(bias).float(), confidence)
        with replacing(folder / f"{samples.ids[position]}.png") as partial:
            Image.fromarray(labels).save(partial)
        kept += float((labels > 0).mean()) / len(samples)
    return kept


def _labels(
    network: DenseParser, image: npt.NDArray[np.uint8], bias: Tensor, confidence: float
) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    probability = mean_probability(network, image, bias)
    best, index = F.interpolate(probability, (height, width), mode="bilinear").max(1)
    labels = torch.where(best >= confidence, index + 1, 0)
    return labels[0].numpy().astype(np.uint8)


@torch.no_grad()
def mean_probability(
    network: DenseParser, image: npt.NDArray[np.uint8], bias: Tensor, scales: Sequence[float] = SCALES
) -> Tensor:
    """Class probabilities [1, 40, H/4, W/4], the mean over scales and mirror images, of uint8 [H, W, 3]."""
    pixels = normalise(torch.from_numpy(image)[None])
    size = [side // MAP_STRIDE for side in image.shape[:2]]
    total = torch.zeros(1, len(bias), *size)
    for scale in scales:
        sides = [round(side * scale / SIZE_MULTIPLE) * SIZE_MULTIPLE for side in image.shape[:2]]
        scaled = F.interpolate(pixels, sides, mode="bilinear", antialias=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(torch.cat([scaled, scaled.flip(3)]))["semantics"].float()
        both = torch.cat([logits[:1], logits[1:].flip(3)]) + bias[:, None, None]
        resized = F.interpolate(both, size, mode="bilinear")
        total += resized.softmax(1).mean(0, keepdim=True) / len(scales)
    return total
