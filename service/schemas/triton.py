"""Answers of Triton's extensions of the protocol: a model's configuration and its statistics."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class TensorConfig(BaseModel):
    """An input or output; -1 marks sides that differ between requests."""

    name: str
    data_type: str = Field(description="TYPE_ and the datatype of the metadata.")
    dims: list[int] = Field(description="With the axis of images: max_batch_size is 0.")


class InstanceGroup(BaseModel):
    """Inferences of the model at a time."""

    name: str
    kind: Literal["KIND_CPU", "KIND_GPU"]
    count: int


class TextParameter(BaseModel):
    """The value of a parameter."""

    string_value: str


class ModelConfig(BaseModel):
    """The configuration of a model in Triton's words; nothing in it can be set."""

    name: str
    platform: str
    backend: Literal["onnxruntime"] = "onnxruntime"
    version_policy: dict[str, dict[str, int]] = Field(description="One version of a model is served.")
    max_batch_size: int = Field(description="0: tensors have their axis of images themselves.")
    input: list[TensorConfig]
    output: list[TensorConfig]
    instance_group: list[InstanceGroup]
    parameters: dict[str, TextParameter]


class Duration(BaseModel):
    """How often, and nanoseconds in all."""

    count: int
    ns: int


class InferenceStats(BaseModel):
    """Time of images by stage; there is no cache of answers."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration = Field(description="decode and preprocess")
    compute_infer: Duration
    compute_output: Duration = Field(description="postprocess and encode")
    cache_hit: Duration
    cache_miss: Duration


class ModelStats(BaseModel):
    """What one model has done since the service started."""

    name: str
    version: str
    last_inference: int = Field(description="Milliseconds since 1970; 0: none yet.")
    inference_count: int = Field(description="Images answered.")
    execution_count: int = Field(description="Runs of the network, each of one image or of several.")
    inference_stats: InferenceStats
    batch_stats: list[Duration] = []


class Statistics(BaseModel):
    """Statistics of the models."""

    model_stats: list[ModelStats]
