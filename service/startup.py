"""Settings and models checked before anything runs: what keeps the service from starting is one message."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import ValidationError

from service.app import create_app
from service.engine.registry import find_models
from service.errors import StartupError
from service.settings import Settings, environment_name


def read_settings(**chosen: Any) -> Settings:
    """Settings from the environment, those of `chosen` in its place; StartupError names what is wrong."""
    try:
        return Settings(**chosen)
    except ValidationError as error:
        problems = (f"{environment_name(str(item['loc'][0]))}: {item['msg']}" for item in error.errors())
        raise StartupError("; ".join(problems)) from error


def checked_app(settings: Settings) -> FastAPI:
    """The application, once its models are known to be whole; StartupError if they are not."""
    find_models(settings)
    return create_app(settings)
