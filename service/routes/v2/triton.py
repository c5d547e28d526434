"""Triton's extensions: the configuration of a model from its manifest, its statistics from the metrics."""

from __future__ import annotations

from collections.abc import Iterable

from service.engine.engine import Engine
from service.engine.models import ModelSession
from service.routes.v2.metadata import describe_model
from service.schemas.triton import (
    Duration,
    InferenceStats,
    InstanceGroup,
    ModelConfig,
    ModelStats,
    TensorConfig,
    TextParameter,
)
from service.schemas.v2 import TensorMetadata
from service.telemetry.metrics import Metrics

STAGES_OF = {
    "queue": ("queue",),
    "compute_input": ("decode", "preprocess"),
    "compute_infer": ("inference",),
    "compute_output": ("postprocess", "encode"),
}
NONE = Duration(count=0, ns=0)


def configuration_of(session: ModelSession, engine: Engine, provider: str) -> ModelConfig:
    """The configuration of one model."""
    metadata = describe_model(session)
    return ModelConfig(
        name=metadata.name,
        platform=metadata.platform,
        version_policy={"latest": {"num_versions": 1}},
        max_batch_size=0,
        input=[_tensor(each) for each in metadata.inputs],
        output=[_tensor(each) for each in metadata.outputs],
        instance_group=[
            InstanceGroup(
                name=metadata.name,
                kind="KIND_CPU" if provider == "cpu" else "KIND_GPU",
                count=engine.resources.workers,
            )
        ],
        parameters={name: TextParameter(string_value=text) for name, text in metadata.properties.items()},
    )


def _tensor(metadata: TensorMetadata) -> TensorConfig:
    return TensorConfig(name=metadata.name, data_type=f"TYPE_{metadata.datatype}", dims=metadata.shape)


def statistics_of(session: ModelSession, metrics: Metrics) -> ModelStats:
    """What the model of this name and version has done."""
    model = {"name": session.manifest.name, "version": session.manifest.version}
    answered = int(metrics.value("pag_model_images_total", outcome="answered", **model))
    failed = int(metrics.value("pag_model_images_total", outcome="failed", **model))

    def took(stages: Iterable[str]) -> int:
        seconds = (metrics.value("pag_model_stage_seconds_total", stage=each, **model) for each in stages)
        return round(1e9 * sum(seconds))

    parts = {part: Duration(count=answered, ns=took(stages)) for part, stages in STAGES_OF.items()}
    return ModelStats(
        name=session.manifest.name,
        version=session.manifest.version,
        last_inference=round(1000 * metrics.value("pag_model_last_answer_timestamp_seconds", **model)),
        inference_count=answered,
        execution_count=int(metrics.value("pag_model_executions_total", **model)),
        inference_stats=InferenceStats(
            success=Duration(count=answered, ns=sum(part.ns for part in parts.values())),
            fail=Duration(count=failed, ns=took(["failed"])),
            cache_hit=NONE,
            cache_miss=NONE,
            **parts,
        ),
    )
