"""The answers of /livez and /readyz."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["alive", "failed"]


class ReadyModel(BaseModel):
    """How one loaded model computes."""

    name: str
    version: str
    provider: str
    operator: Literal["native", "function body"] = Field(
        description="Native kernels, or the model's standard operators: as right, but budgets save less."
    )
    kernels: str | None = Field(
        description="Instruction set that the native kernels use; null with function bodies."
    )
    precision: str | None = Field(
        description="Of the native kernels' products, f32 or bf16; null with function bodies."
    )
    threads: int


class Readiness(BaseModel):
    """Whether requests are served now, and by which models."""

    status: Literal["warming up", "ready", "failed", "stopping"]
    models: list[ReadyModel]
