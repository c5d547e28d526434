"""The answer of GET /models."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.model_folder.budget import ScaleRow
from service.model_folder.manifest import InputSpec, Licence, Metrics, MultiplyAdds
from service.model_folder.maps import MapEntry


class ModelEntry(BaseModel):
    """One loaded model: its maps, its input, its budgets, and what each of them buys."""

    name: str
    version: str
    description: str
    created: str
    default: bool = Field(description="Whether it answers when a request names no model.")
    input: InputSpec
    maps: tuple[MapEntry, ...] = Field(description="The maps that maps= of POST /parse may name, in order.")
    default_maps: tuple[str, ...] = Field(description="Names of those that are returned without maps=.")
    budget_floor: float
    budget_default: float
    budget_scales: tuple[ScaleRow, ...] = Field(
        description="From each budget on, the scale per side at which photographs are worked on; "
        "empty: 1 at every budget."
    )
    multiply_adds: MultiplyAdds
    metrics: Metrics = Field(description="Accuracy at each budget and share of multiply-adds, as measured.")
    licence: Licence


class ModelList(BaseModel):
    """All loaded models."""

    models: list[ModelEntry]
