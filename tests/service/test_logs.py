"""The service's logs."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from service.telemetry.logs import StderrHandler


def test_logs_go_to_the_standard_error_of_now(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as before:
        before.setattr(sys, "stderr", io.StringIO())
        handler = StderrHandler()
        sys.stderr.close()
    handler.handle(logging.makeLogRecord({"msg": "hello"}))
    assert capsys.readouterr().err == "hello\n"
