"""Sizes in pixels that networks, their costs and photographs share."""

from __future__ import annotations

SIZE_MULTIPLE = 32
"""Both sides of what a network is fed are multiples of it."""
OUTPUT_STRIDE = 8
"""Input pixels per pixel of a map, along one axis."""
REFERENCE_SIZE = (480, 640)
"""Height and width at which multiply-adds are counted."""
WORKING_PIXELS = REFERENCE_SIZE[0] * REFERENCE_SIZE[1]
"""Larger photographs are brought down to about so many."""
