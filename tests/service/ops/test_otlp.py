"""Spans as a collector gets them: one for the request, one for each stage, of the caller's trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.errors import StartupError
from service.settings import Settings
from service.telemetry.tracing import open_spans
from tests.support.otlp_collector import collecting
from tests.support.photographs import PHOTO
from tests.support.servers import bare_environment, running_server

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def attributes(span: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


@pytest.mark.usefixtures("_quickly")
def test_a_request_is_a_span_and_its_stages_are_below_it(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        with running_server(weights=weights, tracing="otlp") as client:
            headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
            answer = client.post("/parse", content=PHOTO, headers=headers)
        spans = collector.spans()
        resource = attributes(collector.exports[0].resource_spans[0].resource)
    assert resource["service.name"] == "pag-service"
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    (server,) = [span for span in spans if span.parent_span_id.hex() == SPAN]
    assert server.name == "POST /parse"
    assert answer.headers["traceparent"] == f"00-{TRACE}-{server.span_id.hex()}-01"
    told = attributes(server)
    assert (told["http.response.status_code"], told["http.route"]) == (200, "/parse")
    assert told["pag.budget.used"] == answer.headers["pag-budget-used"]
    stages = [span for span in spans if span.parent_span_id == server.span_id]
    timing = [entry.split(";")[0] for entry in answer.headers["server-timing"].split(", ")]
    assert sorted(span.name for span in stages) == sorted(timing)
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in stages)
    assert max(span.end_time_unix_nano for span in stages) <= server.end_time_unix_nano


@pytest.mark.usefixtures("_quickly")
def test_what_the_caller_does_not_sample_is_not_sent(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        with running_server(weights=weights, tracing="otlp") as client:
            client.get("/models", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
            client.get("/livez")
            fresh = client.get("/models").headers["traceparent"]
    (span,) = collector.spans()
    assert f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" == fresh
    assert span.parent_span_id == b""


@pytest.mark.process
def test_nothing_of_it_is_imported_when_off() -> None:
    code = (
        "import sys, service.app; from service.settings import Settings; service.app.create_app(Settings()); "
        "off = {'opentelemetry.sdk', 'opentelemetry.exporter', 'service.telemetry.otlp'}; "
        "assert not off & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=bare_environment(), check=True)


def test_without_the_extra_the_start_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules is how Python itself marks what cannot be imported.
    monkeypatch.delitem(sys.modules, "service.telemetry.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartupError, match=r"pip install 'pag-parse\[tracing\]'"):
        open_spans(Settings(tracing="otlp"), "1")
