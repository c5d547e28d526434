"""Figure: name, unit and places of display of one measured quantity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["card", "printed", "validated", "quality", "report", "main"]
"""card: on a model's card; printed: by `evaluate`; validated: while training; quality: in the mean by which
scales are chosen, so a share where more is better; report: in its tables; main: one of its few."""


@dataclass(frozen=True)
class Figure:
    """How one figure is written.

    Attributes:
        name: key in evaluations and manifests.
        heading: on a model's card.
        title: in the report, with its unit.
        factor: from the stored value to that unit.
        digits: after the point, in the report.
        sign: 1 if more is better, -1 if less is.
        roles: where it is shown.
        about: in a manifest, for people who choose among figures; empty: `heading`.
        unit: of the stored value, behind it.
    """

    name: str
    heading: str = ""
    title: str = ""
    factor: float = 100.0
    digits: int = 1
    sign: int = 1
    roles: tuple[Role, ...] = ()
    about: str = ""
    unit: str = ""

    def described(self) -> dict[str, Any]:
        """Its entry in a manifest."""
        return {
            "title": self.about or self.heading,
            "heading": self.heading,
            "unit": self.unit,
            "better": "more" if self.sign > 0 else "less",
            "main": "main" in self.roles,
        }
