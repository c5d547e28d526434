"""The settings of the service, with their defaults and documentation; read from the environment once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.errors import StartupError
from service.wording import in_words, nearest

PREFIX = "PAG_"
# Of the native operator's own variables.
PREFIXES = (PREFIX, "PERFORATED_CONV_")
# What other parts of the product read, and its compose file, tests and benchmarks.
OTHERS = {
    "PAG_CACHE",
    "PAG_CHROMIUM",
    "PAG_DATA",
    "PAG_GPU_PORT",
    "PAG_GRAFANA_PORT",
    "PAG_KEY",
    "PAG_MEMORY_LIMIT",
    "PAG_OPENAPI_EXAMPLES",
    "PAG_OP_LIBRARY",
    "PAG_PROMETHEUS_PORT",
    "PAG_REQUIRE_BROWSER",
    "PAG_SERVER",
}
# What Kubernetes tells each container of a Service named pag or pag-...
SERVICE_LINK = re.compile(r"PAG_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
SERVICE_LINK_PORT = re.compile(r"PAG_\w+_PORT=(tcp|udp|sctp)://.*")
WEIGHTS = "weights"


def default_weights() -> Path:
    """The folder of models where none is named: that of the working folder, else of the checkout."""
    own = Path(__file__).resolve().parents[1] / WEIGHTS
    return own if own.is_dir() and not Path(WEIGHTS).is_dir() else Path(WEIGHTS)


class Settings(BaseSettings):
    """Settings, each from the environment variable `PAG_` + its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, populate_by_name=True
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    weights: Path = Field(
        default_factory=default_weights,
        description="Folder that holds one folder per model; unset: weights in the working folder, else in "
        "the checkout that the service runs from.",
    )
    model: str | None = Field(
        default=None,
        description="Model that answers when a request names none; unset: the only one, of several none.",
    )
    default_budget: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Budget of a request that states none; unset: the model's own default.",
    )
    default_size: Literal["input", "model"] = Field(
        default="input",
        description="Size of the maps when a request states none: the photograph's (input) or the size at "
        "which the network saw it (model), far cheaper for large photographs.",
    )
    max_pixels: int = Field(
        default=32_000_000,
        ge=256,
        description="Largest photograph, in pixels; read from the header, before decoding.",
    )
    max_body_bytes: int = Field(
        default=32 * 2**20, ge=1024, description="Largest request body, counted as it arrives."
    )
    body_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Seconds within which a request's head, and then its body, must have arrived.",
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, description="Seconds within which any request is answered, else 504."
    )
    max_pending: int = Field(
        default=64,
        ge=1,
        description="Requests that wait or run at a time, their bodies complete; one more is refused "
        "with 429.",
    )
    memory_bytes: int = Field(
        default=0,
        ge=0,
        description="Bytes of bodies and answers held at a time, until their last byte is sent; an answer "
        "beyond is refused with 429, one too large even for an idle server with 413; several requests of one "
        "address hold three quarters at most. 0: a quarter of the memory that the cgroup allows, or of the "
        "machine's.",
    )
    max_connections: int = Field(
        default=1000,
        ge=1,
        description="Connections open at a time, fewer where the limit on open files is lower; one more "
        "replaces the one that has been without a request for longest, or is refused with 503.",
    )
    max_connections_per_address: int = Field(
        default=256,
        ge=1,
        description="Likewise of one address; raise it where all clients come through one proxy.",
    )
    max_streams: int = Field(
        default=16,
        ge=1,
        description="Streams (WebSocket /stream) open at a time; one more is refused with 429.",
    )
    stream_idle_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Seconds after which a stream without a message of its client, and without a frame "
        "that is still to be answered, is closed.",
    )
    max_wait_seconds: float = Field(
        default=0.3,
        gt=0,
        description="Longest predicted wait for the engine, in seconds; a request that would wait longer is "
        "refused with 429.",
    )
    brownout: bool = Field(default=True, description="Lower budgets when requests wait, before refusing any.")
    brownout_wait_seconds: float = Field(
        default=0.1,
        gt=0,
        description="The brown-out lowers budgets to keep the predicted wait below this many seconds.",
    )
    brownout_floor: float = Field(
        default=0.2, gt=0, le=1, description="Least budget that the brown-out goes down to."
    )
    threads: int = Field(
        default=0,
        ge=0,
        description="Threads of the network, at most the usable CPUs (affinity, cgroup); 0: all of them.",
    )
    workers: int = Field(
        default=0,
        ge=0,
        description="Inferences that share the threads when several requests wait; a lone one has all "
        "threads. 0: one per thread, at most 4.",
    )
    max_batch: int = Field(
        default=0,
        ge=0,
        description="Images of one inference at most; 0: 1 on a CPU, where batches gain nothing, 8 on a GPU.",
    )
    codec_threads: int = Field(
        default=0, ge=0, description="Threads that decode and encode, at most the usable CPUs; 0: all."
    )
    max_images: int = Field(default=16, ge=1, description="Images in one request to /v2, at most.")
    reload_seconds: float = Field(
        default=2.0, ge=0, description="Pause between looks for changed model folders; 0: never look."
    )
    api_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Comma-separated keys, one of which each request must carry (Authorization: Bearer, or "
        "X-API-Key); unset: none is asked for. Health and the page's own files stay open.",
    )
    open_metrics: bool = Field(default=True, description="Whether /metrics needs no key, where others do.")
    open_docs: bool = Field(
        default=True, description="Whether /openapi.json and /docs need no key, where others do."
    )
    hosts: str = Field(
        default="",
        description="Comma-separated names of this server, as requests have them in Host, without ports; "
        "* for any. Unset: those of the loopback where it listens there, else any.",
    )
    cors_origins: str = Field(
        default="",
        description="Comma-separated origins whose pages may call this server; unset: none.",
    )
    page: bool = Field(
        default=True, description="The page for people at /; off: neither it nor its files are served."
    )
    tracing: Literal["off", "otlp"] = Field(
        default="off",
        description="otlp: spans go where OTEL_EXPORTER_OTLP_ENDPOINT says; needs the extra 'tracing'.",
    )
    send_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Seconds that a client may fall behind the least rate of reading."
    )
    send_bytes_per_second: int = Field(
        default=32768,
        ge=1,
        description="Least rate at which a client must read its answers, on average; who falls behind for "
        "PAG_SEND_TIMEOUT_SECONDS loses the connection.",
    )
    native_operator: Literal["auto", "off", "require"] = Field(
        default="auto",
        description="Native kernels of the perforated convolution: used if built (auto), never (off), or "
        "no start without them (require).",
    )
    provider: Literal["cpu", "cuda"] = Field(default="cpu", description="ONNX Runtime's execution provider.")
    max_isa: Literal["portable", "avx2", "avx512", "avx512_bf16", "amx"] | None = Field(
        default=None,
        validation_alias="PERFORATED_CONV_MAX_ISA",
        description="Highest kernel level of the native operator; unset: the best this CPU has.",
    )
    precision: Literal["f32", "bf16"] | None = Field(
        default=None,
        validation_alias="PERFORATED_CONV_PRECISION",
        description="Of weights and inner maps in the native operator; unset: bf16 where the CPU has it.",
    )
    shutdown_seconds: int = Field(
        default=30, ge=0, description="Time for running requests when asked to stop."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="json: one object a line; console: for people."
    )


