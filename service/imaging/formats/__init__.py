"""Readers of image formats: size, orientation and bytes of a file's first picture, without decoding it."""

from __future__ import annotations
