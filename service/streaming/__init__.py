"""Streams of frames as such: the newest wins, answers in order, what is said; no WebSockets here."""

from __future__ import annotations
