"""The client runs on the base install: httpx, websockets, numpy, pillow, and what these bring along."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.photographs import LANDSCAPE

pytestmark = pytest.mark.process

BASE = ("httpx", "websockets", "numpy", "PIL")
# What httpx needs.
FURTHER = ("anyio", "certifi", "h11", "httpcore", "idna", "sniffio", "typing_extensions")

BARRIER = f"""
import importlib, importlib.abc, pkgutil, sys

ALLOWED = {{*sys.stdlib_module_names, *{BASE + FURTHER!r}, "pag"}}

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"{{name}} is not in the base install", name=name)

sys.meta_path.insert(0, Refuse())
"""

IMPORT_EVERYTHING = """
import pag, pag.client
for module in pkgutil.walk_packages(pag.client.__path__, "pag.client."):
    importlib.import_module(module.name)
for name in pag.__all__:
    getattr(pag, name)
print(pag.__version__, "pag.client.stream_core" in sys.modules)
"""

USE_EVERYTHING = """
import asyncio, numpy
from pag import AsyncClient, Client

url, photo = sys.argv[1], sys.stdin.buffer.read()
pixels = numpy.zeros((96, 128, 3), numpy.uint8)
with Client(url) as client:
    parsing = client.parse(photo)
    assert client.parse(pixels).size == parsing.size == (96, 128)
    assert parsing.class_shares() and parsing.points().shape == (96, 128, 3)
    assert client.models()[0].name == parsing.model
    assert "meta.json" in client.files(photo) and client.overlay(photo).startswith(b"\\x89PNG")
    assert [frame.number for frame in client.stream([pixels, photo], every_frame=True)] == [0, 1]

async def use():
    async with AsyncClient(url) as client:
        assert (await client.parse(pixels)).size == (96, 128)
        assert [frame.number async for frame in client.stream([pixels])] == [0]

asyncio.run(use())
"""


def run(code: str, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", code, *words], input=stdin, capture_output=True, check=False)


IMPORT_WHAT_IS_NOT_THERE = """
for name in ("cv2", "pydantic", "structlog", "fastapi", "onnxruntime"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert "not in the base install" in str(error)
    else:
        sys.exit(f"{name} was imported")
"""


def test_the_barrier_holds() -> None:
    ended = run(BARRIER + IMPORT_WHAT_IS_NOT_THERE)
    assert ended.returncode == 0, ended.stderr.decode()


def test_every_module_of_the_client_imports() -> None:
    ended = run(BARRIER + IMPORT_EVERYTHING)
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout.split()[1] == b"True"


def test_the_client_is_of_full_use(url: str) -> None:
    ended = run(BARRIER + USE_EVERYTHING, url, stdin=LANDSCAPE)
    assert ended.returncode == 0, ended.stderr.decode()


def test_the_service_in_this_process_names_the_extra_it_needs() -> None:
    ended = run(BARRIER + "import pag.local")
    assert ended.returncode == 1
    last = ended.stderr.decode().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError") and "pip install 'pag-parse[serve]'" in last


def test_what_is_missing_in_the_package_itself_is_no_matter_of_an_extra() -> None:
    ended = run("import sys; sys.modules['service.app'] = None; import pag.local")
    assert ended.returncode == 1 and b"pip install" not in ended.stderr


def test_importing_the_package_loads_nothing_else() -> None:
    ended = run("import pag, sys; print(*{name.partition('.')[0] for name in sys.modules})")
    assert not {"PIL", "httpx", "numpy", "websockets"} & set(ended.stdout.decode().split())
