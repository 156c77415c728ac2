# SPDX-License-Identifier: Apache-2.0
"""Televisions, screen towards +x, lowest point at z = 0.

Every split has televisions on a foot, on legs, for the wall, on a stand, with a tube and with a sound bar; test homes
alone have curved ones, ones in a thick frame and ones in a cabinet.
"""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import box, cushion, merge, prism, quad, rod, rounded_outline, sheet


def panel(d: Draw, width: float, bottom: float, x: float = 0.0) -> list[Mesh]:
    """Screen with its bezel and back; 16:9, lower edge at `bottom`, front at x."""
    height = width * d.uniform(0.54, 0.6)
    bezel, thick = d.uniform(0.008, 0.035), d.uniform(0.02, 0.06)
    grey = d.uniform(0.02, 0.1) if d.chance(0.85) else d.uniform(0.4, 0.8)
    frame = d.material("plastic", [grey] * 3)
    back = d.material("plastic", [d.uniform(0.02, 0.12)] * 3)
    low = bottom + bezel
    wide, tall = width - 2 * bezel, height - 2 * bezel
    parts = [
        box((thick * 0.5, width, height), (x - thick * 0.25, 0, bottom + height / 2), frame),
        box((thick, width * 0.6, height * 0.55), (x - thick * 0.6, 0, bottom + height * 0.42), back),
        quad((x + 0.002, -wide / 2, low), (0, wide, 0), (0, 0, tall), d.material("screen"), fit=True),
    ]
    if d.chance(0.2):
        parts.append(box((0.05, width * 0.7, 0.05), (x, 0, bottom + 0.025), frame))
    return parts


def foot_tv(d: Draw) -> Mesh:
    """Flat television on one foot in the middle."""
    width, lift = d.uniform(0.6, 1.3), d.uniform(0.05, 0.12)
    dark = d.material(d.pick(("plastic", "metal")), [d.uniform(0.03, 0.6)] * 3)
    parts = panel(d, width, lift)
    parts.append(box((0.03, d.uniform(0.06, 0.3) * width, lift + 0.08), (-0.02, 0, (lift + 0.08) / 2), dark))
    parts.append(
        prism(rounded_outline(d.uniform(0.18, 0.26), width * d.uniform(0.3, 0.6), d.uniform(2, 8)), 0, 0.015, dark)
    )
    return merge(parts)


def leg_tv(d: Draw) -> Mesh:
    """Flat television on two splayed legs near its ends."""
    width, lift = d.uniform(0.7, 1.45), d.uniform(0.04, 0.1)
    dark = d.material(d.pick(("plastic", "metal")), [d.uniform(0.03, 0.6)] * 3)
    parts = panel(d, width, lift)
    for sy in (-1, 1):
        y = sy * width * d.uniform(0.32, 0.42)
        for x in (-0.11, 0.11):
            parts.append(rod((x, y, 0.006), (-0.01, y, lift + 0.02), 0.008, dark, sides=5))
    return merge(parts)


def wall_tv(d: Draw) -> Mesh:
    """Thin flat television; its back (lowest x) belongs at a wall."""
    return merge(panel(d, d.uniform(0.75, 1.6), 0.0))


def stand_tv(d: Draw) -> Mesh:
    """Television on a pole with a base on the floor, or on three wooden legs."""
    width, lift = d.uniform(0.75, 1.3), d.uniform(0.55, 0.85)
    pole = d.frame()
    parts = panel(d, width, lift)
    if d.chance(0.5):
        parts.append(rod((-0.07, 0, 0), (-0.07, 0, lift + 0.3), 0.03, pole, sides=8))
        parts.append(prism(rounded_outline(0.4, width * 0.6, 5), 0, 0.02, pole))
    else:
        for sy in (-1, 1):
            parts.append(rod((0.12, sy * width * 0.36, 0), (-0.06, sy * 0.08, lift + 0.1), 0.018, pole, sides=7))
        parts.append(rod((-0.35, 0, 0), (-0.06, 0, lift + 0.15), 0.018, pole, sides=7))
    return merge(parts)


