"""Boxes, tubes, sheets, cushions and lights of the sample room, in metres (room.py says the rest)."""

from __future__ import annotations

from collections.abc import Callable

import bpy
from room_materials import Colour, Material, Vector3


def finish(thing: bpy.types.Object, material: Material, bevel: float = 0.0) -> bpy.types.Object:
    thing.data.materials.append(material.data)
    if bevel:
        edge = thing.modifiers.new("edge", "BEVEL")
        edge.width, edge.segments, edge.limit_method = bevel, 3, "ANGLE"
        for polygon in thing.data.polygons:
            polygon.use_smooth = True
        edge.harden_normals = True
    return thing


def box(low: Vector3, high: Vector3, material: Material, bevel: float = 0.006) -> bpy.types.Object:
    """A box between two corners; its material's coordinates start at its middle."""
    bpy.ops.mesh.primitive_cube_add(size=1, location=[(a + b) / 2 for a, b in zip(low, high, strict=True)])
    thing = bpy.context.object
    thing.scale = [b - a for a, b in zip(low, high, strict=True)]
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    return finish(thing, material, bevel)


def tube(
    foot: Vector3, height: float, radii: tuple[float, float], material: Material, ends: str = "NGON"
) -> bpy.types.Object:
    middle = (foot[0], foot[1], foot[2] + height / 2)
    bpy.ops.mesh.primitive_cone_add(
        vertices=48, radius1=radii[0], radius2=radii[1], depth=height, location=middle, end_fill_type=ends
    )
    return finish(bpy.context.object, material, 0.003)


def surface(
    columns: int, rows: int, place: Callable[[float, float], Vector3], material: Material
) -> bpy.types.Object:
    """A smooth sheet: `place` turns (u, v), both 0 to 1, into a point."""
    points = [place(i / columns, j / rows) for j in range(rows + 1) for i in range(columns + 1)]
    wide = columns + 1
    faces = [
        (j * wide + i, j * wide + i + 1, (j + 1) * wide + i + 1, (j + 1) * wide + i)
        for j in range(rows)
        for i in range(columns)
    ]
    mesh = bpy.data.meshes.new("sheet")
    mesh.from_pydata(points, [], faces)
    mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
    layer = mesh.uv_layers.new()
    for corner in mesh.loops:
        j, i = divmod(corner.vertex_index, wide)
        layer.data[corner.index].uv = (i / columns, j / rows)
    thing = bpy.data.objects.new("sheet", mesh)
    bpy.context.collection.objects.link(thing)
    return finish(thing, material)


def cushion(middle: Vector3, size: Vector3, turn: Vector3, material: Material) -> bpy.types.Object:
    """A stuffed pillow: full in the middle, thin at its edges, corners drawn out, creased by noise."""
    bpy.ops.mesh.primitive_cube_add(size=2, location=middle, rotation=turn)
    thing = bpy.context.object
    for _ in range(5):
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.subdivide()
        bpy.ops.object.mode_set(mode="OBJECT")
    for vertex in thing.data.vertices:
        x, y, z = vertex.co
        full = max(0.0, (1 - abs(x) ** 2.6) * (1 - abs(y) ** 2.6)) ** 0.45
        pinch = 1 - 0.07 * (1 - x * x) * abs(y) ** 3 - 0.07 * (1 - y * y) * abs(x) ** 3
        vertex.co = (x * pinch * size[0] / 2, y * pinch * size[1] / 2, z * (0.06 + 0.94 * full) * size[2] / 2)
    creases = bpy.data.textures.new("creases", "CLOUDS")
    creases.noise_scale = 0.16
    dented = thing.modifiers.new("creases", "DISPLACE")
    dented.texture, dented.strength, dented.texture_coords = creases, 0.035, "GLOBAL"
    for polygon in thing.data.polygons:
        polygon.use_smooth = True
    return finish(thing, material)


def light(kind: str, where: Vector3, power: float, colour: Colour, size: float) -> bpy.types.Object:
    data = bpy.data.lights.new(kind.lower(), kind)
    data.energy, data.color = power, colour
    if kind == "AREA":
        data.size = size
    elif kind == "SUN":
        data.angle = size
    else:
        data.shadow_soft_size = size
    thing = bpy.data.objects.new(kind.lower(), data)
    thing.location = where
    bpy.context.collection.objects.link(thing)
    return thing
