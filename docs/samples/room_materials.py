"""Paint, wood, cloth and the other materials of the sample room, all from nodes (room.py says the rest)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy

Vector3 = tuple[float, float, float]
Colour = tuple[float, float, float]


class Material:
    """A principled shader whose colour and relief come from small chains of nodes."""

    def __init__(self, name: str, colour: Colour, roughness: float = 0.6) -> None:
        self.data = bpy.data.materials.new(name)
        self.tree = self.data.node_tree
        self.shader = next(node for node in self.tree.nodes if node.type == "BSDF_PRINCIPLED")
        self.shader.inputs["Base Color"].default_value = (*colour, 1.0)
        self.shader.inputs["Roughness"].default_value = roughness

    def node(self, kind: str, **inputs: object) -> bpy.types.Node:
        made = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in inputs.items():
            socket = made.inputs[name.replace("_", " ")]
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            else:
                socket.default_value = value
        return made

    def place(
        self, scale: Vector3 = (1, 1, 1), turn: float = 0.0, by: str = "Object"
    ) -> bpy.types.NodeSocket:
        where = self.node("TexCoord").outputs[by]
        return self.node("Mapping", Vector=where, Scale=scale, Rotation=(0, 0, turn)).outputs[0]

    def ramp(
        self, factor: bpy.types.NodeSocket, colours: Sequence[tuple[float, Colour]]
    ) -> bpy.types.NodeSocket:
        made = self.node("ValToRGB", Fac=factor)
        elements = made.color_ramp.elements
        while len(elements) < len(colours):
            elements.new(0.5)
        for element, (position, colour) in zip(elements, colours, strict=True):
            element.position, element.color = position, (*colour, 1.0)
        return made.outputs["Color"]

    def mix(self, factor: object, first: object, second: object, blend: str = "MIX") -> bpy.types.NodeSocket:
        made = self.tree.nodes.new("ShaderNodeMixRGB")
        made.blend_type = blend
        for name, value in (("Fac", factor), ("Color1", first), ("Color2", second)):
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, made.inputs[name])
            else:
                made.inputs[name].default_value = value if name == "Fac" else (*value, 1.0)
        return made.outputs[0]

    def colour_by(self, socket: bpy.types.NodeSocket) -> None:
        self.tree.links.new(socket, self.shader.inputs["Base Color"])

    def relief_by(self, height: bpy.types.NodeSocket, strength: float, distance: float = 0.01) -> None:
        bump = self.node("Bump", Height=height, Strength=strength, Distance=distance)
        self.tree.links.new(bump.outputs[0], self.shader.inputs["Normal"])


def plaster(name: str, colour: Colour) -> Material:
    """Paint from a roller: a fine relief and broad faint stains."""
    made = Material(name, colour, 0.85)
    stains = made.node("TexNoise", Vector=made.place(), Scale=1.3, Detail=5.0).outputs[0]
    dark = tuple(0.9 * c for c in colour)
    made.colour_by(made.ramp(stains, [(0.3, dark), (0.7, colour)]))
    made.relief_by(made.node("TexNoise", Vector=made.place(), Scale=160.0).outputs[0], 0.25, 0.004)
    return made


def wood(name: str, dark: Colour, light: Colour, grain: Vector3, roughness: float = 0.4) -> Material:
    made = Material(name, light, roughness)
    rings = made.node("TexNoise", Vector=made.place(grain), Scale=3.0, Detail=8.0, Distortion=1.2).outputs[0]
    made.colour_by(made.ramp(rings, [(0.3, dark), (0.65, light)]))
    made.relief_by(rings, 0.08)
    return made


def planks() -> Material:
    """A floor of oak boards: each its own shade, grain along them, dark joints."""
    made = Material("planks", (0.4, 0.24, 0.12), 0.35)
    boards = made.node(
        "TexBrick",
        Vector=made.place(turn=math.pi / 2),
        Scale=1.0,
        Mortar_Size=0.0025,
        Brick_Width=1.4,
        Row_Height=0.12,
        Color1=(0.42, 0.25, 0.12, 1),
        Color2=(0.25, 0.135, 0.06, 1),
        Mortar=(0.05, 0.025, 0.012, 1),
    )
    grain = made.node(
        "TexNoise", Vector=made.place((28, 1.6, 1)), Scale=2.0, Detail=9.0, Distortion=0.6
    ).outputs[0]
    shade = made.ramp(grain, [(0.3, (0.5, 0.45, 0.4)), (0.7, (1, 1, 1))])
    made.colour_by(made.mix(0.8, boards.outputs["Color"], shade, "MULTIPLY"))
    made.relief_by(boards.outputs["Fac"], -0.3, 0.003)
    return made


def fabric(name: str, colour: Colour, weave: float = 420.0) -> Material:
    made = Material(name, colour, 0.95)
    made.shader.inputs["Sheen Weight"].default_value = 0.2
    folds = made.node("TexNoise", Vector=made.place(), Scale=9.0, Detail=4.0).outputs[0]
    made.relief_by(
        made.mix(0.35, folds, made.node("TexNoise", Vector=made.place(), Scale=weave).outputs[0]), 0.35
    )
    return made


def striped(
    name: str, ground: Colour, stripe: Colour, across: Colour, size: float, by: str = "Object"
) -> Material:
    """A woven check: stripes of two colours crossing; by "UV" they follow the folds of a sheet."""
    made = fabric(name, ground)
    waves = []
    for direction in ("X", "Y"):
        wave = made.node("TexWave", Vector=made.place(by=by), Scale=size, Distortion=0.15)
        wave.bands_direction = direction
        waves.append(made.ramp(wave.outputs["Fac"], [(0.72, (0, 0, 0)), (0.78, (1, 1, 1))]))
    once = made.mix(made.node("RGBToBW", Color=waves[0]).outputs[0], ground, stripe)
    half = made.node("Math", Value=made.node("RGBToBW", Color=waves[1]).outputs[0])
    half.operation = "MULTIPLY"
    half.inputs[1].default_value = 0.6
    made.colour_by(made.mix(half.outputs[0], once, across))
    return made


def painting() -> Material:
    """An abstract landscape: a sky, hills from noise, a warm field."""
    made = Material("painting", (0.5, 0.5, 0.5), 0.5)
    where = made.node("TexCoord").outputs["Generated"]
    hills = made.node("TexNoise", Vector=where, Scale=2.6, Detail=5.0).outputs[0]
    height = made.node("SeparateXYZ", Vector=where).outputs["Z"]
    mixed = made.mix(0.3, height, hills)
    bands = [
        (0.32, (0.45, 0.22, 0.05)),
        (0.42, (0.55, 0.4, 0.1)),
        (0.5, (0.07, 0.16, 0.1)),
        (0.58, (0.1, 0.2, 0.32)),
        (0.66, (0.55, 0.6, 0.62)),
        (0.85, (0.2, 0.38, 0.6)),
    ]
    made.colour_by(made.ramp(made.node("RGBToBW", Color=mixed).outputs[0], bands))
    return made


def carpet() -> Material:
    """A wool rug in one colour, worn unevenly."""
    made = fabric("carpet", (0.3, 0.1, 0.07), 220)
    wear = made.node("TexNoise", Vector=made.place(), Scale=5.0, Detail=6.0).outputs[0]
    made.colour_by(made.ramp(wear, [(0.3, (0.2, 0.06, 0.05)), (0.7, (0.36, 0.15, 0.1))]))
    return made


def garden() -> Material:
    """What the window shows: leaves below, a hazy sky above, all too bright for the camera."""
    made = Material("garden", (0, 0, 0))
    made.shader.inputs["Emission Strength"].default_value = 1.0
    where = made.node("TexCoord").outputs["Generated"]
    leaves = made.node("TexNoise", Vector=where, Scale=9.0, Detail=7.0).outputs[0]
    edge = made.mix(0.3, made.node("SeparateXYZ", Vector=where).outputs["Z"], leaves)
    bands = [
        (0.44, (0.1, 0.16, 0.05)),
        (0.5, (0.35, 0.5, 0.2)),
        (0.54, (2.0, 2.3, 2.5)),
        (0.9, (3.0, 3.3, 3.6)),
    ]
    made.tree.links.new(
        made.ramp(made.node("RGBToBW", Color=edge).outputs[0], bands), made.shader.inputs["Emission Color"]
    )
    return made


def glowing(name: str, colour: Colour, strength: float) -> Material:
    made = Material(name, colour, 0.9)
    made.shader.inputs["Emission Color"].default_value = (*colour, 1.0)
    made.shader.inputs["Emission Strength"].default_value = strength
    return made
