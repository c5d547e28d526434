"""What GET /models says of each model."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.model_folder.budget import ScaleRow
from service.model_folder.manifest import InputSpec, Licence, Metrics, MultiplyAdds, Tasks


class ModelEntry(BaseModel):
    """One loaded model: its tasks and classes, its input, its knob, and what each budget buys."""

    name: str
    version: str
    description: str
    created: str
    default: bool = Field(description="Whether it answers when a request names no model.")
    input: InputSpec
    maps: tuple[str, ...] = Field(
        description="All that tasks= of POST /parse accepts: the tasks, which are its default, and computed."
    )
    tasks: Tasks
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
