"""Ground truth of an evaluation: a split of NYUv2, or the user's photographs with labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_export.common.errors import FixableError
from model_export.common.sizes import WORKING_PIXELS
from model_export.data.classes import NYU40
from model_export.data.labelled_photographs import LabelledPhotographs
from model_export.data.loader import Samples
from model_export.data.nyuv2 import open_split
from model_export.export.about import NYUV2
from model_export.measures.classes import MIOU
from service.model_folder.maps import LabelsMap


@dataclass(frozen=True)
class Truth:
    """Samples with targets.

    Attributes:
        split: name under which the figures are kept.
        classes: names.
        protocol: how the figures come about.
        own: the classes are not NYUv2's.
    """

    samples: Samples
    split: str
    classes: tuple[str, ...]
    protocol: str
    own: bool = False

    def named(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Figures under the names that manifest and card use."""
        if not self.own:
            return dict(figures)
        given = f"miou{len(self.classes)}"
        kept = {
            name: value for name, value in figures.items() if name == given or not name.startswith("miou13")
        }
        return {
            MIOU + name.removeprefix(given) if name.startswith(given) else name: value
            for name, value in kept.items()
        }


def nyuv2(split: str, classes: int) -> Truth:
    """A split of NYUv2 for a network of so many classes; 0: without a map of labels.

    Raises:
        FixableError: the network has other classes than NYUv2.
    """
    if classes not in (0, len(NYU40)):
        raise FixableError(
            f"NYUv2 has {len(NYU40)} classes, this network {classes}: "
            "measure it on your own, with --model, --photographs FOLDER and --labels FOLDER"
        )
    return Truth(open_split(split), split, NYU40, NYUV2.protocol)


def own(photographs: Path, labels: Path, split: str, labels_map: LabelsMap | None) -> Truth:
    """Photographs and labels of a model's own classes.

    Raises:
        FixableError: the model has no map of labels, or no photograph has labels.
    """
    if labels_map is None:
        raise FixableError("this model has no map of labels, so labels say nothing of it")
    names = tuple(entry.name for entry in labels_map.classes)
    samples = LabelledPhotographs(photographs, labels, classes=len(names), void=labels_map.void)
    protocol = (
        f"{len(samples)} photographs with labels of the model's owner, of {WORKING_PIXELS} pixels at most. "
        "Mean IoU over the classes present in the labels."
    )
    return Truth(samples, split, names, protocol, own=True)
