"""Models change under traffic: every request is answered, by a model that was whole."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.engine.models import ModelSession
from tests.support.photographs import encoded, picture
from tests.support.publishing import cut_off, cut_off_manifest, publish, reloading_process, reloads, versions
from tests.support.servers import GUARD_SECONDS, Serve, until
from tests.support.tiny_model import SMALL

pytestmark = pytest.mark.slow

PHOTO = encoded(picture(64, 64))
AS_JSON = {"Accept": "application/json"}
VERSIONS = [f"1.0.{number}" for number in range(6)]
PATIENT = {"PAG_MAX_WAIT_SECONDS": "600", "PAG_TIMEOUT_SECONDS": "600"}
BROKEN: dict[str, dict[str, Any]] = {
    "1.0.1": {"damage": cut_off},
    "1.0.3": {"damage": cut_off_manifest},
    "1.0.4": {"only": (59, 80)},
}
"""What is published after these versions; the last one loads, but fails when it is run."""


class Traffic:
    """Clients that post all the time; what each was told, in order."""

    def __init__(self, url: str, clients: int) -> None:
        self.failures: list[str] = []
        self.told: list[list[str]] = [[] for _ in range(clients)]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(url, told)) for told in self.told]

    def _post(self, url: str, told: list[str]) -> None:
        with httpx.Client(base_url=url, timeout=GUARD_SECONDS) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(
                        "/parse?size=model", content=PHOTO, headers={"Accept": "application/json"}
                    )
                    answer.raise_for_status()
                    told.append(answer.json()["model"]["version"])
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))

    @contextmanager
    def flowing(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()


@pytest.mark.process
def test_no_request_fails_while_models_change(tmp_path: Path) -> None:
    folder = tmp_path / "weights" / "tiny"
    publish(folder, VERSIONS[0])
    with reloading_process(folder.parent, **PATIENT) as process:
        traffic = Traffic(str(process.client.base_url), clients=2)
        with traffic.flowing():
            for version in VERSIONS[1:]:
                publish(folder, version)
                process.until(lambda version=version: versions(process.client) == {"tiny": version})
                if version in BROKEN:
                    refused = reloads(process.client, "refused")
                    publish(folder, f"{version}-broken", **BROKEN[version])
                    process.until(lambda refused=refused: reloads(process.client, "refused") == refused + 1)
                    assert versions(process.client) == {"tiny": version}
            process.until(lambda: all(told and told[-1] == VERSIONS[-1] for told in traffic.told))
        assert traffic.failures == []
        for told in traffic.told:
            assert set(told) <= set(VERSIONS)
            assert told == sorted(told), "an older model answered after a newer one"
        assert (reloads(process.client, "loaded"), reloads(process.client, "refused")) == (5, 3)
        assert len(process.events("model_refused")) == 3
        assert 'pag_model_info{name="tiny",version="1.0.5"} 1.0' in process.client.get("/metrics").text
        assert process.client.get("/metrics").text.count("pag_model_info{") == 1
        (ready,) = process.client.get("/readyz").json()["models"]
        assert ready["version"] == VERSIONS[-1]


def sessions(name: str) -> int:
    # By type(): some libraries' objects warn when they are asked what they are an instance of.
    return sum(type(each) is ModelSession and each.manifest.name == name for each in gc.get_objects())


def test_former_models_are_freed(tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path / "freed"
    publish(folder, VERSIONS[0])
    with serve(weights=tmp_path, reload_seconds=0.05) as client:
        for version in VERSIONS[1:4]:
            for _ in range(3):
                assert client.post("/parse", content=PHOTO).status_code == 200
            publish(folder, version)
            until(lambda version=version: client.get("/models/freed").json()["version"] == version)
        until(lambda: sessions("freed") == 1)


def test_a_request_keeps_the_model_it_began_with(tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path / "tiny"
    publish(folder, "1.0.0", slow_nodes=150, slow_pixels=SMALL)
    answers: list[httpx.Response] = []
    with serve(weights=tmp_path, reload_seconds=0.05) as client:
        url = f"{client.base_url}/parse?size=model"
        request = threading.Thread(
            target=lambda: answers.append(
                httpx.post(url, content=PHOTO, headers=AS_JSON, timeout=GUARD_SECONDS)
            )
        )
        request.start()
        until(lambda: "pag_inflight_requests 1.0" in client.get("/metrics").text)
        publish(folder, "1.0.1")
        until(lambda: client.get("/models/tiny").json()["version"] == "1.0.1")
        request.join()
    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].json()["model"]["version"] == "1.0.0"


@pytest.mark.process
def test_a_service_killed_at_a_reload_starts_again(tmp_path: Path) -> None:
    folder = tmp_path / "weights" / "tiny"
    publish(folder, VERSIONS[0])
    for version, following, moment in zip(VERSIONS, VERSIONS[1:3], (0.15, 0.25), strict=False):
        with reloading_process(folder.parent) as process:
            assert versions(process.client) == {"tiny": version}
            publish(folder, following)
            time.sleep(moment)
    (folder.parent / ".tiny.0123abcd.partial").mkdir()
    with reloading_process(folder.parent) as process:
        assert versions(process.client) == {"tiny": VERSIONS[2]}
        assert process.client.post("/parse", content=PHOTO).status_code == 200