def box_tv(d: Draw) -> Mesh:
    """Old set with a tube: deep, with a bulging screen in a wide frame."""
    width, height, depth = d.uniform(0.45, 0.75), d.uniform(0.4, 0.58), d.uniform(0.35, 0.5)
    shell = d.material(d.pick(("plastic", "wood")), [d.uniform(0.05, 0.6)] * 3 if d.chance(0.7) else None)
    parts = [box((depth * 0.4, width, height), (-depth * 0.2, 0, height / 2), shell)]
    parts.append(box((depth * 0.6, width * 0.75, height * 0.75), (-depth * 0.7, 0, height * 0.45), shell))
    wide, tall = width * d.uniform(0.72, 0.9), height * d.uniform(0.68, 0.84)
    low = (height - tall) * d.uniform(0.5, 0.8)
    parts.append(quad((0.006, -wide / 2, low), (0, wide, 0), (0, 0, tall), d.material("screen"), fit=True))
    parts.append(cushion((0.03, wide * 0.3, 0.015), (0.004, 0, low * 0.5), d.material("metal"), 6, 8, 4))
    return merge(parts)


def soundbar_tv(d: Draw) -> Mesh:
    """Wide thin television on a low foot, with a long loudspeaker before it."""
    width, lift = d.uniform(0.85, 1.5), d.uniform(0.06, 0.1)
    dark = d.material("plastic", [d.uniform(0.03, 0.3)] * 3)
    parts = panel(d, width, lift)
    parts.append(box((0.04, width * 0.2, lift + 0.1), (-0.03, 0, (lift + 0.1) / 2), dark))
    parts.append(prism(rounded_outline(0.22, width * 0.4, 6), 0, 0.012, dark))
    wide, tall = width * d.uniform(0.55, 0.9), d.uniform(0.05, 0.075)
    cloth = d.material("fabric", [d.uniform(0.05, 0.4)] * 3)
    parts.append(cushion((0.09, wide, tall), (0.12, 0, tall / 2), cloth, 9, 12, 6))
    return merge(parts)


def curved_tv(d: Draw) -> Mesh:
    """Screen bent around the viewer, wide, on two angled feet."""
    width, lift = d.uniform(0.95, 1.5), d.uniform(0.06, 0.12)
    height, radius = width * d.uniform(0.46, 0.56), width * d.uniform(1.1, 1.7)
    dark = d.material("plastic", [d.uniform(0.02, 0.12)] * 3)
    t = np.linspace(-0.5, 0.5, 17)
    angle = t * width / radius
    x, y = radius * (1 - np.cos(angle)), radius * np.sin(angle)

    def strip(low: float, high: float, push: float, inset: float) -> np.ndarray:
        scale = 1 - 2 * inset / width
        return np.stack([np.stack([x + push, y * scale, np.full(17, z)], 1) for z in (low, high)])

    glass = sheet(strip(lift + 0.014, lift + height - 0.014, 0.003, 0.014), d.material("screen"))
    glass.uv[..., 0] = glass.vertices[glass.faces][..., 1] / width + 0.5
    glass.uv[..., 1] = 1 - (glass.vertices[glass.faces][..., 2] - lift) / height
    front, back = strip(lift, lift + height, 0.0, 0.0), strip(lift, lift + height, -0.04, 0.0)
    loop = [front[0], front[1], back[1], back[0], front[0]]
    parts = [sheet(front, dark), sheet(back[:, ::-1], dark), sheet(np.stack(loop)[:, ::-1], dark), glass]
    for k in (0, -1):
        end = np.stack([front[:, k], back[:, k]])
        parts.append(sheet(end if k else end[::-1], dark))
    parts.append(box((0.05, width * 0.5, height * 0.5), (-0.05, 0, lift + height * 0.4), dark))
    for sy in (-1, 1):
        foot = sy * width * 0.3
        parts.append(rod((0.16, foot, 0.008), (-0.03, foot * 0.8, lift + 0.04), 0.009, dark, sides=6))
        parts.append(rod((-0.16, foot, 0.008), (-0.03, foot * 0.8, lift + 0.04), 0.009, dark, sides=6))
    return merge(parts)


