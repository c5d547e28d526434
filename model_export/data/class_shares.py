"""Class frequencies of a data set, by which losses and pseudo-labels are balanced."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model_export.data.classes import NYU40
from model_export.data.loader import Samples
from model_export.data.sample import VOID

LEAST_SHARE = 1e-6


def class_shares(samples: Samples) -> npt.NDArray[np.float64]:
    """Share of each class among the labelled pixels of all samples, [40], each at least LEAST_SHARE.

    Raises:
        ValueError: no sample has a labelled pixel.
    """
    counts = np.zeros(len(NYU40), np.int64)
    for position in range(len(samples)):
        labels = samples[position].labels
        counts += np.bincount(labels[labels != VOID], minlength=len(counts))
    if not counts.sum():
        raise ValueError("no labelled pixel in these samples")
    return np.asarray(np.maximum(counts / counts.sum(), LEAST_SHARE))
