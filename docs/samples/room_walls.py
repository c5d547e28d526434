"""Walls, floor, window, curtains and door of the sample room (room.py says the rest)."""

from __future__ import annotations

import math

from room_materials import Material, Vector3, fabric, planks, plaster, wood
from room_shapes import box, surface, tube

WIDTH, DEPTH, HEIGHT = 4.6, 4.4, 2.5
WINDOW = (2.75, 3.95, 0.85, 2.1)  # in the left wall: from y, to y, from z, to z


def shell(wall: Material, paint: Material) -> None:
    """Floor, ceiling, walls (the left one with a hole for the window), skirting boards."""
    thick = 0.2
    box((-thick, -1, -0.1), (WIDTH + thick, DEPTH + thick, 0), planks(), 0)
    box(
        (-thick, -1, HEIGHT),
        (WIDTH + thick, DEPTH + thick, HEIGHT + 0.1),
        plaster("ceiling", (0.78, 0.77, 0.74)),
        0,
    )
    box((-thick, DEPTH, 0), (WIDTH + thick, DEPTH + thick, HEIGHT), wall, 0)
    box((WIDTH, -1, 0), (WIDTH + thick, DEPTH, HEIGHT), wall, 0)
    box((-thick, -1.2, 0), (WIDTH + thick, -1, HEIGHT), wall, 0)
    near, far, sill, top = WINDOW
    for low, high in (
        ((-1, 0), (near, HEIGHT)),
        ((far, 0), (DEPTH, HEIGHT)),
        ((near, 0), (far, sill)),
        ((near, top), (far, HEIGHT)),
    ):
        box((-thick, low[0], low[1]), (0, high[0], high[1]), wall, 0)
    box((0, -1, 0), (0.016, DEPTH, 0.09), paint, 0.004)
    box((0, DEPTH - 0.016, 0), (3.52, DEPTH, 0.09), paint, 0.004)


def window(paint: Material) -> None:
    """Frame, a cross of bars, a sill, and a pair of curtains on a rod."""
    near, far, sill, top = WINDOW
    middle, across = (near + far) / 2, (sill + top) / 2 + 0.2
    for a, b in (
        ((near, sill), (near + 0.06, top)),
        ((far - 0.06, sill), (far, top)),
        ((near, sill), (far, sill + 0.06)),
        ((near, top - 0.06), (far, top)),
        ((middle - 0.03, sill), (middle + 0.03, top)),
        ((near, across - 0.02), (far, across + 0.02)),
    ):
        box((-0.12, *a), (-0.07, *b), paint, 0.005)
    box((-0.1, near - 0.06, sill - 0.035), (0.14, far + 0.06, sill), paint)
    for a, b in (
        ((near - 0.07, sill), (near, top + 0.07)),
        ((far, sill), (far + 0.07, top + 0.07)),
        ((near, top), (far, top + 0.07)),
    ):
        box((0, *a), (0.02, *b), paint, 0.004)
    cloth = fabric("curtain", (0.42, 0.12, 0.1), 300)
    for start, end in ((near - 0.3, near + 0.14), (far - 0.16, far + 0.28)):
        curtain(start, end, top + 0.16, cloth)
    rod = tube(
        (0.1, middle, 0),
        far - near + 0.8,
        (0.012, 0.012),
        wood("rod", (0.03, 0.02, 0.02), (0.06, 0.04, 0.03), (1, 1, 1)),
    )
    rod.location, rod.rotation_euler = (0.1, middle, top + 0.17), (math.pi / 2, 0, 0)


def curtain(start: float, end: float, top: float, cloth: Material) -> None:
    def place(u: float, v: float) -> Vector3:
        depth = 0.045 * math.sin(u * 31) + 0.015 * math.sin(u * 67 + 2 * v)
        return (
            0.1 + depth * (0.55 + 0.45 * v),
            start + (end - start) * u + 0.012 * math.sin(5 * v + 9 * u),
            top - (top - 0.12) * v,
        )

    surface(160, 40, place, cloth)


def door(paint: Material, brass: Material) -> None:
    left, right, top, y = 3.62, 4.42, 2.02, DEPTH
    box((left, y - 0.02, 0.005), (right, y, top), paint, 0.004)
    for low, high in ((0.2, 0.95), (1.08, 1.85)):
        box((left + 0.13, y - 0.028, low), (right - 0.13, y - 0.015, high), paint, 0.01)
    for a, b in (
        ((left - 0.08, 0), (left, top + 0.08)),
        ((right, 0), (right + 0.08, top + 0.08)),
        ((left, top), (right, top + 0.08)),
    ):
        box((a[0], y - 0.035, a[1]), (b[0], y, b[1]), paint, 0.008)
    box((left + 0.04, y - 0.07, 0.98), (left + 0.16, y - 0.055, 1.0), brass, 0.005)
