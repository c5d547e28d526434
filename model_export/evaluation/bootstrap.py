"""Bootstrap intervals of figures, by resampling the images.

A resample draws as many images as there are, with replacement, and computes each figure anew from their
pooled sums. The draws depend on the seed and the number of images alone, so figures of two networks on the
same images are resampled together, and their difference can be taken draw by draw.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from model_export.evaluation.statistics import Statistics, figures
from model_export.measures.measure import Doubles

RESAMPLES = 1000
SEED = 20180503
COVERAGE = 0.95

Interval = tuple[float, float]


def resampled_figures(statistics: Statistics) -> dict[str, Doubles]:
    """Figure -> its value in each resample [RESAMPLES], of statistics with the leading axis [images]."""
    return figures(statistics.resampled(_weights(len(statistics))))


def interval(values: Doubles) -> Interval:
    """The middle COVERAGE of resampled values; NaN where no resample has one."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _weights(images: int) -> Doubles:
    """How often each image is in each resample [RESAMPLES, images]."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(images, np.full(images, 1 / images), RESAMPLES).astype(np.float64)
