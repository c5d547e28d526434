"""The service: answers an image with dense maps at a compute budget chosen per request."""

from __future__ import annotations
