"""What the first picture of each image format needs: its size, its orientation and its own bytes."""

from __future__ import annotations
