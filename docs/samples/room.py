"""The sample picture room.jpg: a bedroom that exists nowhere, built and rendered by this script.

Every shape, pattern and light is made below; no model, texture or photograph of others goes in. Script and
picture are this project's own work, released under CC0 1.0.

Tool: Blender 5.0.1 as a Python module (`pip install bpy==5.0.1`, needs Python 3.11), Cycles on the CPU.
Made by:

    python docs/samples/room.py service/page/samples/room.jpg

Metres; x to the right along the far wall, y away from the camera, z up. The camera sees 60 degrees, as the
project's other pictures assume, and is held a little aslant by hand.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from pathlib import Path

import bpy
import numpy as np
from room_furniture import armchair, bed, bedside, bookcase, picture_frame, rug
from room_materials import Material, garden, plaster, wood
from room_shapes import box, light, tube
from room_walls import DEPTH, HEIGHT, WINDOW, door, shell, window

SEED = 4


def daylight() -> None:
    """A bright hazy sky outside, its light through the window, a weak ceiling lamp behind the camera."""
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    ground = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    ground.inputs["Color"].default_value = (0.75, 0.87, 1.0, 1.0)
    ground.inputs["Strength"].default_value = 3.0
    near, far, sill, top = WINDOW
    pane = light("AREA", (-0.35, (near + far) / 2, (sill + top) / 2), 110, (0.86, 0.93, 1.0), 1.2)
    pane.rotation_euler = (0, -math.pi / 2, 0)
    pane.visible_camera = False
    sun = light("SUN", (0, 0, 5), 2.5, (1.0, 0.9, 0.75), 0.02)
    sun.rotation_euler = (0.25, -0.95, 0.1)
    lamp = light("AREA", (2.6, 1.2, HEIGHT - 0.06), 55, (1.0, 0.86, 0.7), 0.5)
    lamp.data.shape = "DISK"


def camera() -> None:
    data = bpy.data.cameras.new("camera")
    data.angle = math.radians(60)
    thing = bpy.data.objects.new("camera", data)
    thing.location = (3.75, 0.0, 1.45)
    pitch, heading, roll = math.radians(80), math.radians(24), math.radians(1.5)
    thing.rotation_euler = (pitch, roll, heading)
    bpy.context.collection.objects.link(thing)
    bpy.context.scene.camera = thing


def build() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    chance = random.Random(SEED)
    timber = wood("timber", (0.16, 0.07, 0.03), (0.32, 0.15, 0.065), (6, 1, 1))
    pine = wood("pine", (0.45, 0.27, 0.12), (0.62, 0.42, 0.22), (1, 6, 1), 0.45)
    paint = Material("paint", (0.78, 0.77, 0.73), 0.35)
    brass = Material("brass", (0.5, 0.38, 0.18), 0.3)
    brass.shader.inputs["Metallic"].default_value = 1.0
    shell(plaster("wall", (0.62, 0.57, 0.46)), paint)
    window(paint)
    bed(timber)
    bedside(timber, brass)
    bookcase(pine, chance)
    picture_frame(1.72, 2.56, 1.28, 1.92, wood("rim", (0.02, 0.015, 0.01), (0.05, 0.035, 0.02), (1, 1, 1)))
    door(paint, brass)
    armchair((3.8, 2.95), -0.45)
    rug((2.2, 1.75), (1.9, 0.75), 0.08)
    tube((0.45, DEPTH - 0.16, 1.85), 0.2, (0.06, 0.09), Material("vase", (0.6, 0.3, 0.15), 0.5))
    box(
        (0.62, DEPTH - 0.27, 1.85),
        (0.92, DEPTH - 0.05, 1.99),
        Material("cardboard", (0.42, 0.28, 0.15), 0.9),
        0.004,
    )
    box((-4.1, -2, -1.5), (-4.0, 12, 4.5), garden(), 0)
    daylight()
    camera()


def render(target: Path, size: tuple[int, int], samples: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.seed = "CPU", samples, SEED
    scene.cycles.use_denoising, scene.cycles.max_bounces = True, 8
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.5
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "clean.png")
        bpy.ops.render.render(write_still=True)
        develop(Path(folder) / "clean.png", target)


def develop(clean: Path, target: Path) -> None:
    """Grain, and darker corners, as from a small sensor; then JPEG."""
    picture = bpy.data.images.load(str(clean))
    width, height = picture.size
    pixels = np.array(picture.pixels[:], dtype=np.float32).reshape(height, width, 4)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    shade = 1 - 0.09 * (rows**2 + columns**2)
    grain = np.random.default_rng(SEED).normal(0, 0.012, (height, width, 3))
    pixels[..., :3] = np.clip(pixels[..., :3] * shade[..., None] + grain, 0, 1)
    picture.pixels[:] = pixels.ravel()
    picture.file_format = "JPEG"
    picture.save(filepath=str(target), quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the sample picture of a bedroom.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--samples", type=int, default=24, help="paths per pixel; fewer for a quick look")
    options = parser.parse_args()
    build()
    render(options.target.resolve(), tuple(options.size), options.samples)


if __name__ == "__main__":
    main()
