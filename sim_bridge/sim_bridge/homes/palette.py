# SPDX-License-Identifier: Apache-2.0
"""Colours and materials of one home: whites or pastels, one accent, one floor through the living rooms."""

from __future__ import annotations

import numpy as np

from sim_bridge.geometry.mesh import Material
from sim_bridge.homes.plan import SIDES, FloorPlan
from sim_bridge.modelling.texture_base import floor_wood_colour
from sim_bridge.modelling.textures import hsv, make_material

WET = ("bathroom", "laundry")


class Palette:
    """Draws the materials of a home's walls, floors, trim and doors.

    Args:
        rng: every choice; its own generator, so that a home keeps its layout under other materials.
        split: "train" or "test".
    """

    def __init__(self, rng: np.random.Generator, split: str) -> None:
        self.rng, self.split = rng, split
        white = rng.uniform(0.86, 0.95) * np.array([1.0, 0.995, 0.98])
        self.trim = make_material("paint", rng, split, white)
        self.ceiling = make_material("paint", rng, split, (0.93, 0.93, 0.92))
        self.wall = make_material("paint", rng, split, self._wall())
        leaf = rng.random()
        self.leaf = self.trim if leaf < 0.6 else make_material("wood", rng, split)
        self.metal = make_material("metal", rng, split)
        kind = rng.choice(["plank", "tile", "stone", "carpet"], p=[0.76, 0.12, 0.06, 0.06])
        self.main_kind = str(kind)
        self.main = self._floor(self.main_kind)
        self.kitchen = self.main if rng.random() < 0.4 else self._floor("tile")
        self.bedroom = self._floor("carpet") if rng.random() < 0.3 and self.main_kind != "carpet" else self.main
        self.accent = self._accent()

    def _wall(self) -> tuple[float, float, float]:
        rng = self.rng
        if rng.random() < 0.55:
            colour = hsv(rng.uniform(0.06, 0.16), rng.uniform(0.0, 0.07), rng.uniform(0.86, 0.95))
        else:
            hue = rng.choice([0.03, 0.09, 0.13, 0.28, 0.4, 0.55, 0.62, 0.75]) + rng.uniform(-0.03, 0.03)
            colour = hsv(hue, rng.uniform(0.04, 0.14), rng.uniform(0.78, 0.92))
        return float(colour[0]), float(colour[1]), float(colour[2])

    def _accent(self) -> Material:
        rng = self.rng
        if rng.random() < 0.45:
            hue, s = rng.uniform(0.0, 1.0), rng.uniform(0.04, 0.22)
            return make_material("wallpaper", rng, self.split, hsv(hue, s, rng.uniform(0.55, 0.9)))
        if rng.random() < 0.15:
            return make_material("brick", rng, self.split)
        hue = rng.choice([0.02, 0.07, 0.11, 0.3, 0.42, 0.53, 0.6]) + rng.uniform(-0.02, 0.02)
        return make_material("paint", rng, self.split, hsv(hue, rng.uniform(0.15, 0.42), rng.uniform(0.35, 0.75)))

    def _floor(self, kind: str) -> Material:
        rng = self.rng
        if kind == "plank":
            return make_material(kind, rng, self.split, floor_wood_colour(rng))
        if kind == "carpet":
            colour = hsv(rng.uniform(0.05, 0.15), rng.uniform(0.03, 0.25), rng.uniform(0.4, 0.75))
            return make_material(kind, rng, self.split, colour)
        if kind == "tile":
            colour = hsv(rng.uniform(0.05, 0.6), rng.uniform(0.0, 0.12), rng.uniform(0.25, 0.9))
            return make_material(kind, rng, self.split, colour)
        return make_material(kind, rng, self.split)

    def floors(self, plan: FloorPlan) -> list[Material]:
        """The floor of each room."""
        out = []
        for room in plan.rooms:
            if room.kind in WET:
                out.append(self._floor("tile"))
            else:
                out.append({"kitchen": self.kitchen, "bedroom": self.bedroom}.get(room.kind, self.main))
        return out

    def walls(self, plan: FloorPlan) -> list[dict[str, Material]]:
        """The four walls of each room, by side."""
        out = []
        for room in plan.rooms:
            base = self.wall
            if room.kind in WET:
                white = hsv(self.rng.uniform(0.05, 0.6), self.rng.uniform(0, 0.12), self.rng.uniform(0.72, 0.95))
                base = make_material("tile", self.rng, self.split, white)
            elif room.kind in ("bedroom", "study") and self.rng.random() < 0.45:
                base = make_material("paint", self.rng, self.split, self._wall())
            sides = dict.fromkeys(SIDES, base)
            chance = {"living": 0.65, "bedroom": 0.45, "study": 0.3, "dining": 0.3}.get(room.kind, 0.0)
            if self.rng.random() < chance:
                sides[str(self.rng.choice(SIDES))] = self.accent
            out.append(sides)
        return out

    def pane(self) -> Material:
        """A window onto a bright outside: one home has no windows of day and of night, nor a violet sky."""
        while True:
            pane = make_material("window", self.rng, self.split)
            red, green, blue = np.median(pane.texture[: len(pane.texture) // 3].reshape(-1, 3), axis=0)
            if pane.texture[:, :, 2].mean() > 110 and red < green - 1 and blue >= green - 4:
                return pane
