"""Checks of the settings, and of the models and keys that they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service import VERSION
from service.doctor.finding import FAIL, OK, WARN, Finding
from service.engine.loading import find_models
from service.errors import StartupError
from service.middleware import keys, origins
from service.model_folder.files import ManifestError, model_folders, read_model
from service.settings import Settings, environment_name
from service.telemetry import tracing

SHORTEST_KEY = 16
LIMITS = (
    "max_pixels",
    "max_body_bytes",
    "body_timeout_seconds",
    "timeout_seconds",
    "send_timeout_seconds",
    "max_pending",
    "max_streams",
    "max_wait_seconds",
    "brownout",
    "brownout_wait_seconds",
    "brownout_floor",
    "shutdown_seconds",
)


def models(settings: Settings) -> Iterator[Finding]:
    """Each model folder: manifest valid, files those it was made with; then all together."""
    broken = False
    for folder in model_folders(settings.weights) if settings.weights.is_dir() else ():
        finding = _model(folder)
        broken |= finding.status == FAIL
        yield finding
    if not broken:
        yield from _together(settings)


def _model(folder: Path) -> Finding:
    try:
        manifest, _ = read_model(folder)
    except ManifestError as error:
        fix = "export or copy the folder anew, or take it away"
        return Finding("model", FAIL, " ".join(str(error).split()), fix)
    return Finding("model", OK, f"{manifest.name} {manifest.version} in {folder}: sha256 as in the manifest")


def _together(settings: Settings) -> Iterator[Finding]:
    try:
        names = [manifest.name for manifest in find_models(settings).values()]
    except StartupError as error:
        yield Finding("models", FAIL, str(error), "correct the folder, or PAG_WEIGHTS and PAG_MODEL")
        return
    if len(names) > 1 and settings.model is None:
        detail = f"none of {', '.join(names)} answers requests that name no model"
        yield Finding("models", WARN, detail, "set PAG_MODEL to one of them")


def access(settings: Settings) -> Iterator[Finding]:
    """Who may call: keys and origins."""
    try:
        accepted, allowed = keys.keys_of(settings), origins.origins_of(settings)
        origins.hosts_of(settings)
    except StartupError as error:
        yield Finding("access", FAIL, str(error), "correct that variable")
        return
    detail = f"{len(accepted)} API keys; pages of {', '.join(allowed) or 'no other origin'}"
    if not accepted and not origins.is_loopback(settings.host):
        fix = "set PAG_API_KEYS, or let only trusted networks reach the port"
        yield Finding("access", WARN, f"{detail}; {settings.host} is open to whoever reaches it", fix)
    elif any(len(key) < SHORTEST_KEY for key in accepted):
        fix = "make keys by: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        yield Finding("access", WARN, f"{detail}; one has fewer than {SHORTEST_KEY} characters", fix)
    else:
        yield Finding("access", OK, detail)


def tracing_extra(settings: Settings) -> Iterator[Finding]:
    """The exporter of spans is installed if tracing is switched on."""
    try:
        spans = tracing.open_spans(settings, VERSION)
    except StartupError as error:
        yield Finding("tracing", FAIL, str(error), "pip install 'pag-parse[tracing]', or PAG_TRACING=off")
        return
    if spans is not None:
        spans.close()
    yield Finding("tracing", OK, settings.tracing)


def limits(settings: Settings) -> Iterator[Finding]:
    """The limits in force, to be read by people."""
    told = " ".join(f"{environment_name(name)}={getattr(settings, name)}" for name in LIMITS)
    yield Finding("limits", OK, told)
