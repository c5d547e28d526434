"""Checks of the machine: CPUs, kernels, libraries, memory, open files, the port."""

from __future__ import annotations

import http.client
import os
import platform
import resource
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import onnxruntime
import perforated_conv

from service.doctor.finding import FAIL, OK, WARN, Finding
from service.engine.kernels import request_kernels, unmet_requests, uses_native_operators
from service.engine.loading import PROVIDERS
from service.engine.resources import OTHER_FILES, memory_limit, resolve_resources, usable_cpus
from service.settings import Settings

MEBIBYTE = 2**20
NOT_USED = "not used: PAG_NATIVE_OPERATOR=off or a GPU"


def versions(settings: Settings) -> Iterator[Finding]:
    """The platform, and the fast parser of HTTP."""
    found = {name: _version(name) for name in ("pag-parse", "uvicorn", "httptools")}
    absent = found["httptools"] is None
    told = " ".join(f"{name} {number or 'absent'}" for name, number in found.items())
    detail = f"{told}; Python {platform.python_version()} on {sys.platform} {platform.machine()}"
    yield Finding("versions", WARN if absent else OK, detail, "pip install httptools" if absent else "")


def cpus(settings: Settings) -> Iterator[Finding]:
    """Threads and workers that the settings come to on the CPUs that may be used."""
    usable, resources = usable_cpus(), resolve_resources(settings)
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = "a smaller quota" if usable < (affinity or usable) else "no smaller quota"
    detail = (
        f"{os.cpu_count()} on the host, {affinity} by affinity, {quota} of the group: {usable} usable; "
        f"{resources.threads} threads, {resources.workers} workers, {resources.codec_threads} codec threads"
    )
    if settings.threads > usable:
        fix = f"unset PAG_THREADS, or grant as many CPUs: of {settings.threads} threads {usable} are started"
        yield Finding("cpus", WARN, detail, fix)
    else:
        yield Finding("cpus", OK, detail)


def kernels(settings: Settings) -> Iterator[Finding]:
    """Instruction set and precision that the native operators use in this process."""
    if not uses_native_operators(settings):
        yield Finding("kernels", OK, NOT_USED)
        return
    request_kernels(settings)
    used = perforated_conv.kernels_in_use()
    if used is None:
        yield Finding("kernels", OK, "none: the native operators are not built")
        return
    detail, unmet = f"{used.isa}, precision {used.precision}", unmet_requests(settings, used)
    if unmet:
        fix = "unset that variable, or name what this CPU has"
        yield Finding("kernels", WARN, f"{detail}; {'; '.join(unmet)}", fix)
    else:
        yield Finding("kernels", OK, detail)


def native_operator(settings: Settings) -> Iterator[Finding]:
    """The native operators are built and ONNX Runtime can load them."""
    if not uses_native_operators(settings):
        yield Finding("native operators", OK, NOT_USED)
        return
    problem = FAIL if settings.native_operator == "require" else WARN
    library = perforated_conv.library_path()
    if library is None:
        fix = "install with a C++17 compiler and ONNX Runtime's C headers: CONTRIBUTING.md"
        yield Finding("native operators", problem, "not built: budgets below 1 save little time", fix)
        return
    try:
        onnxruntime.SessionOptions().register_custom_ops_library(str(library))
    except Exception as error:
        fix = "build it anew on this machine, against this version of ONNX Runtime"
        yield Finding("native operators", problem, f"{library} cannot be loaded: {error}", fix)
    else:
        yield Finding("native operators", OK, f"{library} loads")


def runtime(settings: Settings) -> Iterator[Finding]:
    """ONNX Runtime has the execution provider of the settings."""
    available = onnxruntime.get_available_providers()
    detail = f"ONNX Runtime {onnxruntime.__version__}: {', '.join(available)}"
    if PROVIDERS[settings.provider][0] not in available:
        fix = "pip install 'pag-parse[serve-gpu]' in place of [serve], or set PAG_PROVIDER=cpu"
        yield Finding("runtime", FAIL, f"{detail}; PAG_PROVIDER={settings.provider}", fix)
    else:
        yield Finding("runtime", OK, detail)


def memory(settings: Settings) -> Iterator[Finding]:
    """Bodies and answers fit in memory beside the decoded photographs."""
    resources = resolve_resources(settings)
    limit, held = memory_limit(), resources.memory_bytes
    pixels = 3 * settings.max_pixels * resources.codec_threads
    detail = (
        f"limit {limit // MEBIBYTE} MiB; bodies and answers take at most {held // MEBIBYTE} MiB "
        f"(PAG_MEMORY_BYTES), decoded photographs {pixels // MEBIBYTE} MiB at a time"
    )
    if 2 * (held + pixels) > limit:
        fix = "lower PAG_MEMORY_BYTES or PAG_MAX_PIXELS, or grant twice that memory"
        yield Finding("memory", WARN, detail, fix)
    else:
        yield Finding("memory", OK, detail)


def open_files(settings: Settings) -> Iterator[Finding]:
    """Each connection is an open file."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        fix = f"ulimit -n {needed} or more (LimitNOFILE= of systemd, --ulimit nofile= of docker)"
        yield Finding(
            "open files", WARN, f"{soft} allowed, {needed} may be needed: fewer connections are taken", fix
        )
    else:
        yield Finding("open files", OK, f"{soft} allowed")


def port(settings: Settings) -> Iterator[Finding]:
    """The port can be listened on."""
    name = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.create_server((settings.host, settings.port), family=family):
            yield Finding("port", OK, f"{name} is free")
    except OSError as error:
        if _answers(settings):
            fix = "none if that one is meant; a second one needs another PAG_PORT"
            yield Finding("port", WARN, f"{name}: a service answers there already", fix)
        else:
            fix = "set PAG_PORT (and PAG_HOST) to one that is free here"
            yield Finding("port", FAIL, f"{name} cannot be listened on: {error.strerror}", fix)


def _answers(settings: Settings) -> bool:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(address, settings.port, timeout=1)
    try:
        connection.request("GET", "/livez")
        return b'"status"' in connection.getresponse().read(200)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
