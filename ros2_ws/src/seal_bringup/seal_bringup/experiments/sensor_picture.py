# SPDX-License-Identifier: Apache-2.0
"""The picture of docs/sensors.md: one view of a LoCoBot as it is, and as its sensors measure it standing and driving.

python -m seal_bringup.experiments.sensor_picture test_01 --seed 8 --out docs/images/sensors.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seal_perception.files import replacing
from seal_perception.simulator import Observation
from seal_perception.types import Float32Array, UInt8Array
from sim_bridge.robot.config import EmbeddedConfig, robot
from sim_bridge.worlds import open_simulator

WIDTH, GAP, LINE = 480, 8, 26
CROP = (160, 80)
"""Width and height of the piece that is shown enlarged."""
FAR_M = 6.0
Picture = UInt8Array


def depth_colours(depth: Float32Array) -> Picture:
    """(H, W, 3) uint8: red is near, blue is `FAR_M` and beyond, black is no reading."""
    import cv2

    near = (255.0 * (1.0 - np.clip(depth / FAR_M, 0.0, 1.0))).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(near, cv2.COLORMAP_TURBO)[..., ::-1]).copy()
    colours[depth == 0] = 0
    return colours


def views(home: str, seed: int, config: EmbeddedConfig) -> tuple[Observation, Observation]:
    """What the robot sees standing at a start pose, and in the middle of a turn there."""
    world = open_simulator(home, config)
    standing = world.reset(seed)
    world.drive(0.2, -0.8, 0.02)
    driving = world.observe()
    world.close()
    return standing, driving


def draw(home: str, seed: int, corner: tuple[int, int]) -> Image.Image:
    """The picture: columns clean, noisy, noisy while driving; rows colour, a piece of it enlarged, depth."""
    clean = views(home, seed, robot("locobot"))[0]
    noisy, driving = views(home, seed, robot("locobot", depth_noise="d435", colour_noise="camera"))
    columns = {"as it is": clean, "standing": noisy, "turning at 0.8 rad/s": driving}
    height = round(WIDTH * clean.rgb.shape[0] / clean.rgb.shape[1])
    enlarged = round(WIDTH * CROP[1] / CROP[0])
    out = Image.new("RGB", (3 * WIDTH + 2 * GAP, LINE + 2 * (height + GAP) + enlarged), "white")
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(17)
    for k, (title, seen) in enumerate(columns.items()):
        x = k * (WIDTH + GAP)
        pen.text((x, 2), title, fill=(40, 40, 40), font=font)
        colour = Image.fromarray(seen.rgb)
        piece = colour.crop((*corner, corner[0] + CROP[0], corner[1] + CROP[1]))
        depth = Image.fromarray(depth_colours(seen.depth)).resize((WIDTH, height), Image.Resampling.NEAREST)
        out.paste(colour.resize((WIDTH, height), Image.Resampling.LANCZOS), (x, LINE))
        out.paste(piece.resize((WIDTH, enlarged), Image.Resampling.NEAREST), (x, LINE + height + GAP))
        out.paste(depth, (x, LINE + height + enlarged + 2 * GAP))
    return out


def main() -> None:
    """Draw and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("--seed", type=int, default=8, help="start pose")
    parser.add_argument("--corner", default="320,190", help="column,row of the piece that is shown enlarged")
    parser.add_argument("--out", type=Path, default=Path("docs/images/sensors.jpg"))
    options = parser.parse_args()
    column, row = (int(value) for value in options.corner.split(","))
    picture = draw(options.home, options.seed, (column, row))
    with replacing(options.out) as beside:
        picture.save(beside, format="JPEG", quality=88)
    print(f"{options.out}: {picture.width} x {picture.height}")


if __name__ == "__main__":
    main()
