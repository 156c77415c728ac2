# SPDX-License-Identifier: Apache-2.0
"""Televisions, screen towards +x, lowest point at z = 0: on a foot, on legs, for the wall, on a stand, old tube set."""

from __future__ import annotations

from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import box, cushion, merge, prism, quad, rod, rounded_outline


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
