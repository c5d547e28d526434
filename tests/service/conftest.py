"""Clients of one service with default settings, and how many examples properties are tried with."""

from __future__ import annotations

import httpx
import hypothesis
import pytest

# The machine may be busy with other work: time limits per example would say nothing.
hypothesis.settings.register_profile("service", deadline=None, max_examples=50)
hypothesis.settings.load_profile("service")


@pytest.fixture(scope="session")
def client(default_server: httpx.Client) -> httpx.Client:
    """Client of a server with default settings."""
    return default_server
