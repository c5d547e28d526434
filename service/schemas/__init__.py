"""Requests and answers as pydantic models."""

from __future__ import annotations