def framed_tv(d: Draw) -> Mesh:
    """Designer set: a thick frame like a shelf around the screen, standing on four slim legs."""
    width, lift = d.uniform(0.75, 1.2), d.uniform(0.35, 0.5)
    tone = d.material(d.pick(("plastic", "wood")), d.pick(([0.9] * 3, [0.2, 0.3, 0.4], [0.45, 0.1, 0.12], None)))
    height, deep, rim = width * d.uniform(0.58, 0.64), d.uniform(0.12, 0.2), d.uniform(0.025, 0.05)
    parts = [box((0.06, width, height), (0, 0, lift + height / 2), tone)]
    for z in (lift + rim / 2, lift + height - rim / 2):
        parts.append(box((deep, width + 0.02, rim), (0, 0, z), tone))
    low = lift + rim + 0.01
    wide, tall = width - 2 * rim, height - 2 * rim - 0.02
    parts.append(quad((0.033, -wide / 2, low), (0, wide, 0), (0, 0, tall), d.material("screen"), fit=True))
    parts += four_legs(deep * 1.2, width * 0.9, lift + 0.01, 0.02, 0.06, d.frame(), True)
    return merge(parts)


def console_tv(d: Draw) -> Mesh:
    """Nineteen-sixties set: bulging tube in a wooden cabinet on legs, loudspeaker cloth and knobs beside it."""
    wood, cloth = d.material("wood"), d.material("fabric")
    width, height, depth, leg = (
        d.uniform(0.75, 1.05),
        d.uniform(0.52, 0.62),
        d.uniform(0.36, 0.45),
        d.uniform(0.18, 0.3),
    )
    parts = [box((depth, width, height), (0, 0, leg + height / 2), wood)]
    parts += four_legs(depth, width * 0.95, leg + 0.01, 0.035, 0.05, wood, True)
    wide, tall = width * d.uniform(0.6, 0.7), height * 0.8
    centre = -width / 2 + wide / 2 + 0.04
    s, t = np.linspace(-1, 1, 9)[None, :], np.linspace(-1, 1, 7)[:, None]
    bulge = depth / 2 + 0.008 + 0.035 * (1 - s**4) * (1 - t**4)
    pinch = 1 - 0.07 * t**2
    grid = np.stack(np.broadcast_arrays(bulge, centre + s * pinch * wide / 2, leg + height / 2 + t * tall / 2), -1)
    glass = sheet(grid, d.material("screen"))
    glass.uv[..., 0] = (glass.vertices[glass.faces][..., 1] - centre) / wide + 0.5
    glass.uv[..., 1] = 0.5 - (glass.vertices[glass.faces][..., 2] - leg - height / 2) / tall
    rim = d.material("plastic", [d.uniform(0.05, 0.7)] * 3)
    parts += [box((0.006, wide + 0.03, tall + 0.03), (depth / 2 + 0.001, centre, leg + height / 2), rim), glass]
    side = width / 2 - (width - wide - 0.08) / 2 - 0.02
    parts.append(box((0.008, width - wide - 0.1, tall * 0.5), (depth / 2 + 0.002, side, leg + height * 0.35), cloth))
    for k in range(2):
        z = leg + height * (0.86 - 0.17 * k)
        knob = d.material("metal") if k else rim
        parts.append(rod((depth / 2, side, z), (depth / 2 + 0.03, side, z), math.sqrt(0.0006), knob, sides=12))
    return merge(parts)
