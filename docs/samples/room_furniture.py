"""Bed, bookcase, armchair and the small things of the sample room (room.py says the rest)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import bpy
from room_materials import Material, Vector3, carpet, fabric, glowing, painting, striped
from room_shapes import box, cushion, light, surface, tube
from room_walls import DEPTH


def bed(timber: Material) -> None:
    """Frame and headboard, mattress, a blanket dropped on it by simulation, pillows."""
    left, right, foot, head = 1.35, 2.9, 2.25, DEPTH - 0.03
    box((left, head - 0.06, 0.1), (right, head, 1.02), timber, 0.02)
    frame = box((left, foot, 0.16), (right, head - 0.06, 0.3), timber, 0.012)
    for x in (left, right - 0.08):
        box((x, foot, 0), (x + 0.08, foot + 0.08, 0.3), timber)
    sheet = fabric("sheet", (0.75, 0.74, 0.7))
    mattress = box((left + 0.03, foot + 0.03, 0.3), (right - 0.03, head - 0.07, 0.52), sheet, 0.06)
    blanket((left - 0.26, foot - 0.2), (right + 0.26, head - 0.62), [mattress, frame])
    sham = fabric("sham", (0.72, 0.72, 0.7))
    plum = striped("plum", (0.3, 0.07, 0.09), (0.55, 0.4, 0.3), (0.12, 0.03, 0.05), 9)
    for x, lean in ((1.75, 0.06), (2.5, -0.05)):
        cushion((x, head - 0.22, 0.72), (0.66, 0.46, 0.2), (1.05, 0.03, lean), sham)
    cushion((2.07, head - 0.42, 0.68), (0.44, 0.44, 0.18), (0.95, 0.0, 0.12), plum)


def blanket(low: tuple[float, float], high: tuple[float, float], under: Sequence[bpy.types.Object]) -> None:
    """A check blanket falls on the bed and hangs over its sides; the sheet's top edge is folded back."""

    def place(u: float, v: float) -> Vector3:
        x, y = low[0] + (high[0] - low[0]) * u, low[1] + (high[1] - low[1]) * v
        return (
            x + 0.015 * math.sin(9 * v),
            y + 0.02 * math.sin(7 * u),
            0.58 + 0.012 * math.sin(13 * u + 5 * v),
        )

    thing = surface(
        84, 84, place, striped("blanket", (0.1, 0.16, 0.28), (0.6, 0.58, 0.5), (0.25, 0.05, 0.06), 5.0, "UV")
    )
    cloth = thing.modifiers.new("cloth", "CLOTH")
    cloth.settings.quality, cloth.settings.mass, cloth.settings.bending_stiffness = 6, 0.4, 1.0
    cloth.collision_settings.distance_min = 0.02
    for solid in under:
        solid.modifiers.new("collision", "COLLISION")
        solid.collision.thickness_outer = 0.02
    scene = bpy.context.scene
    for frame in range(1, 46):
        scene.frame_set(frame)
    thing.data = bpy.data.meshes.new_from_object(thing.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    thing.modifiers.clear()
    thing.modifiers.new("thick", "SOLIDIFY").thickness = 0.02
    smooth = thing.modifiers.new("smooth", "SUBSURF")
    smooth.levels = smooth.render_levels = 1


def bedside(timber: Material, brass: Material) -> None:
    """A small chest of two drawers with a lit lamp, a clock and a book on it."""
    box((3.0, DEPTH - 0.42, 0.06), (3.46, DEPTH - 0.02, 0.55), timber, 0.008)
    box((2.98, DEPTH - 0.44, 0.55), (3.48, DEPTH - 0.02, 0.575), timber, 0.008)
    for z in (0.1, 0.33):
        box((3.03, DEPTH - 0.435, z), (3.43, DEPTH - 0.41, z + 0.2), timber, 0.006)
        box((3.19, DEPTH - 0.455, z + 0.095), (3.27, DEPTH - 0.43, z + 0.115), brass, 0.004)
    tube((3.2, DEPTH - 0.2, 0.575), 0.02, (0.075, 0.07), brass)
    tube((3.2, DEPTH - 0.2, 0.59), 0.2, (0.05, 0.03), Material("glaze", (0.1, 0.2, 0.22), 0.2))
    tube((3.2, DEPTH - 0.2, 0.8), 0.21, (0.15, 0.1), glowing("shade", (0.95, 0.72, 0.42), 1.6), "NOTHING")
    light("POINT", (3.2, DEPTH - 0.2, 0.9), 9.0, (1.0, 0.75, 0.45), 0.05)
    box(
        (3.31, DEPTH - 0.4, 0.575),
        (3.44, DEPTH - 0.22, 0.6),
        Material("paperback", (0.5, 0.15, 0.08), 0.5),
        0.003,
    )


def bookcase(timber: Material, chance: random.Random) -> None:
    """Five shelves of books of all sizes, some lying, with a few things between them."""
    left, right, back, top = 0.2, 1.0, DEPTH - 0.02, 1.85
    front = back - 0.28
    for x in (left, right - 0.025):
        box((x, front, 0), (x + 0.025, back, top), timber, 0.003)
    box((left, back - 0.01, 0), (right, back, top), timber, 0)
    for shelf in range(6):
        z = 0.06 + shelf * (top - 0.09) / 5
        box((left, front, z), (right, back, z + 0.025), timber, 0.003)
        if shelf < 5:
            row_of_books(left + 0.03, right - 0.03, back - 0.02, z + 0.025, chance)


def row_of_books(start: float, end: float, back: float, foot: float, chance: random.Random) -> None:
    palette = [
        (0.35, 0.05, 0.04),
        (0.05, 0.12, 0.25),
        (0.06, 0.2, 0.1),
        (0.5, 0.35, 0.1),
        (0.6, 0.57, 0.5),
        (0.04, 0.04, 0.05),
        (0.3, 0.3, 0.32),
        (0.5, 0.18, 0.05),
        (0.2, 0.08, 0.2),
    ]
    x = start
    stop = end - chance.choice((0.0, 0.0, 0.12, 0.22))
    while True:
        thick, height, deep = (
            chance.uniform(0.014, 0.045),
            chance.uniform(0.17, 0.28),
            chance.uniform(0.14, 0.2),
        )
        if x + thick > stop:
            return
        cover = Material(
            "cover",
            tuple(c * chance.uniform(0.7, 1.3) for c in chance.choice(palette)),
            chance.uniform(0.3, 0.7),
        )
        box((x, back - deep, foot), (x + thick - 0.001, back, foot + height), cover, 0.002)
        x += thick


def picture_frame(left: float, right: float, low: float, high: float, rim: Material) -> None:
    back, front = DEPTH - 0.001, DEPTH - 0.03
    for a, b in (
        ((left, low), (right, low + 0.04)),
        ((left, high - 0.04), (right, high)),
        ((left, low), (left + 0.04, high)),
        ((right - 0.04, low), (right, high)),
    ):
        box((a[0], front, a[1]), (b[0], back, b[1]), rim, 0.005)
    box(
        (left + 0.03, front + 0.01, low + 0.03),
        (right - 0.03, back, high - 0.03),
        Material("mount", (0.8, 0.79, 0.75), 0.8),
        0,
    )
    box((left + 0.12, front + 0.008, low + 0.12), (right - 0.12, back, high - 0.12), painting(), 0)


def armchair(middle: tuple[float, float], turn: float) -> None:
    """Upholstered: seat, arms and back of stuffed boxes on short wooden feet."""
    cloth = fabric("moquette", (0.03, 0.1, 0.13), 260)
    feet = Material("feet", (0.06, 0.03, 0.02), 0.4)
    parts = [tube((x, y, 0), 0.12, (0.02, 0.028), feet) for x in (-0.28, 0.28) for y in (-0.27, 0.27)]
    parts.append(box((-0.3, -0.3, 0.12), (0.3, 0.32, 0.32), cloth, 0.04))
    parts += [box((x - 0.065, -0.31, 0.12), (x + 0.065, 0.3, 0.58), cloth, 0.05) for x in (-0.3, 0.3)]
    parts.append(box((-0.34, 0.2, 0.14), (0.34, 0.36, 0.88), cloth, 0.07))
    parts.append(cushion((0, -0.05, 0.38), (0.56, 0.58, 0.2), (0, 0, 0), cloth))
    parts.append(
        cushion((0.03, 0.14, 0.6), (0.42, 0.4, 0.15), (1.25, 0, 0.1), fabric("mustard", (0.5, 0.3, 0.05)))
    )
    parent = bpy.data.objects.new("armchair", None)
    bpy.context.collection.objects.link(parent)
    for part in parts:
        part.parent = parent
    parent.location, parent.rotation_euler = (*middle, 0), (0, 0, turn)


def rug(middle: tuple[float, float], size: tuple[float, float], turn: float) -> None:
    thing = box((-size[0] / 2, -size[1] / 2, 0), (size[0] / 2, size[1] / 2, 0.015), carpet(), 0.006)
    thing.location, thing.rotation_euler = (*middle, 0.008), (0, 0, turn)