def read_settings(**chosen: Any) -> Settings:
    """Settings from the environment, those of `chosen` in its place; StartupError names what is wrong."""
    refuse_unknown(os.environ)
    try:
        return Settings(**chosen)
    except ValidationError as error:
        problems = (
            f"{environment_name(str(item['loc'][0]))}: {in_words(item, Settings)}" for item in error.errors()
        )
        raise StartupError("; ".join(problems)) from error


def refuse_unknown(environment: Mapping[str, str]) -> None:
    """StartupError for a variable that looks like a setting and is none, so that no slip goes unnoticed."""
    known = [environment_name(name) for name in Settings.model_fields]
    strange = [
        name
        for name, value in environment.items()
        if name.startswith(PREFIXES) and name not in {*known, *OTHERS} and not _is_service_link(name, value)
    ]
    if strange:
        raise StartupError("; ".join(_unknown(name, known) for name in sorted(strange)))


def _is_service_link(name: str, value: str) -> bool:
    return bool(SERVICE_LINK.fullmatch(name) or SERVICE_LINK_PORT.fullmatch(f"{name}={value}"))


def _unknown(name: str, known: list[str]) -> str:
    longer = [each for each in known if each.startswith(f"{name}_")]
    # Without the prefix, by which all names are a little alike.
    endings = {_ending(each): each for each in [*known, *sorted(OTHERS)]}
    near = longer[0] if longer else endings.get(nearest(_ending(name), endings) or "")
    hint = f"did you mean {near}?" if near else "pag serve --settings lists them"
    return f"{name} is not a setting: {hint}"


def _ending(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)


def listed(text: str) -> tuple[str, ...]:
    """The entries of a setting that takes several, with commas between."""
    return tuple(part for item in text.split(",") if (part := item.strip()))


def environment_name(field: str) -> str:
    """Environment variable that sets `field`; the name of such a variable is returned as it is."""
    if field not in Settings.model_fields:
        return field
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def settings_table() -> str:
    """Markdown table of all environment variables, their defaults and their documentation."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        value = field.get_default(call_default_factory=True)
        default = "(unset)" if value is None else str(value) or "(unset)"
        meaning = f"{field.description}{_choices(field.annotation)}"
        rows.append(f"| `{environment_name(name)}` | `{default}` | {meaning} |")
    return "\n".join(rows)


def _choices(annotation: Any) -> str:
    """The values of a setting that takes one of a list."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if get_origin(kind) is Literal]
    return f" One of {', '.join(f'`{value}`' for value in get_args(kinds[0]))}." if kinds else ""
